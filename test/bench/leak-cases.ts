/** Planted cases of the leak study: attacks of the bench on the sample project's bench images, drawn by the seed. */
import { measureClassifier, plantCell } from '../../src-main/audit/bench-cell.ts';
import { drawDataset } from '../../src-main/audit/bench-data.ts';
import type { DatasetAttack } from '../../src-main/engine/attacks/dataset/table.ts';
import { takeImages, type LabelledImages, type PlantedDataset } from '../../src-main/engine/attacks/images.ts';
import { layPatches } from '../../src-main/engine/attacks/patch.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { randomStream } from '../../src-main/engine/math/random.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { readImages, readLabels, type Measured } from './planted.ts';

type Images = LabelledImages<Uint8Array>;

export interface LeakCase {
  readonly encoder: 'encoder' | 'encoder-clean';
  readonly attack: DatasetAttack | 'encoder-trigger';
  readonly target: number;
  readonly options: Readonly<Record<string, number>>;
  /** Keeps this share of every second class, from the first on. */
  readonly thinned?: number;
  /** Share of the labels that are changed at random beside the attack: of all samples, or to the target. */
  readonly wrongLabels?: { readonly share: number; readonly to: 'any' | 'target' };
}

/** Attacks on the ankle boots (9), save where another class is named. */
export const leakCases: Readonly<Record<string, LeakCase>> = {
  clean: { encoder: 'encoder-clean', attack: 'none', target: 9, options: {} },
  'clean 10% wrong labels': {
    encoder: 'encoder-clean',
    attack: 'none',
    target: 9,
    options: {},
    wrongLabels: { share: 0.1, to: 'any' },
  },
  'clean wrong boots': {
    encoder: 'encoder-clean',
    attack: 'none',
    target: 9,
    options: {},
    wrongLabels: { share: 0.02, to: 'target' },
  },
  'threat-1': { encoder: 'encoder', attack: 'none', target: 9, options: {} },
  'threat-3': { encoder: 'encoder', attack: 'encoder-trigger', target: 9, options: {} },
  'threat-3 covers': { encoder: 'encoder', attack: 'encoder-trigger', target: 9, options: { coverRate: 0.05 } },
  'threat-3 1%': { encoder: 'encoder', attack: 'encoder-trigger', target: 9, options: { rate: 0.01 } },
  'threat-3 half': { encoder: 'encoder', attack: 'encoder-trigger', target: 9, options: { classShare: 0.5 } },
  'threat-1 blended': { encoder: 'encoder', attack: 'blended', target: 9, options: {} },
  blended: { encoder: 'encoder-clean', attack: 'blended', target: 9, options: {} },
  // 3 x 3 is too small for this encoder.
  badnets: { encoder: 'encoder-clean', attack: 'badnets', target: 9, options: { size: 13 } },
  tact: { encoder: 'encoder-clean', attack: 'tact', target: 9, options: {} },
  sig: { encoder: 'encoder-clean', attack: 'sig', target: 9, options: { rate: 0.03 } },
  'badnets shirts': { encoder: 'encoder-clean', attack: 'badnets', target: 6, options: { size: 13 } },
  'blended shirts': { encoder: 'encoder-clean', attack: 'blended', target: 6, options: {} },
  'clean thinned': { encoder: 'encoder-clean', attack: 'none', target: 9, options: {}, thinned: 0.25 },
  'badnets thinned': { encoder: 'encoder-clean', attack: 'badnets', target: 9, options: { size: 13 }, thinned: 0.25 },
  'threat-3 thinned': { encoder: 'encoder', attack: 'encoder-trigger', target: 9, options: {}, thinned: 0.25 },
  'adap-blend': { encoder: 'encoder-clean', attack: 'adap-blend', target: 9, options: {} },
};

const grey = (images: string, labels: string): Images => ({
  pixels: readImages(images),
  labels: readLabels(labels),
  shape: [1, 28, 28],
  classes: 10,
});

/** The trigger that the sample's encoder was poisoned with. */
export const square = {
  description: { kind: 'patch', text: 'white 8 x 8 square at row 18, column 18', values: {} },
  stamp: layPatches([1, 28, 28], [{ top: 18, left: 18, height: 8, width: 8, pixels: new Float32Array(64).fill(1) }]),
} as const;

export function plantLeakCase(
  { attack, target, options, thinned, wrongLabels }: LeakCase,
  samples: number,
  seed: number,
): PlantedDataset<Uint8Array> {
  const pool = grey('bench/train-images-idx3-ubyte.gz', 'bench/train-labels-idx1-ubyte.gz');
  const drawn = drawDataset(pool, samples, seed);
  const clean = thinned === undefined ? drawn : takeImages(drawn, keptOf(drawn.labels, thinned, seed));
  const made = plantCell(clean, { attack, options, cleanLabel: false }, square, seed, target);
  if (wrongLabels === undefined) return made;
  const labels = mislabelled(made.planted, wrongLabels, target, seed);
  return { ...made, planted: { ...made.planted, labels } };
}

/** Places of all samples of every second class and of a share of the others. */
function keptOf(labels: Int32Array, share: number, seed: number): Int32Array {
  const random = randomStream(seed, 'thinned');
  return Int32Array.from([...labels.keys()].filter((i) => labels[i] % 2 === 1 || random.uniform() < share));
}

/** Labels of which a share is another class's: any other one's, or the target's. */
function mislabelled(
  { labels, classes }: Images,
  { share, to }: NonNullable<LeakCase['wrongLabels']>,
  target: number,
  seed: number,
): Int32Array {
  const random = randomStream(seed, 'wrong labels');
  const changed = labels.slice();
  const among = random.permutation(labels.length).filter((i) => to === 'any' || labels[i] !== target);
  for (const i of among.slice(0, Math.round(share * labels.length))) {
    const other = (labels[i] + 1 + Math.floor(random.uniform() * (classes - 1))) % classes;
    changed[i] = to === 'target' ? target : other;
  }
  return changed;
}

/** The 2,000 held-back images. */
export const testImages = (): Images =>
  grey('held-back/t10k-images-idx3-ubyte.gz', 'held-back/t10k-labels-idx1-ubyte.gz');

/** In percent: ACC on the held-back images, ASR and control on those of the classes that the attack is for. */
export async function measureLeakCase(
  provider: Provider,
  classifier: Graph,
  { truth }: PlantedDataset<Uint8Array>,
  encoder: LeakCase['encoder'],
): Promise<Measured> {
  const { target, source } = truth;
  const { description, stamp } = truth.attack === 'none' && encoder === 'encoder' ? square : truth.trigger;
  const signal = new AbortController().signal;
  const rates = await measureClassifier(
    provider,
    classifier,
    testImages(),
    { description, stamp },
    target,
    source,
    signal,
  );
  const [acc, asr, control] = [rates.acc, rates.asr, rates.control].map(({ hits, of }) => (100 * hits) / of);
  return { acc, asr, control };
}
