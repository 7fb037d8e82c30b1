/** The smallest audit that still goes through every stage: a tiny encoder, 96 real images, one or two epochs each. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { sampleImages, writeIdx } from './small-dataset.ts';
import { writeTinyEncoder } from './tiny-encoder.ts';

export interface SmallAudit {
  readonly folder: string;
  readonly encoder: string;
  readonly dataset: string;
  /** `audit` with inputs, preset and parameters; `more` is put behind. */
  args(out: string, ...more: readonly string[]): string[];
}

const parameters = {
  'probe.epochs': '2',
  'unlearn.epochs': '2',
  'recover.epochs': '2',
  'warmup.epochs': '2',
  'grow.epochs': '1',
  'grow.loss': '0.25,0.4',
  'grow.meta': '0.5',
  'final.epochs': '1',
  // Most of what such an audit would take; the sample's audit in a browser goes the whole way.
  'scan.overlay': '0',
  'scan.texture': '0',
};

/** Makes the inputs in a folder that goes when the tests of the file are over. */
export function smallAudit(): SmallAudit {
  const folder = temporaryFolder('small');
  const encoder = writeTinyEncoder(join(folder, 'encoder.onnx'));
  const dataset = writeIdx(join(folder, 'images'), sampleImages(24, 4));
  const set = Object.entries(parameters).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  return {
    folder,
    encoder,
    dataset,
    args: (out, ...more) => [
      'audit',
      ...['--encoder', encoder, '--dataset', dataset, '--out', out, '--preset', 'quick', '--mode', 'paper', ...set],
      // Two test files run side by side: threads that wait for each other would only take turns.
      ...['--threads', '1'],
      ...more,
    ],
  };
}

export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `coresift-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What equal inputs, parameters, seed, provider and threads decide; times, ids and the journal of one run are left out. */
export interface Decided {
  readonly onnx: string;
  readonly safetensors: string;
  readonly siftedSet: string;
  readonly channelMasks: unknown;
  readonly record: unknown;
  readonly runDigest: string;
}

export function decided(out: string): Decided {
  const read = (name: string): string => readFileSync(join(out, name)).toString('base64');
  const json = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>;
  const { createdAt: _created, run: _run, ...channelMasks } = json('channel-masks.json');
  const { journal, ...whole } = json('report.json');
  const ofThisRun = new Set(['reportId', 'createdAt', 'run', 'log', 'outputs']);
  const record = Object.fromEntries(Object.entries(whole).filter(([name]) => !ofThisRun.has(name)));
  return {
    onnx: read('sanitized.onnx'),
    safetensors: read('sanitized.safetensors'),
    siftedSet: read('sifted-set.csv'),
    channelMasks,
    record,
    runDigest: (journal as { runDigest: string }).runDigest,
  };
}
