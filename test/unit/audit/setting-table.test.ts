/** What can be set by name, as a page is told of it, and that it refuses what an audit would refuse, in the same words. */
import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../../src-main/audit/chosen-parameters.ts';
import { settingTable } from '../../../src-main/audit/setting-table.ts';
import { defaultLimits } from '../../../src-main/formats/limits.ts';
import type { ChosenSettings } from '../../../src-shared/domain/setting.ts';

const table = (chosen: Partial<ChosenSettings> = {}) =>
  settingTable({ preset: 'standard', overrides: {}, limits: {}, device: 'auto', ...chosen });

describe('the table of settings', () => {
  it('names every parameter that a run records, at the value its preset leaves it at', async () => {
    for (const preset of ['quick', 'standard', 'thorough'] as const) {
      const { parameters } = await table({ preset });
      const recorded = parametersOf({ preset, overrides: {} });
      expect(parameters.map(({ name, value }) => [name, value])).toEqual(
        Object.entries(recorded).map(([name, { value }]) => [name, value]),
      );
    }
  });

  it('says of each which values it can have', async () => {
    const { parameters } = await table();
    const wants = (name: string) => parameters.find((one) => one.name === name)?.wants;
    expect(wants('grow.cap')).toEqual({ kind: 'share' });
    expect(wants('sift.k')).toEqual({ kind: 'number' });
    expect(wants('augment.flip')).toEqual({ kind: 'switch' });
    expect(wants('grow.loss')).toEqual({ kind: 'shares' });
    expect(wants('filter.scope')).toEqual({ kind: 'choice', of: ['layer', 'global'] });
  });

  it('names every limit of the readers', async () => {
    const { limits } = await table();
    expect(limits.find(({ name }) => name === 'dataset.maxFiles')?.value).toBe(defaultLimits.dataset.maxFiles);
    expect(limits).toHaveLength(Object.values(defaultLimits).flatMap((group: object) => Object.keys(group)).length);
  });

  it.each([
    ['an unknown parameter', { overrides: { 'grow.cup': 1 } }, 'overrides', 'grow.cup'],
    ['a share above 1', { overrides: { 'grow.cap': 1.5 } }, 'overrides', 'grow.cap'],
    ['a word for a number', { overrides: { 'sift.k': 'many' } }, 'overrides', 'sift.k'],
    ['shares that fall', { overrides: { 'grow.loss': '0.5,0.2' } }, 'overrides', 'grow.loss'],
    ['labels that are taught without answers', { overrides: { 'distil.labels': 0.4 } }, 'overrides', 'distil.labels'],
    ['less memory than the engine needs', { overrides: { 'memory.limit': 1000 } }, 'overrides', 'memory.limit'],
  ] as const)('refuses %s with the words of the audit', async (_case, chosen, field, name) => {
    const { faults } = await table(chosen);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatchObject({ field, name });
    let said = '';
    try {
      parametersOf({ preset: 'standard', overrides: chosen.overrides });
    } catch (error) {
      said = (error as { detail: string }).detail;
    }
    expect(faults[0]?.message).toBe(said);
  });

  it.each([
    ['a limit of zero', { limits: { 'dataset.maxFiles': 0 } }, 'limits', 'whole number above 0'],
    ['a device there is not', { device: 'abacus' }, 'device', 'met "abacus"'],
  ] as const)('refuses %s', async (_case, chosen, field, words) => {
    const { faults } = await table(chosen);
    expect(faults).toEqual([
      { field, name: expect.any(String) as string, message: expect.stringContaining(words) as string },
    ]);
  });

  it('takes a list of one share, which looks like a number', async () => {
    const { faults } = await table({ overrides: { 'grow.loss': 0.3 } });
    expect(faults).toEqual([]);
  });

  it('tells two faults at two fields', async () => {
    const { faults } = await table({ overrides: { 'grow.cap': -1, 'sift.k': true }, limits: { 'no.such': 1 } });
    expect(faults.map(({ name }) => name)).toEqual(['grow.cap', 'sift.k', 'no.such']);
  });
});
