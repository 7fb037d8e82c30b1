/** A run that learnt the trigger grows its model once more, without the samples that share it, and says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modes, type Mode } from '../../../src-shared/domain/run.ts';
import type { StepJournal, StepResult } from '../../../src-main/engine/journal.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineResult } from '../../../src-main/engine/tcore/context.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { recording, type Recording } from '../../support/replay-journal.ts';
import { poisoned, stamped, toyContext, toyImages, toySource } from '../../support/toy-audit.ts';
import { fileGraph } from '../../unit/encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const target = 1;
const clean = toyImages({ sizes: [48, 48, 48, 48] });
const { images, poison } = poisoned(clean, 24, target);
/** Enough epochs for the trigger to be learnt. */
const overrides = {
  'warmup.epochs': 30,
  'grow.epochs': 3,
  'final.epochs': 15,
  'grow.cap': 0.8,
  'distil.warmupEpochs': 8,
  'distil.growEpochs': 3,
  'distil.finalEpochs': 4,
  'inversion.epochs': 10,
  'grow.meta': '0.8',
  'distil.labels': '0.7',
  'distil.answers': '0.8',
};

/** Every poison sample is forced into the first pool: sifting is taken to have failed. */
function run(mode: Mode, record: Recording, more: Readonly<Record<string, number>> = {}): Promise<PipelineResult> {
  const context = toyContext(
    provider,
    fileGraph('resnet-bn'),
    images,
    { ...overrides, ...more },
    {
      mode,
      journal: record.journal,
      forcedLeak: Int32Array.from(poison),
    },
  );
  return bootstrapAudit(context);
}

/** Share of stamped images of other classes that a model calls the target. */
async function flipped(model: Graph): Promise<number> {
  const others = [...clean.labels.keys()].filter((i) => clean.labels[i] !== target);
  const triggered = {
    ...clean,
    pixels: others.map((i) => stamped(clean.pixels[i], clean.shape)),
    labels: Int32Array.from(others, () => target),
  };
  const options = { batch: 50, signal: new AbortController().signal };
  return (await evaluateClassifier(provider, model, toySource(triggered), null, options)).accuracy;
}

describe.each(modes)('in %s mode', (mode) => {
  let record: Recording;
  let result: PipelineResult;
  let once: PipelineResult;
  beforeAll(async () => {
    record = recording();
    result = await run(mode, record);
    // Everything up to the alarm is the same and need not be computed twice.
    const until = record.names.indexOf('evidence') + 1;
    once = await run(mode, record.cutAfter(until), { 'inversion.again': 0 });
  });

  it('ends with a model that does not follow the trigger, where the first one did', async () => {
    expect(await flipped(once.sanitized)).toBeGreaterThan(0.5);
    expect(await flipped(result.sanitized)).toBeLessThan(0.2);
  });

  it('counts the rounds of the second time on, and admits no sample that shares the pattern', () => {
    const first = once.rounds.length;
    expect(result.rounds.map(({ round }) => round)).toEqual([...Array(2 * first).keys()]);
    expect(result.rounds.slice(0, first)).toEqual(once.rounds);
    const admitted = [...result.columns.admittedRound].filter((round) => round >= 0);
    expect(Math.min(...admitted)).toBe(first);
    const taught = [...poison].filter((i) => result.columns.admittedRound[i] >= 0);
    expect(taught.length).toBeLessThan(0.2 * poison.size);
  });

  it('says what was learnt, and of which model the numbers are', () => {
    const told = result.sifting.warnings.find(({ code }) => code === 'learnt-pattern');
    expect(told?.classIndex).toBe(target);
    expect(told?.message).toMatch(/grown once more without these samples, and the sanitized model is that later one/);
    expect(result.verdict.classes[target].verdict).toBe('suspicious');
    expect(once.verdict.classes[target].claim).toContain('do not use the sanitized model');
  });

  it('grows it a third time where the second one learnt a pattern, too, and still distrusts who shared the first', async () => {
    const untilLook = record.cutAfter(record.names.indexOf('evidence/learnt/again'));
    // Of the second look: that it finds what the first one found, shared by three others.
    const others = Int32Array.from(
      [...clean.labels.keys()].filter((i) => clean.labels[i] === target && !poison.has(i)).slice(0, 3),
    );
    let first: StepResult | null = null;
    const journal: StepJournal = {
      async step(spec, compute) {
        if (spec.name !== 'evidence/learnt/again') {
          const step = await untilLook.journal.step(spec, compute);
          if (spec.name === 'evidence/learnt') first = step;
          return step;
        }
        const { data, tensors } = first as unknown as StepResult;
        const samples = { dtype: 'int32' as const, dims: [others.length], data: others };
        const { followed } = data as unknown as { readonly followed: readonly unknown[] };
        const shared = Object.fromEntries(followed.map((_, at) => [`samples/${at}`, samples]));
        return untilLook.journal.step(spec, async () => ({ data, tensors: { ...tensors, ...shared } }));
      },
    };
    const third = await run(mode, { ...untilLook, journal });
    expect(untilLook.names).toContain('evidence/learnt/again/again');
    expect(third.rounds).toHaveLength(3 * once.rounds.length);
    const isAdmitted = (i: number): boolean => third.columns.admittedRound[i] >= 0;
    expect([...others].filter(isAdmitted)).toEqual([]);
    const distrusted = [...result.columns.suspectRank.keys()].filter((i) => result.columns.suspectRank[i] >= 0);
    expect(distrusted.filter((i) => poison.has(i)).length).toBeGreaterThan(10);
    expect(distrusted.filter((i) => poison.has(i) && isAdmitted(i))).toEqual([]);
    expect(third.verdict.classes[target].verdict).toBe('suspicious');
  });

  it('lists whoever shows the recovered trigger, last of the suspects, and says how many they are', async () => {
    const accepted = [...clean.labels.keys()]
      .filter((i) => clean.labels[i] === target && !poison.has(i) && result.columns.suspectRank[i] < 0)
      .slice(0, 3);
    const showing = { dtype: 'int32' as const, dims: [accepted.length], data: Int32Array.from(accepted) };
    const until = record.cutAfter(record.names.indexOf('evidence/triggers'));
    const journal: StepJournal = {
      step: (spec, compute) =>
        until.journal.step(spec, async () => {
          const found = await compute();
          return spec.name === 'evidence/triggers' ? { ...found, tensors: { ...found.tensors, showing } } : found;
        }),
    };
    const told = await run(mode, { ...until, journal });
    const before = [...result.columns.suspectRank].filter((rank) => rank >= 0).length;
    expect(accepted.map((i) => told.columns.suspectRank[i]).sort((a, b) => a - b)).toEqual([
      before,
      before + 1,
      before + 2,
    ]);
    expect(told.verdict.dataset.evidence).toMatchObject({ suspects: before + 3, showing: 3 });
  });

  it('ends in the same bytes when it is cut off in the second time', async () => {
    const { names } = record;
    const at = names.indexOf('warm-up/again') + 1;
    const cut = record.cutAfter(at);
    const resumed = await run(mode, cut);
    expect(cut.computed).toEqual(names.slice(at));
    expect(resumed.digest).toBe(result.digest);
    expect(resumed.columns).toEqual(result.columns);
  });
});
