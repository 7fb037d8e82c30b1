/** `coresift bench` from its sources, on the user's own small files: cells, tables, kill and resume, refusals. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BenchResult } from '../../src-shared/domain/bench.ts';
import { runCommand, startCommand } from '../support/command-line.ts';
import { temporaryFolder } from '../support/small-audit.ts';
import { sampleImages, writeIdx } from '../support/small-dataset.ts';
import { writeTinyEncoder } from '../support/tiny-encoder.ts';

const folder = temporaryFolder('bench');
const encoder = writeTinyEncoder(join(folder, 'encoder.onnx'));
const dataset = writeIdx(join(folder, 'images'), sampleImages(60, 4));
const plan = {
  name: 'small',
  data: { domain: 'given', samples: 120, test: 60 },
  target: 1,
  encoders: { clean: { attack: 'none' }, bad: { attack: 'badencoder', epochs: 1 } },
  datasets: {
    clean: { attack: 'none' },
    blended: { attack: 'blended', options: { rate: 0.1 } },
    same: { attack: 'encoder-trigger', options: { rate: 0.1 } },
  },
  cells: [
    ['clean', 'blended'],
    ['bad', 'same'],
    ['bad', 'blended'],
  ],
  seeds: [1],
  presets: ['quick'],
  modes: ['paper'],
  controls: ['head-on-seeds'],
  overrides: {
    'probe.epochs': 2,
    'unlearn.epochs': 1,
    'recover.epochs': 1,
    'warmup.epochs': 1,
    'grow.loss': '0.3',
    'grow.meta': '',
    'final.epochs': 1,
  },
};
const planFile = join(folder, 'plan.json');
writeFileSync(planFile, JSON.stringify(plan));
const args = (out: string, ...more: string[]): string[] => [
  'bench',
  ...['--plan', planFile, '--out', out, '--encoder', encoder, '--dataset', dataset],
  // For how many threads a graph is laid out decides its last digits.
  ...['--device', 'cpu', '--threads', '1'],
  ...more,
];
const cells = (out: string): string[] => readdirSync(join(out, 'cells')).filter((name) => name.endsWith('.json'));
/** What equal plan, inputs and seed decide. */
const numbers = (out: string): unknown[] =>
  cells(out).map((name) => {
    const {
      seconds: _s,
      peakBytes: _p,
      ...rest
    } = JSON.parse(readFileSync(join(out, 'cells', name), 'utf8')) as BenchResult;
    return rest;
  });

describe("a bench on one's own files", () => {
  const out = join(folder, 'killed');

  it(
    'keeps finished cells when it is killed, goes on with the others, and ends with the numbers of an unbroken one of two cells at once',
    async () => {
      const running = startCommand(args(out));
      await running.said('Cell 2 of 3');
      running.child.kill('SIGKILL');
      await running.ended;
      expect(cells(out).length).toBe(1);
      const first = join(out, 'cells', cells(out)[0]);
      const before = statSync(first).mtimeMs;
      expect(readFileSync(join(out, 'matrix.html'), 'utf8')).toMatch(/1 of 3 cells\s+finished/);

      const resumed = await runCommand(args(out, '--resume'));
      expect([resumed.code, resumed.stderr]).toEqual([0, expect.stringContaining('(kept)')]);
      expect(statSync(first).mtimeMs).toBe(before);
      expect(cells(out).length).toBe(3);

      const whole = join(folder, 'whole');
      expect((await runCommand(args(whole, '--at-once', '2'))).code).toBe(0);
      expect(numbers(out)).toEqual(numbers(whole));
      // The poisoned encoder was made once for its two cells.
      expect(readdirSync(join(whole, 'encoders')).filter((name) => name.endsWith('.onnx')).length).toBe(1);
    },
    15 * 60_000,
  );

  it('writes a line per cell and trigger: two where encoder and dataset have one each, one where they share it', () => {
    const lines = readFileSync(join(out, 'matrix.csv'), 'utf8').trimEnd().split('\r\n');
    expect(lines.slice(1).map((line) => line.split(',').slice(0, 6).join())).toEqual([
      'clean,blended,1,quick,paper,dataset',
      'bad,same,1,quick,paper,both',
      'bad,blended,1,quick,paper,encoder',
      'bad,blended,1,quick,paper,dataset',
    ]);
    for (const line of lines) expect(line.split(',').length).toBe(lines[0].split(',').length);
    const page = readFileSync(join(out, 'matrix.html'), 'utf8');
    expect(page).toContain('default-src &#39;none&#39;');
    expect(page).not.toMatch(/<script|http:|https:/);
    // Three of every row, and the square of the scan where the trigger may be the encoder's.
    expect(page.match(/data:image\/png;base64,/g)?.length).toBe(4 * 3 + 2);
  });

  it('refuses several cells at once where they may share a GPU', async () => {
    const twice = await runCommand(['bench', '--plan', 'quick', '--out', join(folder, 'gpu'), '--at-once', '2']);
    expect([twice.code, twice.stderr]).toEqual([4, expect.stringContaining('need --device cpu')]);
  });

  it('refuses a folder of another plan, one that is not empty, and one with nothing to resume', async () => {
    expect((await runCommand(args(out))).stderr).toContain('out-not-empty');
    writeFileSync(planFile, JSON.stringify({ ...plan, seeds: [2] }));
    expect((await runCommand(args(out, '--resume'))).stderr).toContain('resume-differs');
    writeFileSync(planFile, JSON.stringify(plan));
    writeFileSync(join(out, 'build.txt'), 'of an earlier build\n');
    const ofAnother = await runCommand(args(out, '--resume'));
    expect(ofAnother.stderr).toContain('resume-differs');
    expect(ofAnother.stderr).toContain('another build of Coresift');
    const fresh = join(folder, 'fresh');
    expect((await runCommand(args(fresh, '--resume'))).stderr).toContain('nothing-to-resume');
  });

  it('says which option of a plan does not fit the data', async () => {
    writeFileSync(
      planFile,
      JSON.stringify({ ...plan, datasets: { ...plan.datasets, blended: { attack: 'sig', options: { rate: 0.9 } } } }),
    );
    const refused = await runCommand(args(join(folder, 'greedy')));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('108 samples of poison are wanted')]);
    expect(refused.stderr).toContain('plan-invalid');
    expect(existsSync(join(folder, 'greedy', 'matrix.csv'))).toBe(false);
    writeFileSync(planFile, JSON.stringify(plan));
  });
});
