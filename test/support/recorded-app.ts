/**
 * An app in memory that plays a recorded audit: for tests of hosts and pages, which must not depend on compute. Its
 * numbers have the shape of a real run of the sample project; nothing of it ships.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { reportHandlers } from '../../src-main/audit/app-reports.ts';
import { settingTable } from '../../src-main/audit/setting-table.ts';
import type {
  App,
  AppProcedures,
  Handlers,
  NumberedEvent,
  Preview,
  RunDetail,
  SampleTable,
  UserSettings,
} from '../../src-shared/contract.ts';
import type { AuditResult } from '../../src-shared/domain/result.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import {
  defaultMode,
  stages,
  type AuditRequest,
  type PoolRound,
  type RunEvent,
  type RunSummary,
} from '../../src-shared/domain/run.ts';
import { recordedAttacks } from './recorded-attacks.ts';
import type { ModelScan } from '../../src-shared/domain/scan.ts';
import type { DecisionRow } from '../../src-shared/domain/decision.ts';
import type { AuditVerdict, Finding } from '../../src-shared/domain/verdict.ts';
import { CancelledError, ExpectedError, serializeFailure } from '../../src-shared/failure.ts';
import { recordedOpinions } from './recorded-opinions.ts';

const classNames = [
  't-shirt',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];
const split = {
  code: 'balanced-split',
  message: 'Class "ankle boot" falls into two groups of similar size in most taps: either could be the poison.',
  values: {},
};
const samplesPerClass = 200;
const samples = classNames.length * samplesPerClass;
const target = 9;

/** Mulberry32: enough for pictures. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const rounds: readonly PoolRound[] = [0.1, 0.16, 0.24, 0.33, 0.42, 0.5, 0.58, 0.65, 0.7].map((share, round) => ({
  round,
  guidance: round === 0 ? 'seeds' : round === 8 ? 'final' : round < 5 ? 'loss' : 'meta',
  share,
  size: Math.round(share * samples),
  perClass: classNames.map(() => Math.round(share * samplesPerClass)),
  admitted: Math.round(0.08 * samples),
  removed: round * 3,
  guardAccuracy: 0.71 + 0.02 * round - (round === 6 ? 0.03 : 0),
  loss: 1.1 * 0.8 ** round,
  stopped: round === 8 ? 'cap reached' : null,
}));

export function recordedTable(): SampleTable {
  const next = random(7);
  const gauss = (): number => Math.sqrt(-2 * Math.log(next() || 1e-9)) * Math.cos(2 * Math.PI * next());
  const columns = {
    index: new Int32Array(samples),
    label: new Int32Array(samples),
    majority: new Float32Array(samples),
    consistency: new Float32Array(samples),
    seed: new Uint8Array(samples),
    pool: new Uint8Array(samples),
    admittedRound: new Int32Array(samples),
    probeLoss: new Float32Array(samples),
    finalLoss: new Float32Array(samples),
    predicted: new Int32Array(samples),
    suspectRank: new Int32Array(samples).fill(-1),
    discrepancy: new Float32Array(samples).fill(NaN),
    scatterX: new Float32Array(samples),
    scatterY: new Float32Array(samples),
  };
  let suspects = 0;
  for (let index = 0; index < samples; index++) {
    const label = Math.floor(index / samplesPerClass);
    const poisoned = label === target && index % 4 === 0;
    const angle = (2 * Math.PI * (poisoned ? 3.5 : label)) / classNames.length;
    const radius = poisoned ? 2.5 : 6;
    columns.index[index] = index;
    columns.label[index] = label;
    columns.majority[index] = poisoned ? 0.2 * next() : 0.6 + 0.4 * next();
    columns.consistency[index] = poisoned ? 0.4 * next() : 0.5 + 0.5 * next();
    columns.seed[index] = !poisoned && next() < 0.1 ? 1 : 0;
    columns.pool[index] = !poisoned && next() < 0.3 ? 1 : 0;
    columns.admittedRound[index] = poisoned ? -1 : Math.floor(next() * 9);
    columns.probeLoss[index] = poisoned ? 0.02 : next();
    columns.finalLoss[index] = poisoned ? 4 + next() : 0.3 * next();
    columns.predicted[index] = poisoned ? 7 : label;
    if (poisoned) columns.suspectRank[index] = suspects++;
    columns.scatterX[index] = radius * Math.cos(angle) + gauss();
    columns.scatterY[index] = radius * Math.sin(angle) + gauss();
  }
  return { classNames, columns, complete: true };
}

const finding = (over: Partial<Finding>): Finding => ({
  code: 'dataset.refused-cluster',
  subject: 'dataset',
  name: null,
  verdict: 'suspicious',
  confidence: 0.94,
  claim:
    'Of 2,000 samples 50 were never admitted although the undefended model fits them; all are labelled ankle boot.',
  evidence: {
    refused: 50,
    'refused in ankle boot': 50,
    'median final loss of refused': 4.47,
    'median final loss of others': 0.15,
  },
  wouldChange: 'Fewer than 5 refused samples in each class, or refused samples spread over all classes.',
  ...over,
});

export const recordedVerdict: AuditVerdict = {
  encoder: finding({
    code: 'encoder.shortcut-channels',
    subject: 'encoder',
    confidence: 0.88,
    claim:
      '38 of 256 channels react to a pattern that 50 samples share; without them the flip rate falls from 97 % to 4 %.',
    evidence: {
      'untrusted channels': 38,
      channels: 256,
      patchRow: 23,
      patchColumn: 23,
      patchSize: 4,
      patchValue: 1,
      flippedUndefended: 0.97,
      flippedSanitized: 0.04,
      flipsOf: 560,
    },
    wouldChange: 'A recovered pattern that flips the undefended model no more often than a random one.',
  }),
  dataset: finding({}),
  classes: classNames.map((name, index) =>
    finding({
      code: index === target ? 'class.refused-cluster' : 'class.admitted',
      subject: 'class',
      name,
      verdict: index === target ? 'suspicious' : index === 6 ? 'inconclusive' : 'trusted',
      confidence: index === target ? 0.94 : 0.8,
      claim: `${index === target ? 50 : index} of 200 samples labelled ${name} were refused.`,
      evidence: { refused: index === target ? 50 : index, samples: 200 },
      wouldChange: 'More refused samples.',
    }),
  ),
  notExamined: [
    { what: 'GPU providers', reason: 'not-available', detail: 'This machine has none; the audit ran on the CPU.' },
  ],
};

export function recordedResult(): AuditResult {
  return {
    triggers: { residues: [], meanResidue: null, estimate: null },
    encoder: {
      file: 'encoder.onnx',
      bytes: 1_234_567,
      sha256: 'a3f5'.repeat(16),
      format: 'ONNX',
      architecture: null,
      scan: [],
      opset: 17,
      producer: 'pytorch 1.13.1',
      nodes: 42,
      parameters: 272_474,
      family: 'conv + BatchNormalization',
      input: { channels: 1, height: 28, width: 28 },
      normalisation: { mean: [0.5], std: [0.25], source: 'graph' },
      representation: { tensor: 'features', dim: 64, how: 'pooled vector before the head' },
      taps: [
        { id: 't0', label: 'stem', channels: 16 },
        { id: 't1', label: 'block 1', channels: 32 },
        { id: 't2', label: 'block 2', channels: 64 },
      ],
      restoredNorms: 0,
    },
    dataset: {
      path: '/data/fashion',
      format: 'IDX',
      sha256: 'bc09'.repeat(16),
      samples,
      classes: classNames.map((name) => ({ name, count: samplesPerClass })),
      unreadable: [{ name: 'img-0411.png', reason: 'truncated file' }],
      duplicates: 3,
      notes: ['read "train-images", left out "t10k-images"'],
    },
    sifting: {
      taps: [
        { id: 't1', label: 'block 1', neighbourShare: 0.6, chance: 0.1, used: true, reason: '' },
        { id: 't0', label: 'stem', neighbourShare: 0.12, chance: 0.1, used: false, reason: 'at chance level' },
      ],
      k: 20,
      rule: '2-means',
      seeds: 190,
      pool: 560,
      perClass: classNames.map((className) => ({
        className,
        samples: samplesPerClass,
        seeds: 19,
        pool: 56,
        majorityShare: 0.6,
        separation: 1.4,
      })),
      warnings: [
        {
          classIndex: target,
          className: 'ankle boot',
          ...split,
        },
      ],
    },
    channels: {
      used: true,
      layers: [
        {
          id: 'l1',
          label: 'block 1',
          channels: 4,
          kept: 3,
          mask: [1, 1, 0.2, 0.9],
          trusted: [true, true, false, true],
        },
        {
          id: 'l2',
          label: 'block 2',
          channels: 4,
          kept: 2,
          mask: [0.1, 1, 0.2, 0.9],
          trusted: [false, true, false, true],
        },
      ],
      wires: [
        [-1, 0],
        [0, 1],
        [0, 2],
        [1, 2],
      ],
      saturatedAtOne: 0.3,
      unlearnedAccuracy: 0.12,
      recoveredAccuracy: 0.83,
    },
    rounds,
    outcome: { guardSamples: 120, probeAccuracy: 0.93, sanitizedAccuracy: 0.87 },
    verdict: recordedVerdict,
    parameters: { 'sift.k': { value: 20, chosenBy: 'default' }, 'grow.cap': { value: 0.7, chosenBy: 'preset' } },
  };
}

/** The events of a whole run, in order. */
export function recordedEvents(): RunEvent[] {
  const events: RunEvent[] = [];
  for (const stage of stages) {
    events.push({ type: 'stage', stage, state: 'started' });
    const total = stage === 'grow' ? 8 : 5;
    for (let done = 1; done <= total; done++) {
      events.push({
        type: 'progress',
        stage,
        done,
        total,
        unit: stage === 'grow' ? 'rounds' : 'epochs',
        rate: 4,
        etaSeconds: (total - done) / 4,
      });
      if (stage === 'probe' || stage === 'unlearn' || stage === 'recover') {
        events.push({ type: 'metric', stage, name: 'loss', at: done, value: 1.8 * 0.6 ** done + 0.05 });
      }
      if (stage === 'grow') events.push({ type: 'pool', round: rounds[done] as PoolRound });
    }
    if (stage === 'warm-up') events.push({ type: 'pool', round: rounds[0] as PoolRound });
    if (stage === 'preflight') {
      events.push({
        type: 'warning',
        code: 'unreadable',
        message: '1 image could not be read and was left out.',
        subject: 'img-0411.png',
      });
    }
    if (stage === 'sift') {
      events.push({
        type: 'warning',
        ...split,
        subject: 'ankle boot',
      });
    }
    events.push({ type: 'stage', stage, state: 'finished' });
  }
  events.push({ type: 'finished', verdict: recordedVerdict, exitCode: 1 });
  return events;
}

/** A picture of 28 pixels: a shape per class, and in the poisoned samples a white square in the corner. */
async function drawn(
  index: number,
  size: number,
): Promise<{ width: number; height: number; png: Uint8Array<ArrayBuffer> }> {
  const label = Math.floor(index / samplesPerClass) % classNames.length;
  const side = 28;
  const pixels = new Uint8Array(side * side);
  const next = random(index + 1);
  const wide = 5 + (label % 5) * 1.5 + next();
  const high = 11 - (label % 4) * 2 + next();
  for (let at = 0; at < pixels.length; at++) {
    const x = (at % side) - side / 2 + 0.5;
    const y = Math.floor(at / side) - side / 2 + 0.5;
    const inside = label % 2 === 0 ? Math.abs(x) < wide && Math.abs(y) < high : Math.hypot(x / wide, y / high) < 1;
    pixels[at] = inside ? 120 + 90 * next() : 12;
    if (label === target && index % 4 === 0 && x > side / 2 - 5 && y > side / 2 - 5) pixels[at] = 255;
  }
  const factor = Math.max(1, Math.floor(size / side));
  const png = await sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
    .resize(side * factor, side * factor, { kernel: 'nearest' })
    .png()
    .toBuffer();
  return { width: side * factor, height: side * factor, png: new Uint8Array(png) };
}

async function previewOf(encoder: string | null, dataset: string | null): Promise<Preview> {
  const { encoder: facts, dataset: data, channels } = recordedResult();
  const missing = (path: string) => ({
    state: 'failed' as const,
    failure: serializeFailure(new ExpectedError('file-missing', path)),
  });
  const pictures = Array.from({ length: 24 }, (_, at) => at * 80);
  const both = encoder !== null && dataset !== null && !`${encoder}${dataset}`.includes('missing');
  return {
    encoder:
      encoder === null
        ? null
        : encoder.includes('missing')
          ? missing(encoder)
          : {
              state: 'read',
              file: facts.file,
              bytes: facts.bytes,
              sha256: facts.sha256,
              format: facts.format,
              architecture: null,
              opset: facts.opset,
              producer: facts.producer,
              family: facts.family,
              parameters: facts.parameters,
              input: facts.input,
              representation: facts.representation,
              taps: facts.taps.map((tap) => tap.label),
              layers: channels.layers.map((layer) => ({ label: layer.label, channels: layer.channels })),
              normalisation: null,
              notes: [],
            },
    dataset:
      dataset === null
        ? null
        : dataset.includes('missing')
          ? missing(dataset)
          : {
              state: 'read',
              format: 'idx',
              samples,
              classes: data.classes,
              skipped: 0,
              notes: ['The train split was read.'],
              pictures: await Promise.all(
                pictures.map(async (index) => ({
                  index,
                  name: `images#${index}`,
                  label: Math.floor(index / samplesPerClass),
                  width: 28,
                  height: 28,
                  picture: index === 160 ? null : await drawn(index, 112),
                  reason: index === 160 ? 'truncated file' : '',
                })),
              ),
              measured: { mean: [0.286], std: [0.353], of: 23 },
            },
    plans: both
      ? (['quick', 'standard', 'thorough'] as const).flatMap((preset, at) =>
          ([null, 'none', 'cheap', 'all'] as const).map((opinions) => ({
            mode: defaultMode,
            preset,
            opinions,
            seconds: 40 * (at + 1) + (opinions === 'all' ? 60 : 0),
            peakBytes: 400e6 + 50e6 * at,
            stages: [
              { stage: 'probe', seconds: 4 * (at + 1) },
              { stage: 'grow', seconds: 36 * (at + 1) },
            ],
          })),
        )
      : null,
  };
}

function recordedScan(path: string): ModelScan {
  const name = path.split('/').at(-1) ?? path;
  const { encoder } = recordedResult();
  const hostile = name.endsWith('.pt');
  return {
    kind: 'file',
    file: { name, bytes: encoder.bytes, sha256: encoder.sha256 },
    parts: [],
    format: hostile ? 'PyTorch' : encoder.format,
    producer: hostile ? '' : encoder.producer,
    opset: hostile ? null : encoder.opset,
    architecture: null,
    graph: hostile
      ? null
      : {
          nodes: encoder.nodes,
          operators: [
            ['Conv', 20],
            ['Relu', 19],
            ['Gemm', 3],
          ],
          inputs: ['pixels float32 [N,1,28,28]'],
          outputs: ['features float32 [N,64]'],
          family: encoder.family,
          layers: 20,
          parameters: encoder.parameters,
        },
    sizes: { files: encoder.bytes, weights: hostile ? null : 1_089_896 },
    findings: hostile
      ? [
          {
            rule: 'pickle.unsafe-global',
            severity: 'danger',
            title: 'It calls posix.system when it is opened',
            where: 'data.pkl, byte 2, opcode GLOBAL',
            detail: '<img src=x onerror=alert(1)>\u202e',
            atlas: 'AML.T0018.002',
          },
        ]
      : [],
    notes: [],
    notExamined: hostile
      ? [{ what: 'weights and graph', reason: 'encoder-unsafe', detail: 'Its content cannot be had.' }]
      : [],
  };
}

interface Run {
  summary: RunSummary;
  readonly request: AuditRequest;
  readonly events: NumberedEvent[];
  decisions: readonly DecisionRow[];
  sifted: boolean;
  paused: boolean;
  wasPaused: boolean;
  next: number;
  readonly waiting: Set<() => void>;
}

export interface RecordedOptions {
  /** Milliseconds between two events; 0 = all at once. */
  readonly pace?: number;
  /** So many events are told of a run, and the rest once it was paused and goes on: nothing of it is over too soon. */
  readonly heldAt?: number;
  /** So many replays go on until they are cancelled. */
  readonly endlessReplays?: number;
  /** Replaces the tape of each run. */
  readonly tape?: () => RunEvent[];
}

export function recordedApp(options: RecordedOptions = {}): App {
  const pace = options.pace ?? 0;
  let endlessReplays = options.endlessReplays ?? 0;
  const tape = options.tape ?? recordedEvents;
  const runs = new Map<string, Run>();
  let settings: UserSettings = { language: null, theme: null };
  const timers = new Set<NodeJS.Timeout>();

  const find = (runId: string): Run => {
    const run = runs.get(runId);
    if (run === undefined) throw new ExpectedError('run-unknown', runId);
    return run;
  };
  const emit = (run: Run, event: RunEvent): void => {
    run.events.push({ cursor: run.events.length + 1, time: new Date().toISOString(), event });
    if (event.type === 'stage' && event.stage === 'sift' && event.state === 'finished') run.sifted = true;
    const end = (state: RunSummary['state'], error: RunSummary['error'], finished: AuditVerdict | null): void => {
      run.summary = {
        ...run.summary,
        state,
        error,
        finishedAt: new Date().toISOString(),
        verdict: finished && { encoder: finished.encoder.verdict, dataset: finished.dataset.verdict },
      };
    };
    if (event.type === 'finished') end('finished', null, event.verdict);
    if (event.type === 'cancelled') end('cancelled', null, null);
    if (event.type === 'failed') end('failed', { code: event.code, message: event.message }, null);
    for (const wake of run.waiting) wake();
  };
  const play = (run: Run): void => {
    if (run.summary.state !== 'running') return;
    if (run.paused || (run.next === options.heldAt && !run.wasPaused)) return;
    const event = tape()[run.next++];
    if (event === undefined) return;
    emit(run, event);
    if (pace === 0) return play(run);
    const timer = setTimeout(() => {
      timers.delete(timer);
      play(run);
    }, pace);
    timers.add(timer);
  };
  const start = (request: AuditRequest, encoderName: string, datasetName: string): RunSummary => {
    const number = runs.size + 1;
    const run: Run = {
      request,
      events: [],
      decisions: [],
      sifted: false,
      next: 0,
      paused: false,
      wasPaused: false,
      waiting: new Set(),
      summary: {
        id: `run-${number}`,
        number,
        state: 'running',
        encoderName,
        datasetName,
        preset: request.preset,
        mode: request.mode,
        seed: request.seed,
        startedAt: new Date().toISOString(),
        finishedAt: null,
        verdict: null,
        error: null,
      },
    };
    runs.set(run.summary.id, run);
    play(run);
    return run.summary;
  };
  const base = (path: string): string => path.split('/').at(-1) ?? path;
  const detail = (run: Run): RunDetail => ({
    summary: run.summary,
    request: run.request,
    folder: `/project/runs/${run.summary.number}`,
    exports:
      run.summary.state !== 'finished'
        ? []
        : [
            { name: 'sanitized.onnx', bytes: 1_100_000, sha256: '0f1e'.repeat(16), purpose: 'Sanitized classifier' },
            { name: 'report.html', bytes: 88_000, sha256: '7a6b'.repeat(16), purpose: 'Report to read' },
            { name: 'sifted-set.csv', bytes: 140_000, sha256: '55aa'.repeat(16), purpose: 'One row per sample' },
          ],
  });

  const recordedOnly = (): never => {
    throw new Error('A recorded audit has no project and no engine.');
  };
  const keys = mkdtempSync(join(tmpdir(), 'coresift-keys-'));
  const handlers: Handlers<AppProcedures> = {
    // Keys are real ones; reports and packs are not, for there is no run behind them.
    ...reportHandlers({ keys, vault: null, spawn: recordedOnly, reader: recordedOnly }),
    'report.write': async ({ runId, formats, out }) => {
      const { number } = find(runId).summary;
      const folder = out ?? `/project/reports/${number}`;
      return { folder, files: formats.map((name) => ({ name, bytes: 88_000, sha256: '7a6b'.repeat(16) })) };
    },
    'pack.verify': async ({ path }) => [
      { what: 'archive', ok: true, detail: 'Byte for byte what its files make.' },
      { what: 'report.html', ok: !path.includes('changed'), detail: 'It was changed.' },
    ],
    'app.info': async () => ({
      name: 'Coresift',
      version: '0.1.0',
      platform: 'linux',
      processors: 2,
      threads: 2,
      sample: {
        title: 'Fashion-MNIST with a planted backdoor',
        description: '2,000 real images, some of them poisoned, and an encoder that knows the trigger.',
        samples,
      },
    }),
    'project.open': async ({ folder }) => ({
      name: base(folder ?? '/home/analyst/audits'),
      folder: folder ?? '/home/analyst/audits',
      schemaVersion: 1,
      runs: runs.size,
      journal: { entries: 12, intact: true },
    }),
    'runs.list': async () => [...runs.values()].map((run) => run.summary).reverse(),
    'run.get': async ({ runId }) => detail(find(runId)),
    'run.start': async ({ request }) => {
      if (request.encoder.includes('missing')) throw new ExpectedError('file-missing', request.encoder);
      return start(request, base(request.encoder), base(request.dataset));
    },
    'run.cancel': async ({ runId }) => {
      const run = find(runId);
      run.paused = false;
      if (run.summary.state === 'running') emit(run, { type: 'cancelled' });
      return run.summary;
    },
    'run.pause': async ({ runId }) => {
      const run = find(runId);
      // An engine stands still in a computation, hardly ever between two stages.
      while (run.summary.state === 'running' && tape()[run.next - 1]?.type !== 'progress') {
        const event = tape()[run.next++];
        if (event === undefined) break;
        emit(run, event);
      }
      if (run.summary.state !== 'running' || run.paused) return run.summary;
      run.paused = true;
      run.wasPaused = true;
      emit(run, { type: 'paused' });
      return run.summary;
    },
    'run.continue': async ({ runId }) => {
      const run = find(runId);
      if (!run.paused) return run.summary;
      run.paused = false;
      emit(run, { type: 'continued' });
      play(run);
      return run.summary;
    },
    'run.resume': async ({ runId }) => {
      const run = find(runId);
      if (run.summary.state === 'finished') return run.summary;
      run.summary = { ...run.summary, state: 'running', finishedAt: null, error: null };
      play(run);
      return run.summary;
    },
    async *'run.events'({ runId, after }, { signal }) {
      const run = find(runId);
      let wake = (): void => undefined;
      const onWake = (): void => wake();
      run.waiting.add(onWake);
      signal.addEventListener('abort', onWake);
      try {
        for (let next = after; ;) {
          for (; next < run.events.length; next++) yield run.events[next] as NumberedEvent;
          if (run.summary.state !== 'running') return;
          await new Promise<void>((resolve) => (wake = resolve));
          if (signal.aborted) throw new CancelledError();
        }
      } finally {
        run.waiting.delete(onWake);
        signal.removeEventListener('abort', onWake);
      }
    },
    'run.result': async ({ runId }) => (find(runId).summary.state === 'finished' ? recordedResult() : null),
    'run.columns': async ({ runId }) => {
      const run = find(runId);
      return run.sifted ? { ...recordedTable(), complete: run.summary.state === 'finished' } : null;
    },
    'sample.thumbnail': async ({ runId, index, size }) => {
      find(runId);
      return drawn(index, size);
    },
    'sample.open': async () => start(auditRequest('encoder.onnx', 'fashion'), 'encoder.onnx', 'fashion'),
    'report.html': async ({ runId }) => {
      if (find(runId).summary.state !== 'finished') throw new ExpectedError('report-missing', '');
      return {
        html: '<!doctype html><html lang="en"><title>Report</title><h1>Audit report</h1>',
        sha256: '7a6b'.repeat(16),
      };
    },
    doctor: async () => ({
      checks: [{ name: 'onnxruntime (CPU)', state: 'ok', detail: 'self-test passed', values: { threads: 2 } }],
    }),
    'run.taps': async ({ runId }) => {
      if (!find(runId).sifted) return null;
      const { columns } = recordedTable();
      const { taps } = recordedResult().sifting;
      const next = random(11);
      const consistency = new Float32Array(taps.length * samples);
      for (let at = 0; at < consistency.length; at++) {
        const depth = Math.floor(at / samples) / taps.length;
        const own = columns.consistency[at % samples] ?? 0;
        consistency[at] = Math.min(1, Math.max(0, own * (0.5 + depth) + 0.2 * next()));
      }
      return { taps: taps.map(({ id, label, used }) => ({ id, label, used })), consistency };
    },
    async *'run.map'({ runId, tap, method }) {
      if (!find(runId).sifted) throw new ExpectedError('map-missing', tap);
      if (method === 'umap')
        for (let done = 0; done <= 200; done += 50) yield { kind: 'progress', phase: 'placing', done, total: 200 };
      const { scatterX, scatterY } = recordedTable().columns;
      // Another layout of the same samples: turned, and drawn together.
      const turn = method === 'umap' ? 1 : tap.length;
      const x = scatterX.map((value, at) => Math.cos(turn) * value - Math.sin(turn) * (scatterY[at] ?? 0));
      const y = scatterX.map((value, at) => Math.sin(turn) * value + Math.cos(turn) * (scatterY[at] ?? 0));
      yield { kind: 'map', map: { tap, method, seed: method === 'umap' ? 7 : null, x, y, placed: samples } };
    },
    'run.pools': async ({ runId }) => {
      const pools = find(runId).events.flatMap(({ event }) => (event.type === 'pool' ? [event.round.round] : []));
      const { admittedRound, seed, pool } = recordedTable().columns;
      const member = new Uint8Array(pools.length * samples);
      pools.forEach((round, r) => {
        for (let row = 0; row < samples; row++) {
          const admitted = admittedRound[row] ?? -1;
          const inside = seed[row] === 1 || pool[row] === 1 || (admitted >= 0 && admitted <= round);
          member[r * samples + row] = inside ? 1 : 0;
        }
      });
      return { rounds: pools, member };
    },
    'sample.neighbours': async ({ runId, index }) => {
      if (!find(runId).sifted) return { taps: [] };
      if (index >= samples) throw new ExpectedError('request-invalid', `index: sample ${index} of ${samples}.`);
      const first = Math.floor(index / samplesPerClass) * samplesPerClass;
      const near = (step: number): Int32Array =>
        Int32Array.from({ length: 6 }, (_, at) => first + ((index + step * (at + 1)) % samplesPerClass));
      return {
        taps: [
          { id: 't1', label: 'block 1', samples: near(7) },
          { id: 't2', label: 'block 2', samples: near(4) },
        ],
      };
    },
    'run.opinions': async ({ runId }) => (find(runId).sifted ? recordedOpinions() : null),
    'run.decisions': async ({ runId }) => find(runId).decisions,
    'run.decide': async ({ runId, decision }) => {
      const run = find(runId);
      if (decision.act === 'override' && decision.reason === '')
        throw new ExpectedError('request-invalid', 'run.decide: reason: an override needs one.');
      const id = run.decisions.length + 1;
      run.decisions = [...run.decisions, { ...decision, who: 'analyst', id, at: new Date().toISOString() }];
      return run.decisions;
    },
    'run.decide-all': async ({ runId, samples: chosen, act, value }) => {
      const run = find(runId);
      const first = run.decisions.length + 1;
      const at = new Date().toISOString();
      const more = chosen.map((sample, i): DecisionRow => {
        return { id: first + i, at, who: 'analyst', subject: 'sample', key: String(sample), act, value, reason: '' };
      });
      run.decisions = [...run.decisions, ...more];
      return run.decisions;
    },
    'project.journal': async ({ before, limit }) => {
      const kinds = [
        'project-created',
        ...[...runs.values()].flatMap(() => ['run-started', 'subjects', 'step', 'export']),
      ];
      for (const run of runs.values()) for (const _ of run.decisions) kinds.push('decision');
      const entries = kinds
        .map((kind, at) => ({
          seq: at + 1,
          runNumber: at === 0 ? null : 1,
          kind,
          at: '2026-01-01T12:00:00.000Z',
          what: kind === 'step' ? 'step: sift' : kind,
          hash: (at + 10).toString(16).padStart(2, '0').repeat(32),
        }))
        .reverse()
        .filter((entry) => before === 0 || entry.seq < before)
        .slice(0, limit);
      return { total: kinds.length, entries };
    },
    'project.verify': async () => [
      { what: 'journal entry 1 (project-created)', ok: true, detail: 'fits' },
      { what: 'journal entry 2 (run-started)', ok: true, detail: 'fits' },
      { what: 'file sifted-set.csv', ok: false, detail: 'cannot be read', kind: 'not-examined' },
    ],
    'audit.preview': async ({ encoder, dataset }) => previewOf(encoder, dataset),
    'audit.settings': (chosen) => settingTable(chosen),
    'model.inspect': async ({ path }) => {
      if (path.includes('missing')) throw new ExpectedError('file-missing', path);
      return recordedScan(path);
    },
    async *'run.replay'({ runId }) {
      const { state } = find(runId).summary;
      if (state !== 'finished') throw new ExpectedError('report-missing', `The run is ${state}.`);
      const endless = endlessReplays-- > 0;
      for (let at = 0; endless || at < 4; at++) {
        yield { kind: 'progress', stage: stages[at % 4], done: 1, total: 2 };
        await new Promise((resolve) => setTimeout(resolve, pace));
      }
      const same = { ok: true, detail: 'a'.repeat(64) };
      const checks = [
        { what: 'encoder', ...same },
        { what: 'step sift', ...same },
        { what: 'model.onnx', ok: false, detail: 'The record says b, the replay gave c.' },
      ];
      yield { kind: 'checks', checks, kept: '/project/replays/0001-x' };
    },
    'run.export': async ({ runId, formats, out }) => {
      const { number, state } = find(runId).summary;
      if (state !== 'finished') throw new ExpectedError('run-unfinished', `Run ${number} is ${state}.`);
      const folder = out ?? `/project/exports/${number}`;
      return {
        folder,
        record: `${folder}/export.json`,
        written: formats
          .filter((format) => format !== 'tfjs')
          .map((format) => ({
            format,
            files: [{ path: `sanitized.${format}`, bytes: 1_100_000, sha256: '0f1e'.repeat(16) }],
            maxAbsDifference: 0,
            compared: 'logits of 16 images of noise',
            notes: [],
          })),
        refused: formats
          .filter((format) => format === 'tfjs')
          .map((format) => ({ format, reason: 'It has no operator for that.' })),
      };
    },
    ...recordedAttacks(),
    'settings.read': async () => settings,
    'settings.write': async (chosen) => (settings = chosen),
  };
  return {
    handlers,
    close: async () => {
      for (const timer of timers) clearTimeout(timer);
      rmSync(keys, { recursive: true, force: true });
    },
  };
}
