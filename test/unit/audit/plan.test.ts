import { describe, expect, it } from 'vitest';
import { planAudit, planText } from '../../../src-main/audit/plan.ts';
import { parameterValues, resolveParameters } from '../../../src-main/engine/tcore/parameters.ts';

const input = (preset: 'quick' | 'standard' | 'thorough', samples = 3000) => ({
  mode: 'paper' as const,
  parameters: parameterValues(resolveParameters(preset)),
  samples,
  classes: 10,
  pixels: 784,
  weights: 440_000,
  forwardRate: 8000,
});

describe('the plan', () => {
  it('takes longer for more thorough presets, more samples and slower machines', () => {
    const standard = planAudit(input('standard')).seconds;
    expect(planAudit(input('quick')).seconds).toBeLessThan(standard);
    expect(planAudit(input('thorough')).seconds).toBeGreaterThan(standard);
    expect(planAudit(input('standard', 30_000)).seconds).toBeGreaterThan(5 * standard);
    expect(planAudit({ ...input('standard'), forwardRate: 800 }).seconds).toBeGreaterThan(3 * standard);
  });

  it('plans no filtering of channels in distilled mode', () => {
    const { stages } = planAudit({ ...input('standard'), mode: 'distilled' });
    const names = ['probe', 'sift', 'expand', 'warm-up', 'grow', 'final', 'evidence', 'opinions', 'export'];
    expect(stages.map(({ stage }) => stage)).toEqual(names);
    expect(stages.every(({ seconds }) => seconds > 0)).toBe(true);
  });

  it('plans second opinions where they are asked, and more for all of them', () => {
    const opinions = (preset: 'quick' | 'standard' | 'thorough'): number =>
      planAudit(input(preset)).stages.find(({ stage }) => stage === 'opinions')?.seconds ?? 0;
    expect(opinions('quick')).toBe(0);
    expect(opinions('standard')).toBeGreaterThan(0);
    expect(opinions('thorough')).toBeGreaterThan(opinions('standard'));
  });

  it('plans the alarm for learnt patterns where it is on', () => {
    const evidence = (parameters: ReturnType<typeof input>['parameters']): number =>
      planAudit({ ...input('standard'), parameters }).stages.find(({ stage }) => stage === 'evidence')?.seconds ?? 0;
    const { parameters } = input('standard');
    expect(evidence(parameters)).toBeGreaterThan(evidence({ ...parameters, 'inversion.epochs': 0 }));
  });

  it('is the sum of its stages, none of them negative', () => {
    const { seconds, stages } = planAudit(input('standard'));
    expect(stages.reduce((sum, stage) => sum + stage.seconds, 0)).toBeCloseTo(seconds, 9);
    expect(stages.every((stage) => stage.seconds >= 0)).toBe(true);
  });

  it('says in one line what a person wants to know before it begins', () => {
    const plan = planAudit(input('quick'));
    const text = planText(
      { plan, dataset: { samples: 3000, classes: new Array<string>(10) }, provider: { id: 'ort-cpu', threads: 1 } },
      'quick',
    );
    expect(text).toMatch(
      /^Plan: preset quick, 3,000 samples in 10 classes, ort-cpu with 1 thread; about \d+ (s|min) and \d+ MB\.$/,
    );
  });
});
