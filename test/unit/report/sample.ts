/** A record input of any size, drawn from a counter so that it is the same every time. */
import { PNG } from 'pngjs';
import type { Picture, SampleColumns } from '../../../src-shared/domain/result.ts';
import type { ReportInput } from '../../../src-main/report/record.ts';
import { recordedOpinions } from '../../support/recorded-opinions.ts';
import { encoder, request } from '../store/sample.ts';

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

function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `poison` samples of the last class are suspects. */
export function sampleColumns(total: number, poison: number): SampleColumns {
  const draw = draws(7);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  const columns: SampleColumns = {
    index: Int32Array.from({ length: total }, (_, i) => i),
    label: new Int32Array(total),
    majority: new Float32Array(total),
    consistency: new Float32Array(total),
    seed: new Uint8Array(total),
    pool: new Uint8Array(total),
    admittedRound: new Int32Array(total).fill(-1),
    probeLoss: new Float32Array(total),
    finalLoss: new Float32Array(total),
    predicted: new Int32Array(total),
    suspectRank: new Int32Array(total).fill(-1),
    discrepancy: new Float32Array(total).fill(NaN),
    scatterX: new Float32Array(total),
    scatterY: new Float32Array(total),
  };
  for (let i = 0; i < total; i += 1) {
    const suspect = i < poison;
    const label = suspect ? 9 : i % 10;
    const angle = suspect ? 1.2 : (label / 10) * 2 * Math.PI;
    columns.label[i] = label;
    columns.majority[i] = suspect ? 0.1 + 0.2 * draw() : 0.5 + 0.5 * draw();
    columns.consistency[i] = suspect ? 0.6 * draw() : 0.6 + 0.4 * draw();
    columns.seed[i] = !suspect && draw() < 0.05 ? 1 : 0;
    columns.pool[i] = columns.seed[i] === 1 || (!suspect && draw() < 0.05) ? 1 : 0;
    columns.admittedRound[i] = suspect || draw() < 0.06 ? -1 : Math.floor(draw() * 8);
    columns.probeLoss[i] = 0.02 + 0.1 * draw();
    columns.finalLoss[i] = suspect ? 4 + 3 * draw() : 0.3 * draw();
    columns.predicted[i] = suspect ? i % 9 : label;
    columns.suspectRank[i] = suspect ? i : -1;
    columns.scatterX[i] = (suspect ? 1.5 : 5) * Math.cos(angle) + normal() * 0.7;
    columns.scatterY[i] = (suspect ? 1.5 : 4) * Math.sin(angle) + normal() * 0.7;
  }
  return columns;
}

const picture = (step: number): Picture => ({
  channels: 1,
  height: 4,
  width: 5,
  bytes: Array.from({ length: 20 }, (_, i) => (i * 13 * step) % 256),
});

export interface Extra {
  /** Put into every name that comes with the data. */
  readonly hostile?: string;
}

export function reportInput(total: number, poison: number, { hostile = '' }: Extra = {}): ReportInput {
  const draw = draws(11);
  const h = (text: string): string => text + hostile;
  const columns = sampleColumns(total, poison);
  const perClass = classNames.map((name, k) => ({
    className: h(name),
    samples: columns.label.filter((label) => label === k).length,
    seeds: columns.label.filter((label, i) => label === k && columns.seed[i] === 1).length,
    pool: columns.label.filter((label, i) => label === k && columns.pool[i] === 1).length,
    majorityShare: 0.6,
    separation: 1.4,
  }));
  const layers = [16, 16, 32, 32, 64, 64, 128].map((channels, k) => {
    const mask = Array.from({ length: channels }, () => Math.round(draw() * 1000) / 1000);
    const trusted = mask.map((value) => value > 0.5);
    return {
      id: `conv${k}`,
      label: h(`layer${Math.floor(k / 2) + 1}.${k % 2}.conv`),
      channels,
      kept: trusted.filter(Boolean).length,
      mask,
      trusted,
    };
  });
  const rounds = Array.from({ length: 9 }, (_, round) => ({
    round,
    guidance:
      round === 0
        ? ('seeds' as const)
        : round < 4
          ? ('loss' as const)
          : round < 8
            ? ('meta' as const)
            : ('final' as const),
    share: Math.min(0.7, 0.1 + round * 0.08),
    size: Math.floor(total * Math.min(0.7, 0.1 + round * 0.08)),
    perClass: classNames.map(() => Math.floor((total / 10) * Math.min(0.7, 0.1 + round * 0.08))),
    admitted: Math.floor(total * 0.08),
    removed: round * 2,
    guardAccuracy: 0.8 + 0.012 * round,
    loss: 1.2 / (round + 1),
    stopped: round === 8 ? 'the held-out accuracy stopped growing' : null,
  }));
  const finding = {
    name: null,
    evidence: { refused: poison, 'share of one class': 0.964, 'probe loss': 0.0213 },
    wouldChange: h('A refusal spread evenly over the classes.'),
  };
  return {
    reportId: '0198c5e2-0000-7000-8000-000000000001',
    createdAt: '2026-01-02T03:04:05.678Z',
    tool: { name: 'Coresift', version: '0.1.0' },
    run: { id: '0198c5e2-0000-7000-8000-000000000002', number: 4, startedAt: '2026-01-02T03:00:00.000Z' },
    request,
    result: {
      opinions: recordedOpinions().opinions,
      triggers: {
        residues: poison > 0 ? [{ sample: 0, picture: picture(1) }] : [],
        meanResidue: poison > 0 ? picture(2) : null,
        estimate:
          poison > 0
            ? {
                form: 'patch',
                target: 9,
                suspects: poison,
                carriers: poison,
                flippedUndefended: 0.97,
                flippedSanitized: 0.02,
                flippedControl: 0.04,
                strength: 2,
                from: null,
                n: 120,
                picture: picture(3),
              }
            : null,
      },
      encoder: {
        ...encoder,
        file: h('/data/vendor/encoder.onnx'),
        producer: h('pytorch 2.2'),
        parameters: 1234567,
        taps: layers.slice(0, 4).map((layer) => ({ id: layer.id, label: layer.label, channels: layer.channels })),
      },
      dataset: {
        path: h('/data/downstream/fashion'),
        format: 'idx',
        sha256: 'd'.repeat(64),
        samples: total,
        classes: perClass.map((one) => ({ name: one.className, count: one.samples })),
        unreadable: [{ name: h('t-shirt/0001.png'), reason: 'the file ends too early' }],
        duplicates: 12,
        notes: [h('read the part "train"')],
      },
      sifting: {
        taps: ['stem', 'stage 1', 'stage 2', 'stage 3'].map((label, k) => ({
          id: `tap${k}`,
          label: h(label),
          neighbourShare: 0.2 + 0.17 * k,
          chance: 0.1,
          used: k > 0,
          reason: k > 0 ? '' : 'close to chance',
        })),
        k: 20,
        rule: 'two-means',
        seeds: columns.seed.reduce((sum, one) => sum + one, 0),
        pool: columns.pool.reduce((sum, one) => sum + one, 0),
        perClass,
        warnings: [
          {
            classIndex: 9,
            className: h('ankle boot'),
            code: 'oversized',
            message: 'One mode of the class is far from the other classes and far larger than expected.',
          },
        ],
      },
      channels: { used: true, layers, saturatedAtOne: 0.42, unlearnedAccuracy: 0.19, recoveredAccuracy: 0.62 },
      rounds,
      outcome: { guardSamples: 120, probeAccuracy: 0.9583, sanitizedAccuracy: 0.8917 },
      verdict: {
        encoder: {
          ...finding,
          code: 'encoder.refused-cluster',
          subject: 'encoder',
          verdict: 'suspicious',
          confidence: 0.93,
          claim: h(
            `${poison} samples that the undefended probe fits without effort are refused by the sanitized model, 96 % of them labelled ankle boot.`,
          ),
        },
        dataset: {
          ...finding,
          code: 'dataset.refused-cluster',
          subject: 'dataset',
          verdict: poison > 0 ? 'suspicious' : 'trusted',
          confidence: 0.97,
          claim: 'One class holds a compact group of samples whose neighbours are of other classes.',
        },
        classes: classNames.map((name, k) => ({
          ...finding,
          code: 'class',
          subject: 'class' as const,
          name: h(name),
          verdict:
            k === 9
              ? ('suspicious' as const)
              : k === 3
                ? ('inconclusive' as const)
                : k === 5
                  ? ('not-examined' as const)
                  : ('trusted' as const),
          confidence: k === 5 ? null : 0.9,
          claim:
            k === 9
              ? 'Most refused samples carry this label.'
              : 'Its samples were admitted as often as those of other classes.',
        })),
        notExamined: [{ what: h('1 unreadable image'), reason: 'image-unreadable', detail: h('t-shirt/0001.png') }],
      },
      parameters: Object.fromEntries(
        [
          ['sift.k', 20, 'default'],
          ['sift.majority', 'two-means', 'default'],
          ['grow.cap', 0.7, 'preset'],
          ['filter.keep', 0.6, 'analyst'],
        ].map(([name, value, chosenBy]) => [h(String(name)), { value: value!, chosenBy: chosenBy as 'default' }]),
      ),
    },
    columns,
    names: Array.from({ length: total }, (_, i) =>
      h(`${classNames[columns.label[i]]}/${String(i).padStart(5, '0')}.png`),
    ),
    environment: { version: '0.1.0', platform: 'linux-x64', node: '24.21.0', provider: h('ort/cpu'), threads: 2 },
    log: [
      { at: '2026-01-02T03:00:00.000Z', what: 'started', detail: '', seconds: null },
      { at: '2026-01-02T03:01:00.000Z', what: 'resumed', detail: '', seconds: null },
      {
        at: '2026-01-02T03:02:00.000Z',
        what: 'warning',
        detail: h('The class ankle boot is oversized.'),
        seconds: null,
      },
      { at: '2026-01-02T03:03:00.000Z', what: 'stage', detail: 'grow', seconds: 61.5 },
    ],
    curves: Array.from({ length: 90 }, (_, i) => ({
      stage: 'grow',
      name: 'training loss',
      at: i / 10,
      value: 1.6 / (1 + i / 8) + 0.1 * draw(),
    })),
    decisions: [
      {
        at: '2026-01-02T04:00:00.000Z',
        who: h('A. Analyst'),
        subject: 'sample',
        key: '2',
        act: 'override',
        value: 'trusted',
        reason: h('seen by eye'),
      },
    ],
    outputs: [
      { path: 'sanitized.onnx', what: h('sanitized classifier'), bytes: 4_812_345, sha256: 'a'.repeat(64) },
      { path: h('tfjs/model.json'), what: 'for the browser', bytes: 345, sha256: 'c'.repeat(64) },
      { path: 'sifted-set.csv', what: 'one row per sample', bytes: 182_345, sha256: 'b'.repeat(64) },
    ],
    journal: {
      projectId: '0198c5e2-0000-7000-8000-000000000003',
      head: { seq: 41, hash: 'c'.repeat(64) },
      steps: [{ name: 'sift', digest: 'e'.repeat(64) }],
      runDigest: 'f'.repeat(64),
    },
  };
}

/** A PNG, in base64, of a square of one grey level. */
export function greyPng(size: number, grey: number): string {
  const png = new PNG({ width: size, height: size, colorType: 0 });
  for (let i = 0; i < size * size; i += 1) png.data.set([grey, grey, grey, 255], i * 4);
  return PNG.sync.write(png).toString('base64');
}
