/** The matrix of a bench: the void rule, the table's lines, escaping. */
import { describe, expect, it } from 'vitest';
import { matrixCsv, matrixHtml, matrixLines, type Matrix } from '../../../src-main/report/matrix.ts';
import { attackWorks, type BenchResult, type Rates } from '../../../src-shared/domain/bench.ts';

const rates = (acc: number, asr: number, control: number): Rates => ({
  acc: { hits: acc, of: 100 },
  asr: { hits: asr, of: 100 },
  control: { hits: control, of: 100 },
});
const cell = { encoder: 'clean', dataset: 'blended', seed: 1, preset: 'quick', mode: 'paper' } as const;
const result: BenchResult = {
  state: 'done',
  cell,
  rows: [
    {
      trigger: 'dataset',
      about: '<script>alert(1)</script>, "noise"',
      state: 'counted',
      undefended: rates(80, 95, 1),
      sanitized: rates(75, 2, 1),
      controls: { 'head-on-seeds': rates(70, 3, 1) },
      movedChannelsKept: { hits: 3, of: 12 },
      pictures: ['AAAA', '"><script>'],
      recovered: [
        {
          by: 'suspects',
          form: 'overlay',
          announced: true,
          measure: 'correlation',
          likeness: 0.926,
          flippedUndefended: 0.85,
          flippedSanitized: 0,
          flippedControl: 0.01,
          n: 398,
          picture: 'BBBB',
        },
        {
          by: 'scan',
          form: 'patch',
          announced: false,
          measure: 'correlation',
          likeness: -0.2,
          flippedUndefended: 0.19,
          flippedSanitized: 0.09,
          flippedControl: null,
          n: 129,
          picture: 'not base64"',
        },
      ],
    },
  ],
  leaks: { seeds: 0, pool: 1, admitted: 2, taught: 0, of: 75 },
  growths: 2,
  enrichment: 0.25,
  covers: 0,
  suspects: { hits: 70, of: 80 },
  verdict: { encoder: 'inconclusive', dataset: 'suspicious' },
  findings: [],
  seconds: 12.34,
  peakBytes: 345e6,
  version: '1',
  provider: 'ort-cpu',
};
const matrix: Matrix = {
  plan: 'p',
  domain: 'sample',
  samples: 100,
  version: '1',
  cells: 3,
  outcomes: [result, { state: 'failed', cell: { ...cell, seed: 2 }, code: 'training-diverged', message: '=cmd, "x"' }],
};

describe('an attack counts', () => {
  it.each([
    [60, 10, true],
    [59, 0, false],
    [90, 41, false],
    [100, 50, true],
    [0, 0, false],
  ])('with ASR %i and control %i: %s', (asr, control, works) => {
    expect(attackWorks(rates(80, asr, control))).toBe(works);
  });

  it('never without an image to attack', () => {
    expect(attackWorks({ ...rates(80, 0, 0), asr: { hits: 0, of: 0 } })).toBe(false);
  });
});

describe('the table', () => {
  it('has percent with Wilson intervals, and as many fields in every line', () => {
    const lines = matrixCsv(matrix).trimEnd().split('\r\n');
    expect(lines.length).toBe(3);
    expect(lines[1]).toContain(
      'clean,blended,1,quick,paper,dataset,counted,80.0,71.1,86.7,95.0,88.8,97.8,1.0,0.2,5.4,75.0',
    );
    expect(lines[1]).toContain(
      ',75,0,1,2,0,2,0.250,25.0,80,70,inconclusive,suspicious,suspects (overlay),yes,correlation,0.93,85.0,0.0,1.0,12.3,345,',
    );
    const fields = (line: string): number => line.replace(/"(?:[^"]|"")*"/g, 'x').split(',').length;
    expect(new Set(lines.map(fields)).size).toBe(1);
    expect(lines[2]).toContain('failed');
    expect(lines[2].endsWith('"training-diverged: =cmd, ""x"""')).toBe(true);
  });

  it('leaves open what a cell of an earlier version did not count', () => {
    const { leaks, growths: _, ...rest } = result;
    const { taught: _taught, ...counted } = leaks;
    const before = { ...matrix, outcomes: [{ ...rest, leaks: counted }] };
    expect(matrixCsv(before)).toContain(',75,0,1,2,,,0.250,25.0,');
    expect(matrixLines(before.outcomes[0])[0]).toContain('leaks 0 / 1 / 2 of 75;');
    expect(matrixLines(result)[0]).toContain('leaks 0 / 1 / 2 / 0 of 75, grown 2 times;');
  });

  it('is a page without scripts in which names are text and only base64 becomes a picture', () => {
    const page = matrixHtml(matrix);
    expect(page).not.toContain('<script');
    expect(page).toContain('&#60;script&#62;alert(1)&#60;/script&#62;');
    expect(page.match(/<img /g)?.length).toBe(2);
    expect(page).toContain('suspects: correlation 0.93, flips 85.0 / 0.0 / 1.0');
    expect(page).toContain('scan: correlation -0.20, flips 19.0 / 9.0 / –; not announced');
    expect(page).toMatch(/2 of 3 cells\s+finished/);
    expect(page).toContain(
      '1 rows counted, 0 void, 1 cells failed, sanitized ASR minus control: median 1.0, worst 1.0.',
    );
  });

  it('is a line per row on a terminal, and says why a cell failed', () => {
    expect(matrixLines(result)[0]).toContain(
      'No Defense 80.0 / 95.0 / 1.0; sanitized 75.0 / 2.0 / 1.0; leaks 0 / 1 / 2 / 0 of 75, grown 2 times',
    );
    expect(matrixLines(result).slice(-2)).toEqual([
      '  suspects: correlation 0.93, flips 85.0 / 0.0 / 1.0',
      '  scan: correlation -0.20, flips 19.0 / 9.0 / –; not announced',
    ]);
    expect(matrixLines(matrix.outcomes[1])).toEqual([
      'clean + blended, seed 2, quick, paper: failed (training-diverged) =cmd, "x"',
    ]);
  });

  it('shows a cell of a version that did not look for the trigger, with those fields empty', () => {
    const [{ recovered: _, ...row }] = result.rows;
    const old: BenchResult = { ...result, rows: [row] };
    const lines = matrixCsv({ ...matrix, outcomes: [old] })
      .trimEnd()
      .split('\r\n');
    expect(lines[1]).toContain(',inconclusive,suspicious,,,,,,,,12.3,345,');
    expect(matrixHtml({ ...matrix, outcomes: [old] })).toContain('sanitized ASR minus control');
    expect(matrixLines(old).length).toBe(2);
  });

  it('cannot be made of a cell whose recovered triggers are no list, so that it is measured again', () => {
    const [row] = result.rows;
    const edited = { ...result, rows: [{ ...row, recovered: { 0: 'x' } }] } as unknown as BenchResult;
    expect(() => matrixLines(edited)).toThrow(TypeError);
  });
});
