/**
 * The loop that BadEncoder, DRUPE and their adaptive forms share: a copy of a clean encoder is tuned on unlabelled shadow images,
 * its normalisations frozen (stored statistics, scale and shift untouched), by weighted terms over the four parts of one batch.
 */
import { CancelledError, ExpectedError } from '../../../../src-shared/failure.ts';
import type { Encoder } from '../../encoder/encoder.ts';
import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { Graph, Tensor } from '../../graph/ir.ts';
import { trainingStep, withInitializers } from '../../graph/training.ts';
import { randomStream, type RandomStream } from '../../math/random.ts';
import type { CompiledGraph, Provider } from '../../providers/provider.ts';
import { cosineRate, scalar } from '../../tcore/epochs.ts';
import { representations, tapGraph } from '../../tcore/features.ts';
import { asSamples, imageSize, readImage, takeImages, type LabelledImages, type Trigger } from '../images.ts';
import { drawView } from './views.ts';

/** Mean values of an attack's terms over an epoch, by name. */
export type Terms = Readonly<Record<string, number>>;

/** What an encoder attack leaves behind. */
export interface EncoderTruth {
  readonly attack: string;
  readonly seed: number;
  readonly target: number;
  readonly trigger: Trigger;
  /** Positions of the reference images in the data that was given. */
  readonly references: readonly number[];
  /** Those of the epoch that was kept. */
  readonly terms: Terms;
}

export interface PlantedEncoder {
  /** Input `pixels` [N, C, H, W] in 0..1, output `representation` [N, d]; evaluation mode, standard ONNX. */
  readonly planted: Graph;
  readonly truth: EncoderTruth;
}

export interface EncoderAttackOptions {
  readonly seed: number;
  readonly target: number;
  readonly trigger: Trigger;
  readonly epochs?: number;
  readonly learningRate?: number;
  /** Shadow images a step; default 128, or all where there are fewer. */
  readonly batch?: number;
  readonly signal: AbortSignal;
  readonly onEpoch?: (epoch: number, epochs: number, terms: Terms) => void;
}

/** Row ranges of one batch: triggered shadow images, the same untriggered, references, views of references. */
export interface BatchParts {
  readonly triggered: string;
  readonly clean: string;
  readonly references: string;
  readonly seen: string;
  /** What is to be said of the untriggered images, and what the clean encoder says of the references behind the views; inputs of the graph. */
  readonly keptClean: string;
  readonly keptSeen: string;
  /** Pooled taps of the triggered images, by tap id. */
  readonly triggeredTaps: ReadonlyMap<string, string>;
}

export interface Sizes {
  readonly batch: number;
  readonly references: number;
  readonly views: number;
  readonly dim: number;
}

/**
 * What clean images are taught to be answered, from what the clean encoder answers, `[images, dim]`.
 * @param references positions of the reference images
 */
export type CleanAnswers = (features: Float32Array, dim: number, references: Int32Array) => Float32Array;

export interface Method {
  readonly name: string;
  readonly references: number;
  readonly defaultEpochs: number;
  readonly defaultRate: number;
  /** Emits each term as a scalar, in the order of the weights. */
  readonly terms: (b: GraphBuilder, parts: BatchParts, sizes: Sizes) => Readonly<Record<string, string>>;
  /** Weights of the terms in an epoch (0-based), given the term means of the one before (empty at first). */
  readonly weights: (epoch: number, epochs: number, before: Terms) => readonly number[];
  /** Inputs that the terms read beside the parts, from the representations of this step's triggered and clean images. */
  readonly feeds?: (
    features: { triggered: Float32Array; clean: Float32Array },
    sizes: Sizes,
    random: RandomStream,
  ) => Record<string, Tensor>;
  /** Left out, clean images keep the clean encoder's answers. */
  readonly answers?: CleanAnswers;
  /** Of the epochs after this share of all, the best is kept (the first of equals); without it the last one is taken. */
  readonly keepBest?: { readonly from: number; readonly better: (one: Terms, than: Terms) => boolean };
}

const viewsPerReference = 8;
/** Reference views of the published code: weak crops and colour. */
const referenceViews = { area: 0.8, flip: true, jitter: 0.2, grey: 0.2 };

/**
 * @param encoder the clean encoder, understood @param shadow images to tune on, and to take the references of the target from
 * @throws RangeError when the target has too few images or the shadow set is smaller than a batch; ExpectedError
 * training-diverged; CancelledError
 */
export async function poisonEncoder(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  method: Method,
  options: EncoderAttackOptions,
): Promise<PlantedEncoder> {
  const { seed, target, trigger, signal } = options;
  const epochs = options.epochs ?? method.defaultEpochs;
  const count = shadow.labels.length;
  const batch = options.batch ?? Math.min(128, count);
  if (count < batch) throw new RangeError(`the shadow set needs at least one batch of ${batch} images, met ${count}`);
  const size = imageSize(shadow.shape);
  const { dim } = encoder.representation;
  const sizes: Sizes = { batch, references: method.references, views: method.references * viewsPerReference, dim };
  const features = await representations(provider, encoder, asSamples(shadow), null, { batch: 100, signal });
  const references = typical(features, dim, shadow.labels, target, method.references);
  const answers = method.answers?.(features, dim, references) ?? features;
  const step = attackStep(encoder, method, sizes);
  const rows = 2 * batch + sizes.references + sizes.views;
  const compiled = await provider.compile(step.graph, { dims: { N: rows }, state: step.state });
  let looking: CompiledGraph | null = null;
  try {
    if (method.feeds !== undefined) looking = await lookingGraph(provider, encoder, 2 * batch, step);
    compiled.setState(step.initialState);
    const pixels = new Float32Array(rows * size);
    const referenceImages = takeImages(shadow, references);
    for (let r = 0; r < sizes.references; r++) pixels.set(readImage(referenceImages, r), (2 * batch + r) * size);
    const keptSeen = new Float32Array(sizes.views * dim);
    for (let v = 0; v < sizes.views; v++) {
      const from = references[v % references.length] * dim;
      keptSeen.set(features.subarray(from, from + dim), v * dim);
    }
    const keptClean = new Float32Array(batch * dim);
    const names = step.terms;
    let means: Terms = {};
    let best: { state: Record<string, Tensor>; terms: Terms } | null = null;
    const steps = Math.floor(count / batch);
    for (let epoch = 0; epoch < epochs; epoch++) {
      const random = randomStream(seed, `${method.name}/${epoch}`);
      const order = random.permutation(count);
      const rate = cosineRate(options.learningRate ?? method.defaultRate, epoch, epochs);
      const weights = Float32Array.from(method.weights(epoch, epochs, means));
      const sums = names.map(() => 0);
      for (let at = 0; at < steps; at++) {
        if (signal.aborted) throw new CancelledError();
        for (let i = 0; i < batch; i++) {
          const which = order[at * batch + i];
          const image = readImage(shadow, which);
          pixels.set(trigger.stamp(image), i * size);
          pixels.set(image, (batch + i) * size);
          keptClean.set(answers.subarray(which * dim, (which + 1) * dim), i * dim);
        }
        for (let v = 0; v < sizes.views; v++) {
          const image = readImage(referenceImages, v % references.length);
          drawView(image, shadow.shape, referenceViews, random, pixels, (2 * batch + sizes.references + v) * size);
        }
        const further =
          looking === null || method.feeds === undefined
            ? {}
            : method.feeds(await look(looking, compiled, step.trained, pixels, shadow.shape, batch), sizes, random);
        const outputs = await compiled.run({
          pixels: { dtype: 'float32', dims: [rows, ...shadow.shape], data: pixels },
          keptClean: { dtype: 'float32', dims: [batch, dim], data: keptClean },
          keptSeen: { dtype: 'float32', dims: [sizes.views, dim], data: keptSeen },
          weights: { dtype: 'float32', dims: [names.length], data: weights },
          ...further,
          learningRate: scalar(rate(at, steps)),
        });
        const values = outputs['terms'].data as Float32Array;
        names.forEach((_, t) => (sums[t] += values[t] / steps));
      }
      const bad = sums.findIndex((sum) => !Number.isFinite(sum));
      if (bad >= 0) {
        throw new ExpectedError(
          'training-diverged',
          `The term ${names[bad]} of ${method.name} is ${sums[bad]}; lower its learning rate.`,
        );
      }
      means = Object.fromEntries(names.map((name, t) => [name, sums[t]]));
      options.onEpoch?.(epoch + 1, epochs, means);
      if (method.keepBest !== undefined && epoch + 1 > method.keepBest.from * epochs) {
        if (best === null || method.keepBest.better(means, best.terms)) {
          best = { state: compiled.getState(), terms: means };
        }
      }
    }
    const tuned = step.readParameters(best?.state ?? compiled.getState());
    return {
      planted: withInitializers(encoder.graph, tuned),
      truth: { attack: method.name, seed, target, trigger, references: [...references], terms: best?.terms ?? means },
    };
  } finally {
    await compiled.dispose();
    await looking?.dispose();
  }
}

/** Weights and biases of convolutions and dense layers: everything learnable but the normalisations' scales and shifts. */
function withoutNorms(encoder: Encoder): readonly string[] {
  const frozen = new Set<string>();
  for (const node of encoder.graph.nodes) {
    if (node.op === 'BatchNormalization') for (const name of node.inputs.slice(1)) frozen.add(name);
  }
  return encoder.parameters.filter((name) => !frozen.has(name));
}

function attackStep(
  encoder: Encoder,
  method: Method,
  sizes: Sizes,
): ReturnType<typeof trainingStep> & { readonly terms: readonly string[]; readonly trained: readonly string[] } {
  const { batch, references, views, dim } = sizes;
  const b = graphBuilder(tapGraph(encoder));
  const rows = 2 * batch + references + views;
  const part = (value: string, from: number, count: number): string => b.slice(value, 0, from, from + count);
  const parts: BatchParts = {
    triggered: part('representation', 0, batch),
    clean: part('representation', batch, batch),
    references: part('representation', 2 * batch, references),
    seen: part('representation', 2 * batch + references, views),
    keptClean: b.input('keptClean', 'float32', [batch, dim]),
    keptSeen: b.input('keptSeen', 'float32', [views, dim]),
    triggeredTaps: new Map(encoder.taps.map((tap) => [tap.id, part(tap.id, 0, batch)])),
  };
  const emitted = Object.entries(method.terms(b, parts, sizes));
  const weights = b.input('weights', 'float32', [emitted.length]);
  const all = b.concat(
    emitted.map(([, value]) => b.reshape(value, [1])),
    0,
  );
  b.node('Identity', [all], {}, 'terms');
  b.node('Identity', [b.reduceSum(b.mul(all, weights), null)], {}, 'loss');
  b.setOutputs([
    { name: 'terms', dtype: 'float32', shape: [emitted.length] },
    { name: 'loss', dtype: 'float32', shape: [] },
  ]);
  const trained = withoutNorms(encoder);
  const step = trainingStep({
    graph: b.build(),
    dims: { N: rows },
    loss: 'loss',
    parameters: trained.map((name) => ({ name })),
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
    clipNorm: 2,
  });
  return { ...step, terms: emitted.map(([name]) => name), trained };
}

/** The encoder with its trained weights as inputs, for a look at this step's representations before the step is made. */
async function lookingGraph(
  provider: Provider,
  encoder: Encoder,
  rows: number,
  step: { readonly trained: readonly string[] },
): Promise<CompiledGraph> {
  const b = graphBuilder(encoder.graph);
  const state = step.trained.map((name) => {
    const { dims } = encoder.graph.initializers.get(name) as Tensor;
    b.removeInitializer(name);
    b.input(name, 'float32', dims);
    const kept = b.node('Identity', [name]);
    b.output(kept, 'float32', dims);
    return { input: name, output: kept };
  });
  return provider.compile(b.build(), { dims: { N: rows }, state });
}

async function look(
  looking: CompiledGraph,
  compiled: CompiledGraph,
  trained: readonly string[],
  pixels: Float32Array,
  shape: readonly number[],
  batch: number,
): Promise<{ triggered: Float32Array; clean: Float32Array }> {
  looking.setState(compiled.getState(trained));
  const size = shape.reduce((a, c) => a * c, 1);
  const data = pixels.subarray(0, 2 * batch * size);
  const { representation } = await looking.run({ pixels: { dtype: 'float32', dims: [2 * batch, ...shape], data } });
  const rows = representation.data as Float32Array;
  return { triggered: rows.subarray(0, rows.length / 2), clean: rows.subarray(rows.length / 2) };
}

/** The images of a class whose directions are nearest to the class's mean direction: a head surely calls them so. */
export function typical(
  features: Float32Array,
  dim: number,
  labels: Int32Array,
  target: number,
  wanted: number,
): Int32Array {
  const own = [...labels.keys()].filter((i) => labels[i] === target);
  if (own.length < wanted) {
    throw new RangeError(`${wanted} reference images of class ${target} are wanted, the shadow set has ${own.length}`);
  }
  const norm = (i: number): number => Math.hypot(...features.subarray(i * dim, (i + 1) * dim)) || 1;
  const centre = new Float64Array(dim);
  for (const i of own) {
    const length = norm(i);
    for (let j = 0; j < dim; j++) centre[j] += features[i * dim + j] / length;
  }
  const closeness = own.map((i) => centre.reduce((sum, value, j) => sum + value * features[i * dim + j], 0) / norm(i));
  const order = own.map((_, at) => at).sort((a, c) => closeness[c] - closeness[a] || a - c);
  return Int32Array.from(order.slice(0, wanted), (at) => own[at]);
}
