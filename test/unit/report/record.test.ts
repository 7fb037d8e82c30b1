import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { channelMasksJson } from '../../../src-main/report/channel-masks.ts';
import { reportJson } from '../../../src-main/report/json.ts';
import { plainJson } from '../../../src-main/report/plain-json.ts';
import { buildRecord } from '../../../src-main/report/record.ts';
import { siftedSetCsv, siftedSetHeader } from '../../../src-main/report/sifted-set.ts';
import { binomialInterval } from '../../../src-shared/statistics.ts';
import { reportInput } from './sample.ts';

describe('the record', () => {
  it('counts every sample under one verdict and lists suspects by rank', () => {
    const record = buildRecord(reportInput(1000, 40));
    const { byVerdict, total, suspects } = record.samples;
    expect(Object.values(byVerdict).reduce((sum, n) => sum + n, 0)).toBe(total);
    expect(byVerdict.suspicious).toBe(40);
    expect(suspects.total).toBe(40);
    expect(suspects.listed.map((one) => one.rank)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(suspects.byClass).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 40]);
    expect(suspects.listed[0]).toMatchObject({
      index: 0,
      className: 'ankle boot',
      predictedClass: 't-shirt',
      admittedRound: null,
    });
  });

  it('draws every suspect and seed where they fit and says how many samples it left out', () => {
    const { scatter } = buildRecord(reportInput(20_000, 100)).samples;
    expect(scatter.drawn).toBe(3000);
    expect(scatter.of).toBe(20_000);
    expect(scatter.verdict.filter((verdict) => verdict === 'suspicious')).toHaveLength(100);
    expect(new Set(scatter.index).size).toBe(3000);
  });

  it('is the same for the same input, and survives its JSON', () => {
    const text = reportJson(buildRecord(reportInput(300, 10)));
    expect(reportJson(buildRecord(reportInput(300, 10)))).toBe(text);
    const back = JSON.parse(text) as ReturnType<typeof buildRecord>;
    expect(back.journal.head).toEqual({ seq: 41, hash: 'c'.repeat(64) });
    expect(back.method.parameters['filter.keep']).toEqual({ value: 0.6, chosenBy: 'analyst' });
  });

  it('keeps the ends of a long curve', () => {
    const input = reportInput(10, 0);
    const curves = Array.from({ length: 5000 }, (_, i) => ({ stage: 'probe', name: 'loss', at: i, value: i }));
    const thin = buildRecord({ ...input, curves }).curves;
    expect(thin).toHaveLength(400);
    expect([thin[0]!.at, thin.at(-1)!.at]).toEqual([0, 4999]);
  });

  it('refuses columns that do not belong to the names', () => {
    const input = reportInput(10, 0);
    expect(() => buildRecord({ ...input, names: input.names.slice(1) })).toThrow(/names must have 10 entries, met 9/);
  });
});

describe('an accuracy', () => {
  it('comes with its Wilson interval', () => {
    // Reference: scipy 1.17.1, scipy.stats.binomtest(107, 120).proportion_ci(method='wilson').
    const [low, high] = binomialInterval(107 / 120, 120)!;
    expect(low).toBeCloseTo(0.8234463978470834, 12);
    expect(high).toBeCloseTo(0.9355885884582655, 12);
    expect(binomialInterval(0, 10)![0]).toBe(0);
    expect(binomialInterval(0.5, 0)).toBeNull();
    expect(binomialInterval(null, 10)).toBeNull();
  });
});

describe('sifted-set.csv', () => {
  it('trusts no sample of a class that could not be judged', () => {
    const { columns, names, result } = reportInput(200, 7);
    const undecided = result.dataset.classes.map(() => 'inconclusive' as const);
    const words = (verdicts: readonly 'inconclusive'[]): string[] =>
      (parse(siftedSetCsv(columns, names, [], verdicts), { columns: true }) as Record<string, string>[]).map(
        (row) => row.verdict,
      );
    expect(words([])).toContain('trusted');
    expect(words(undecided)).not.toContain('trusted');
    expect(words(undecided)).toContain('suspicious');
  });

  it('has one row per sample with what the audit says of it', () => {
    const { columns, names, result } = reportInput(200, 7);
    const csv = siftedSetCsv(
      columns,
      names,
      result.dataset.classes.map((one) => one.name),
      [],
    );
    const rows = parse(csv, { columns: true }) as Record<(typeof siftedSetHeader)[number], string>[];
    expect(rows).toHaveLength(200);
    expect(rows[3]).toMatchObject({
      index: '3',
      path: 'ankle boot/00003.png',
      label: 'ankle boot',
      in_seed_set: '0',
      round_admitted: '',
      verdict: 'suspicious',
    });
    expect(Number(rows[3]!.final_loss)).toBeCloseTo(columns.finalLoss[3]!, 5);
    expect(Number(rows[3]!.loss_reduction)).toBeCloseTo(columns.probeLoss[3]! - columns.finalLoss[3]!, 5);
    expect(new Set(rows.map((row) => row.verdict))).toEqual(new Set(['suspicious', 'trusted', 'inconclusive']));
  });

  it('leaves unknown numbers empty', () => {
    const { columns, names } = reportInput(3, 0);
    columns.finalLoss.fill(NaN);
    const rows = parse(siftedSetCsv(columns, names, [], []), { columns: true }) as Record<string, string>[];
    expect(rows.map((row) => [row['final_loss'], row['loss_reduction']])).toEqual([
      ['', ''],
      ['', ''],
      ['', ''],
    ]);
  });
});

describe('channel-masks.json', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../../src-main/report/schemas/channel-masks.schema.json', import.meta.url), 'utf8'),
  ) as object;
  const valid = new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);
  const { result, createdAt } = reportInput(10, 0);
  const subject = { encoder: result.encoder, runId: 'r', createdAt };

  it('is valid against its schema, also with masks that are unknown', () => {
    const value: unknown = JSON.parse(channelMasksJson(result.channels, subject));
    expect(valid(value), JSON.stringify(valid.errors)).toBe(true);
    const layer = { ...result.channels.layers[0]!, mask: [NaN, ...result.channels.layers[0]!.mask.slice(1)] };
    const unknown: unknown = JSON.parse(
      channelMasksJson({ ...result.channels, unlearnedAccuracy: NaN, layers: [layer] }, subject),
    );
    expect(valid(unknown), JSON.stringify(valid.errors)).toBe(true);
  });

  it('is not valid with a field missing, added or out of range', () => {
    const value = JSON.parse(channelMasksJson(result.channels, subject)) as Record<string, unknown>;
    expect(valid({ ...value, layers: undefined })).toBe(false);
    expect(valid({ ...value, extra: 1 })).toBe(false);
    expect(valid({ ...value, recoveredAccuracy: 1.5 })).toBe(false);
  });
});

describe('written JSON', () => {
  it('keeps lists of numbers on a line and says the same as JSON.stringify', () => {
    const value = { a: [1, 2.5, null], b: { c: [], d: [{ e: 'x"y' }, {}] }, f: true };
    expect(JSON.parse(plainJson(value))).toEqual(value);
    expect(plainJson({ a: [1, 2] })).toBe('{\n  "a": [1, 2]\n}\n');
  });
});
