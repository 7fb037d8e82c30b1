/** A small project with everything in it that a run writes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatasetFacts, EncoderFacts, SiftingFacts } from '../../../src-shared/domain/result.ts';
import type { AuditRequest, PoolRound } from '../../../src-shared/domain/run.ts';
import type { AuditVerdict } from '../../../src-shared/domain/verdict.ts';
import { openWriter, type ProjectWriter } from '../../../src-main/store/writer.ts';

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'coresift-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const request: AuditRequest = {
  encoder: '/data/encoder.onnx',
  dataset: '/data/boots',
  mode: 'paper',
  preset: 'quick',
  seed: 7,
  device: 'cpu',
  arch: null,
  inputSize: null,
  mean: null,
  std: null,
  representation: null,
  classes: null,
  overrides: {},
  limits: {},
};

export const encoder: EncoderFacts = {
  file: '/data/encoder.onnx',
  bytes: 1234,
  sha256: 'e'.repeat(64),
  format: 'onnx',
  architecture: null,
  scan: [],
  opset: 17,
  producer: 'pytorch 2.2',
  nodes: 20,
  parameters: 1000,
  family: 'conv+bn',
  input: { channels: 1, height: 28, width: 28 },
  normalisation: { mean: null, std: null, source: 'graph' },
  representation: { tensor: 'features', dim: 64, how: 'before the head' },
  taps: [{ id: 'tap0', label: 'stem', channels: 16 }],
  restoredNorms: 0,
};

export const dataset: DatasetFacts = {
  path: '/data/boots',
  format: 'image-folder',
  sha256: 'd'.repeat(64),
  samples: 3,
  classes: [{ name: 'boot', count: 3 }],
  unreadable: [],
  duplicates: 0,
  notes: [],
};

export const sifting: SiftingFacts = {
  taps: [{ id: 'tap0', label: 'stem', neighbourShare: 0.7, chance: 0.1, used: true, reason: '' }],
  k: 10,
  rule: '2-means',
  seeds: 1,
  pool: 2,
  perClass: [{ className: 'boot', samples: 3, seeds: 1, pool: 2, majorityShare: 0.7, separation: 1.2 }],
  warnings: [],
};

export const poolRound: PoolRound = {
  round: 0,
  guidance: 'seeds',
  share: 0.1,
  size: 3,
  perClass: [3],
  admitted: 3,
  removed: 0,
  guardAccuracy: 0.9,
  loss: 0.25,
  stopped: null,
};

const finding = {
  code: 'x',
  name: null,
  verdict: 'trusted',
  confidence: 0.9,
  claim: 'All fits.',
  evidence: {},
  wouldChange: 'A refused cluster.',
} as const;
export const verdict: AuditVerdict = {
  encoder: { ...finding, subject: 'encoder' },
  dataset: { ...finding, subject: 'dataset' },
  classes: [],
  notExamined: [],
};

let clock = Date.UTC(2026, 0, 2, 3, 4, 5);
export const options = { appVersion: '0.1.0', now: () => (clock += 1000) };

/** A finished run of three steps with events, masks, pools, columns, an export and a decision. */
export function fillProject(dir: string): { readonly run: string; readonly writer: ProjectWriter } {
  const writer = openWriter(dir, options);
  const { id: run } = writer.startRun({
    request,
    parameters: { 'sift.k': { value: 10, chosenBy: 'default' } },
    environment: { cpu: 'x', out: '..' },
  });
  writer.setSubjects(run, { encoder, dataset });
  const step = (name: string, bytes: number, keep: 'kept' | 'transient') =>
    writer.commitStep(run, {
      name,
      params: { k: 10, note: 'n'.repeat(80) },
      inputs: [encoder.sha256],
      data: { name, list: [1, 2.5, -0] },
      tensors: new Uint8Array(1000).fill(bytes),
      keep,
      seconds: 1.5,
      ...(name === 'grow/0' ? { poolRounds: [poolRound] } : {}),
    });
  step('sift', 1, 'kept');
  writer.saveChannelMasks(run, [
    { id: 'conv1', label: 'stem', channels: 3, kept: 2, mask: [0, 0.5, 1], trusted: [false, true, true] },
  ]);
  step('grow/0', 2, 'transient');
  writer.appendEvents(run, [
    { type: 'stage', stage: 'grow', state: 'started' },
    { type: 'metric', stage: 'grow', name: 'loss', at: 0, value: 0.5 },
    { type: 'metric', stage: 'grow', name: 'loss', at: 1, value: 0.25 },
    { type: 'progress', stage: 'grow', done: 1, total: 2, unit: 'epochs', rate: null, etaSeconds: null },
  ]);
  step('grow/1', 3, 'kept');
  writer.saveSiftedSet(run, {
    label: 'final',
    facts: sifting,
    columns: {
      index: Int32Array.of(0, 1, 2),
      majority: Float32Array.of(0.5, NaN, 1),
      seed: Uint8Array.of(1, 0, 0),
      name: ['a', 'ü', '=1'],
    },
  });
  writer.finishRun(run, { verdict, result: { outcome: 1 } });
  writer.recordExport(run, { format: 'onnx', path: 'sanitized.onnx', bytes: 10, sha256: 'a'.repeat(64) });
  writer.decide(run, {
    who: 'analyst',
    subject: 'sample',
    key: '2',
    act: 'override',
    value: 'trusted',
    reason: 'seen by eye',
  });
  return { run, writer };
}
