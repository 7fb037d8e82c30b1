/** A planted case of the bundled images in paper mode, taken apart: the first pool, a split of the channels, the growth from it. */
import { readFileSync } from 'node:fs';
import { asSamples } from '../../src-main/engine/attacks/images.ts';
import type { PlantedDataset } from '../../src-main/engine/attacks/images.ts';
import type { Encoder } from '../../src-main/engine/encoder/encoder.ts';
import type { Graph, Tensor } from '../../src-main/engine/graph/ir.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { bootstrap } from '../../src-main/engine/tcore/bootstrap.ts';
import type { PipelineContext } from '../../src-main/engine/tcore/context.ts';
import { channelLipschitz, filterChannels, type FilterOptions } from '../../src-main/engine/tcore/filter.ts';
import { parameterValues, resolveParameters, type MethodParameters } from '../../src-main/engine/tcore/parameters.ts';
import { prepareEncoder } from '../../src-main/engine/tcore/prepare.ts';
import { recoverFilters } from '../../src-main/engine/tcore/recover.ts';
import { fitPoolHead } from '../../src-main/engine/tcore/stage-probe.ts';
import { runExpand, runSift, type ExpandStage, type SiftStage } from '../../src-main/engine/tcore/stage-sift.ts';
import { startModel } from '../../src-main/engine/tcore/start-model.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import type { Trainer } from '../../src-main/engine/tcore/trainer.ts';
import { unlearn, unlearnBatch, unlearnedParameters } from '../../src-main/engine/tcore/unlearn.ts';
import { sha256 } from '../../src-main/store/canonical.ts';
import type { Preset } from '../../src-shared/domain/run.ts';
import { leakCases, measureLeakCase, plantLeakCase } from './leak-cases.ts';
import { encoderBytes } from './planted.ts';
import { cachedJournal } from './step-cache.ts';

export interface PaperCase {
  readonly context: PipelineContext;
  readonly encoder: Encoder;
  readonly sifted: SiftStage;
  readonly expanded: ExpandStage;
  /** The encoder with the head that unlearning starts from. */
  readonly classifier: Graph;
  readonly planted: PlantedDataset<Uint8Array>;
  readonly poison: ReadonlySet<number>;
  /** ACC / ASR / control in percent on the held-back images. */
  readonly measure: (classifier: Graph) => Promise<string>;
  /** Where steps are kept; undefined for nowhere. */
  readonly cache: string | undefined;
}

/** Options of the command line that all studies of such cases have. */
export const paperOptions = {
  seeds: { type: 'string', default: '1,2,3' },
  samples: { type: 'string', default: '1500' },
  preset: { type: 'string', default: 'quick' },
  threads: { type: 'string', default: '1' },
  cache: { type: 'string' },
} as const;

/**
 * Sifts and expands a case of `leakCases`.
 * @param given values of `paperOptions`, and where `--encoder` names one, another encoder than the case's own
 */
export async function paperCase(
  provider: Provider,
  name: string,
  seed: number,
  given: {
    readonly samples: string;
    readonly preset: string;
    readonly cache?: string | undefined;
    readonly encoder?: string | undefined;
  },
): Promise<PaperCase> {
  const { cache } = given;
  const samples = Number(given.samples);
  const what = leakCases[name];
  const bytes = given.encoder === undefined ? encoderBytes(what.encoder) : readFileSync(given.encoder);
  const planted = plantLeakCase(what, samples, seed);
  const context: PipelineContext = {
    mode: 'paper',
    provider,
    graph: readOnnx(bytes).graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(planted.planted),
    parameters: parameterValues(resolveParameters(given.preset as Preset)),
    seed,
    journal: cachedJournal(cache),
    inputDigests: { encoder: sha256(bytes), dataset: `${name} ${seed} ${samples}` },
    emit: () => {},
    signal: new AbortController().signal,
  };
  const encoder = await prepareEncoder(context);
  const sifted = await runSift(context, encoder, `paper case ${sha256(bytes)} ${name} ${seed} ${samples}`);
  const expanded = await runExpand(context, encoder, sifted);
  const { classifier } = await fitPoolHead(context, encoder, expanded.pool, 'unlearn/head');
  const measure = async (grown: Graph): Promise<string> => {
    const { acc, asr, control } = await measureLeakCase(provider, grown, planted, what.encoder);
    return `${acc.toFixed(1)} / ${asr.toFixed(1)} / ${control.toFixed(1)}`;
  };
  const poison = new Set(planted.truth.poisoned);
  return { context, encoder, sifted, expanded, classifier, planted, poison, measure, cache };
}

/** Unlearning, of what the product unlearns by default. */
export async function unlearnedAs(
  { context, encoder, expanded, classifier }: PaperCase,
  trained: readonly string[] = unlearnedParameters(encoder, 'last'),
): Promise<{ readonly classifier: Graph; readonly accuracy: number; readonly epochs: number }> {
  const { provider, samples, parameters, seed, signal } = context;
  return unlearn(provider, classifier, trained, samples, expanded.pool, {
    parameters,
    seed,
    signal,
    onEpoch: () => {},
  });
}

export async function masksOf(
  { context, encoder, expanded }: PaperCase,
  unlearned: Graph,
  masked: 'output' | 'scale',
): Promise<readonly Float32Array[]> {
  const { provider, samples, parameters, seed, signal } = context;
  const { masks } = await recoverFilters(provider, unlearned, encoder, samples, expanded.pool, {
    parameters,
    batch: Math.max(32, unlearnBatch(expanded.pool.length)),
    masked,
    seed,
    signal,
    onEpoch: () => {},
  });
  return masks;
}

export function trustedOf(
  { context, encoder }: PaperCase,
  masks: readonly Float32Array[],
  options: Partial<FilterOptions> = {},
): readonly Uint8Array[] {
  const lipschitz = encoder.layers.map((layer) => channelLipschitz(layer, encoder.graph.initializers));
  const usual = {
    keep: context.parameters['filter.keep'],
    scope: 'layer',
    ranking: 'masks',
    seed: context.seed,
  } as const;
  return filterChannels(encoder, masks, lipschitz, { ...usual, ...options });
}

export interface Growth {
  readonly what: string;
  readonly trusted: readonly Uint8Array[];
  /** Values of the encoder's parameters that are others than it came with; by default the untrusted ones drawn anew. */
  readonly start?: Readonly<Record<string, Tensor>>;
  readonly parameters?: Partial<MethodParameters>;
}

export interface GrownCase {
  readonly trainer: Trainer;
  /** The pool after each round that stood. */
  readonly pools: readonly Int32Array[];
  /** Share aimed at where the guard took the growth back; null where it did not. */
  readonly stopped: number | null;
}

/** Grows a model from a split, hands it to `use` and disposes of it. No alarm and no second start. */
export async function growCase<T>(
  { context, sifted, expanded, encoder, cache }: PaperCase,
  { what, trusted, start, parameters = {} }: Growth,
  use: (grown: GrownCase) => Promise<T>,
): Promise<T> {
  const pools: Int32Array[] = [];
  // A journal knows each round by its name once.
  const journal = cachedJournal(cache);
  const own: PipelineContext = {
    ...context,
    parameters: { ...context.parameters, ...parameters },
    journal: {
      async step(spec, compute) {
        const step = await journal.step(spec, compute);
        if ('pool' in step.tensors) pools.push(step.tensors.pool.data as Int32Array);
        return step;
      },
    },
  };
  const model = startModel(own, encoder, trusted, start);
  const trainer = await model.train(own.parameters['train.batch']);
  try {
    const { rounds } = await bootstrap({
      ...expanded,
      guard: sifted.guard,
      peers: sifted.peers,
      distrusted: new Int32Array(0),
      apart: new Int32Array(0),
      trainer,
      warmUpTrainer: () => model.train(own.parameters['warmup.batch']),
      context: own,
      input: `${expanded.digest} ${what}`,
    });
    const stopped = rounds.find((round) => round.stopped !== null)?.share ?? null;
    return await use({ trainer, pools, stopped });
  } finally {
    await trainer.dispose();
  }
}

/** ACC / ASR / control, and poison among the taught at the end where there is any. */
export function outcomeOf(found: PaperCase, growth: Growth): Promise<string> {
  return growCase(found, growth, async ({ trainer, pools }) => {
    const leaked = count(pools[pools.length - 1], (i) => found.poison.has(i));
    const taught = found.poison.size === 0 ? '' : `, ${leaked} taught`;
    return `${await found.measure(trainer.classifier())}${taught}`;
  });
}
