/**
 * The cases of the sifting study: planted datasets, and what the taps of an encoder make of them, computed once and kept
 * in a folder, so that many sifting rules can be compared in seconds and without any training.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBenchData, drawDataset, type BenchData } from '../../src-main/audit/bench-data.ts';
import { benchEncoder, type BenchEncoder } from '../../src-main/audit/bench-encoders.ts';
import { checkPlan, type BenchPlan, type EncoderRecipe } from '../../src-main/audit/bench-plan.ts';
import { plant as plantTrigger } from '../../src-main/engine/attacks/dataset/encoder-trigger.ts';
import { plantDataset, type DatasetAttack } from '../../src-main/engine/attacks/dataset/table.ts';
import {
  asSamples,
  takeImages,
  type LabelledImages,
  type PlantedDataset,
} from '../../src-main/engine/attacks/images.ts';
import { layPatches } from '../../src-main/engine/attacks/patch.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { sweep, tapGraph } from '../../src-main/engine/tcore/features.ts';
import { prepareEncoder } from '../../src-main/engine/tcore/prepare.ts';
import { encoderBytes } from './planted.ts';

type Images = LabelledImages<Uint8Array>;
/** "known-signs" are the drawn signs with encoders that were pre-trained with labels, so that they know them. */
export type Domain = 'sample' | 'signs' | 'known-signs';
/** "bundled" is the poisoned encoder of the sample project; the others are recipes of the bench. */
export type EncoderName = 'clean' | 'bundled' | EncoderRecipe['attack'];

export interface SiftingCase {
  readonly domain: Domain;
  readonly encoder: EncoderName;
  readonly attack: DatasetAttack | 'encoder-trigger';
  /** Options of the attack, e.g. `{ rate: 0.01 }`. */
  readonly options: Readonly<Record<string, number>>;
  readonly cleanLabel?: true;
  readonly target: number;
  readonly samples: number;
  readonly seed: number;
}

/** What the rules see of a case, and the truth. */
export interface TapTable {
  readonly labels: Int32Array;
  readonly classes: number;
  /** `[taps]` of `[samples, width]`. */
  readonly taps: readonly { readonly width: number; readonly rows: Float32Array }[];
  readonly poisoned: Int32Array;
  readonly covers: Int32Array;
  /** Clean images that are in no dataset: labels and last tap, to see what a first pool is worth. */
  readonly heldBack: { readonly labels: Int32Array; readonly rows: Float32Array };
}

const plans: Record<Domain, unknown> = {
  // The quick preset's own data, so that an encoder made there is found here.
  sample: { domain: 'sample', samples: 1500 },
  signs: { domain: 'signs', classes: 24, imbalance: 0.5, samples: 4000, test: 1000, pretraining: 8000 },
  'known-signs': { domain: 'signs', classes: 24, imbalance: 0.5, samples: 2400, test: 2000, pretraining: 20000 },
};
const pretraining: Partial<Record<Domain, unknown>> = {
  signs: { method: 'simclr', epochs: 6, batch: 256 },
  'known-signs': { method: 'supervised', epochs: 8, batch: 256 },
};

/** The class that the poisoned encoders draw their trigger to. */
const encoderTargets: Record<Domain, number> = { sample: 9, signs: 9, 'known-signs': 3 };

function planOf(domain: Domain): BenchPlan {
  return checkPlan({
    name: 'sifting',
    data: plans[domain],
    target: encoderTargets[domain],
    ...(pretraining[domain] === undefined ? {} : { pretraining: pretraining[domain] }),
    encoders: { clean: { attack: 'none' } },
    datasets: { clean: { attack: 'none' } },
    cells: 'all',
    seeds: [1],
    presets: ['quick'],
    modes: ['paper'],
  });
}

const sampleFolder = fileURLToPath(new URL('../../resources/samples/fashion/', import.meta.url));
const signal = new AbortController().signal;

/** Name of a case: a file name, and the row's name in tables. */
export function nameOf(c: SiftingCase): string {
  const options = Object.entries(c.options).map(([key, value]) => `${key}${value}`);
  const parts = [c.domain, c.encoder, c.attack, ...options, c.cleanLabel === true ? 'clean-label' : '', `t${c.target}`];
  return [...parts, `n${c.samples}`, `s${c.seed}`].filter((part) => part !== '').join('_');
}

export interface CaseReader {
  readonly read: (c: SiftingCase) => Promise<TapTable>;
}

/** @param folder keeps encoders and tables */
export function createCaseReader(provider: Provider, folder: string): CaseReader {
  const domains = new Map<Domain, Promise<BenchData>>();
  const encoders = new Map<string, Promise<BenchEncoder>>();
  const dataOf = (domain: Domain): Promise<BenchData> => {
    const known = domains.get(domain);
    if (known !== undefined) return known;
    const paths = { sample: sampleFolder, dataset: null, cache: join(folder, 'cache') };
    const made = readBenchData(planOf(domain), paths, null, signal);
    domains.set(domain, made);
    return made;
  };
  const encoderOf = (domain: Domain, name: EncoderName): Promise<BenchEncoder> => {
    const key = `${domain} ${name}`;
    const made = encoders.get(key) ?? makeEncoder(provider, folder, domain, name, dataOf(domain));
    encoders.set(key, made);
    return made;
  };
  return {
    async read(c) {
      const file = join(folder, 'tables', nameOf(c));
      if (existsSync(`${file}.json`)) return readTable(file);
      const data = await dataOf(c.domain);
      const encoder = await encoderOf(c.domain, c.encoder);
      const planted = plantCase(c, drawDataset(data.pool, c.samples, c.seed), encoder);
      const table = await tableOf(provider, encoder, planted, data.test);
      mkdirSync(join(folder, 'tables'), { recursive: true });
      writeTable(file, table);
      return table;
    },
  };
}

async function makeEncoder(
  provider: Provider,
  folder: string,
  domain: Domain,
  name: EncoderName,
  data: Promise<BenchData>,
): Promise<BenchEncoder> {
  if (name === 'bundled') {
    const square = { top: 18, left: 18, height: 8, width: 8, pixels: new Float32Array(64).fill(1) };
    const description = { kind: 'patch', text: 'white 8 x 8 square', values: {} } as const;
    const trigger = { description, stamp: layPatches([1, 28, 28], [square]) };
    return { graph: readOnnx(encoderBytes('encoder')).graph, trigger };
  }
  const attack = name === 'clean' ? 'none' : name;
  const short = attack === 'badencoder' && domain !== 'known-signs';
  const recipe: EncoderRecipe = short ? { attack, epochs: 6 } : { attack };
  return benchEncoder(provider, recipe, {
    plan: planOf(domain),
    file: domain === 'sample' ? join(sampleFolder, 'encoder-clean.onnx') : null,
    unlabelled: (await data).unlabelled,
    folder: join(folder, 'encoders'),
    signal,
    onEpoch: (what, epoch, epochs) => console.error(`${domain} ${name}: ${what} ${epoch}/${epochs}`),
  });
}

function plantCase(c: SiftingCase, clean: Images, encoder: BenchEncoder): PlantedDataset<Uint8Array> {
  const options = { ...c.options, seed: c.seed, target: c.target };
  if (c.attack !== 'encoder-trigger') return plantDataset(c.attack, clean, options);
  if (encoder.trigger === null) throw new Error(`${nameOf(c)}: a clean encoder has no trigger`);
  return plantTrigger(clean, { ...options, trigger: encoder.trigger, cleanLabel: c.cleanLabel === true });
}

async function tableOf(
  provider: Provider,
  { graph }: BenchEncoder,
  { planted, truth }: PlantedDataset<Uint8Array>,
  test: Images,
): Promise<TapTable> {
  const samples = asSamples(planted);
  const encoderOptions = { inputSize: null, mean: null, std: null, representation: null };
  const encoder = await prepareEncoder({ graph, encoderOptions, samples, provider, signal });
  const compiled = await provider.compile(tapGraph(encoder), { dims: { N: 100 } });
  const taps = encoder.taps.map(({ channels }) => ({
    width: channels,
    rows: new Float32Array(samples.count * channels),
  }));
  const some = takeImages(
    test,
    Int32Array.from({ length: Math.min(1000, test.labels.length) }, (_, i) => i),
  );
  const last = encoder.taps[encoder.taps.length - 1];
  const heldBack = { labels: some.labels, rows: new Float32Array(some.labels.length * last.channels) };
  try {
    await sweep(compiled, {
      samples,
      indices: null,
      batch: 100,
      signal,
      onBatch: (outputs, at) => encoder.taps.forEach(({ id }, t) => taps[t].rows.set(outputs[id], at * taps[t].width)),
    });
    await sweep(compiled, {
      samples: asSamples(some),
      indices: null,
      batch: 100,
      signal,
      onBatch: (outputs, at) => heldBack.rows.set(outputs[last.id], at * last.channels),
    });
  } finally {
    await compiled.dispose();
  }
  const { poisoned, covers } = truth;
  return { labels: planted.labels, classes: planted.classes, taps, poisoned, covers, heldBack };
}

/** A JSON head and one file of float32, tap after tap, the held-back rows last. */
function writeTable(file: string, table: TapTable): void {
  const parts = [...table.taps.map(({ rows }) => rows), table.heldBack.rows];
  writeFileSync(
    `${file}.f32`,
    Buffer.concat(parts.map((rows) => Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength))),
  );
  const head = {
    labels: [...table.labels],
    classes: table.classes,
    widths: table.taps.map(({ width }) => width),
    poisoned: [...table.poisoned],
    covers: [...table.covers],
    heldBack: [...table.heldBack.labels],
  };
  writeFileSync(`${file}.json`, JSON.stringify(head));
}

function readTable(file: string): TapTable {
  const head = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as Record<string, number[]> & { classes: number };
  const bytes = readFileSync(`${file}.f32`);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  let at = 0;
  const next = (length: number): Float32Array => values.slice(at, (at += length));
  const taps = head.widths.map((width) => ({ width, rows: next(width * head.labels.length) }));
  const rows = next(head.widths[head.widths.length - 1] * head.heldBack.length);
  return {
    labels: Int32Array.from(head.labels),
    classes: head.classes,
    taps,
    poisoned: Int32Array.from(head.poisoned),
    covers: Int32Array.from(head.covers),
    heldBack: { labels: Int32Array.from(head.heldBack), rows },
  };
}
