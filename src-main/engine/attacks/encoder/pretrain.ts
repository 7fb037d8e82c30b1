/**
 * Pre-training of an encoder made anew: self-supervised by SimCLR (Chen et al., ICML 2020) or MoCo v2 (He et al., CVPR 2020; Chen et
 * al., 2020: momentum encoder and a queue of keys), which never look at labels; or supervised, by cross entropy behind a linear
 * head that is thrown away.
 */
import { CancelledError, ExpectedError } from '../../../../src-shared/failure.ts';
import { addHead } from '../../encoder/head.ts';
import { graphBuilder, type GraphBuilder } from '../../graph/builder.ts';
import type { Graph, Tensor, ValueInfo } from '../../graph/ir.ts';
import { mean, softmaxCrossEntropy } from '../../graph/losses.ts';
import { withBatchStatistics } from '../../graph/modes.ts';
import { trainingStep, withInitializers, type CarriedState } from '../../graph/training.ts';
import { randomStream } from '../../math/random.ts';
import type { Provider } from '../../providers/provider.ts';
import { scalar } from '../../tcore/epochs.ts';
import { imageSize, readImage, type ImageShape, type LabelledImages } from '../images.ts';
import { infoNce, ntXent, unitRows } from './losses.ts';
import type { PretrainingNet } from './pretraining-net.ts';
import { resnet18 } from './resnet-18.ts';
import { smallNet } from './small-net.ts';
import { defaultViews, drawView, type ViewOptions } from './views.ts';
import { visionTransformer } from './vision-transformer.ts';

export const pretrainMethods = ['simclr', 'moco', 'supervised'] as const;
export type PretrainMethod = (typeof pretrainMethods)[number];

export const architectures = ['small-net', 'resnet-18', 'vit'] as const;
export type Architecture = (typeof architectures)[number];

export interface PretrainOptions {
  readonly method: PretrainMethod;
  /** Default the small net. */
  readonly architecture?: Architecture;
  readonly epochs: number;
  readonly seed: number;
  /** Images a step; default 256. */
  readonly batch?: number;
  /** Adam's; default 1e-3, for a transformer 5e-4. */
  readonly learningRate?: number;
  /** Default 0.5 (SimCLR), 0.2 (MoCo). */
  readonly temperature?: number;
  readonly views?: Partial<ViewOptions>;
  /** Of the small net. */
  readonly widths?: readonly number[];
  readonly signal: AbortSignal;
  readonly onEpoch?: (epoch: number, epochs: number, loss: number) => void;
}

/** Width of the projection that the loss sees; its hidden layer is as wide as the representation. */
const projected = 64;
const mocoMomentum = 0.99;
/** Keys in MoCo's queue, in batches. */
const queuedBatches = 8;

/**
 * @returns the encoder in evaluation mode: input `image` [N, C, H, W] in 0..1, output `representation` [N, d]
 * @throws RangeError when there are fewer images than a batch; ExpectedError training-diverged; CancelledError
 */
export async function pretrain(provider: Provider, data: LabelledImages, options: PretrainOptions): Promise<Graph> {
  const { shape } = data;
  const { seed, epochs, method, signal } = options;
  const batch = options.batch ?? 256;
  const size = imageSize(shape);
  const count = data.pixels.length / size;
  if (count < batch) throw new RangeError(`pre-training needs at least one batch of ${batch} images, met ${count}`);
  const net = netOf(shape, options);
  const made = objectives[method](net, batch, options, data.classes);
  const step = trainingStep({
    ...made,
    loss: 'loss',
    optimiser: { kind: 'adam', weightDecay: 1e-6 },
    ...(net.transformer ? { clipNorm: 1 } : {}),
  });
  const rate = options.learningRate ?? (net.transformer ? 5e-4 : 1e-3);
  const compiled = await provider.compile(step.graph, { dims: made.dims, state: step.state });
  compiled.setState(step.initialState);
  const views = { ...defaultViews, ...options.views };
  const pixels = new Float32Array(made.views * batch * size);
  const labels = new BigInt64Array(batch);
  try {
    const steps = Math.floor(count / batch);
    for (let epoch = 0; epoch < epochs; epoch++) {
      const random = randomStream(seed, `pretrain/${epoch}`);
      const order = random.permutation(count);
      let sum = 0;
      for (let at = 0; at < steps; at++) {
        if (signal.aborted) throw new CancelledError();
        for (let i = 0; i < batch; i++) {
          const sample = order[at * batch + i];
          const image = readImage(data, sample);
          labels[i] = BigInt(data.labels[sample]);
          for (let view = 0; view < made.views; view++) {
            drawView(image, shape, views, random, pixels, (view * batch + i) * size);
          }
        }
        const outputs = await compiled.run({
          ...made.feeds(pixels, labels),
          learningRate: scalar(rate),
        });
        sum += (outputs['loss'].data as Float32Array)[0];
      }
      if (!Number.isFinite(sum)) {
        throw new ExpectedError(
          'training-diverged',
          `The loss of pre-training epoch ${epoch} is ${sum}; lower its learning rate.`,
        );
      }
      options.onEpoch?.(epoch + 1, epochs, sum / steps);
    }
    const trained = step.readParameters(compiled.getState());
    const own = Object.entries(trained).filter(([name]) => net.graph.initializers.has(name));
    return withInitializers(net.graph, Object.fromEntries(own));
  } finally {
    await compiled.dispose();
  }
}

function netOf(shape: ImageShape, { architecture = 'small-net', seed, widths }: PretrainOptions): PretrainingNet {
  switch (architecture) {
    case 'small-net':
      return smallNet(shape, seed, widths);
    case 'resnet-18':
      return resnet18(shape, seed);
    case 'vit':
      return visionTransformer(shape, seed);
  }
}

interface Objective {
  readonly graph: Graph;
  readonly dims: Readonly<Record<string, number>>;
  readonly parameters: readonly { readonly name: string }[];
  readonly carried: CarriedState;
  /** Views of an image that a step sees. */
  readonly views: 1 | 2;
  /** @param pixels first views, then second views @param labels one an image */
  feeds(pixels: Float32Array, labels: BigInt64Array): Record<string, Tensor>;
}

const objectives: Readonly<
  Record<PretrainMethod, (net: PretrainingNet, batch: number, options: PretrainOptions, classes: number) => Objective>
> = { simclr: simclrGraph, moco: mocoGraph, supervised: supervisedGraph };

/** Projector of two layers behind `value` [n, dim]; `named` turns a tensor into a value name. */
function project(b: GraphBuilder, value: string, named: readonly string[]): string {
  return b.gemm(b.relu(b.gemm(value, named[0], named[1])), named[2], named[3]);
}

function projectorTensors(dim: number, seed: number): readonly (readonly [string, Tensor])[] {
  const random = randomStream(seed, 'projector');
  const draw = (dims: readonly number[]): Tensor => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from(
      { length: dims.reduce((a, c) => a * c, 1) },
      () => (2 * random.uniform() - 1) / Math.sqrt(dim),
    ),
  });
  return [
    ['projector.0.weight', draw([dim, dim])],
    ['projector.0.bias', draw([dim])],
    ['projector.1.weight', draw([dim, projected])],
    ['projector.1.bias', draw([projected])],
  ];
}

function finish(
  b: GraphBuilder,
  loss: string,
  net: PretrainingNet,
  behind: readonly string[],
  rows: number,
  remembered: readonly ValueInfo[] = [],
): Omit<Objective, 'feeds' | 'views'> {
  b.node('Identity', [loss], {}, 'loss');
  b.setOutputs([{ name: 'loss', dtype: 'float32', shape: [] }, ...remembered]);
  const dims = { N: rows };
  const { graph, ...carried } = withBatchStatistics(b.build(), { dims, updateRunning: true });
  return { graph, dims, carried, parameters: [...net.parameters, ...behind].map((name) => ({ name })) };
}

function simclrGraph(net: PretrainingNet, batch: number, options: PretrainOptions): Objective {
  const b = graphBuilder(net.graph);
  const projector = projectorTensors(net.dim, options.seed).map(([name, tensor]) => b.constant(tensor, name));
  const z = project(b, 'representation', projector);
  const made = finish(b, ntXent(b, z, batch, options.temperature ?? 0.5), net, projector, 2 * batch);
  const shape = net.graph.inputs[0].shape.slice(1) as number[];
  return {
    ...made,
    views: 2,
    feeds: (pixels) => ({ image: { dtype: 'float32', dims: [2 * batch, ...shape], data: pixels } }),
  };
}

function supervisedGraph(net: PretrainingNet, batch: number, { seed }: PretrainOptions, classes: number): Objective {
  const b = graphBuilder(net.graph);
  const head = addHead(b, 'representation', { dim: net.dim, hidden: [], classes }, seed, 'pre-training head');
  b.input('label', 'int64', ['N']);
  const loss = mean(b, softmaxCrossEntropy(b, head.logits, 'label', classes));
  const dims = [batch, ...(net.graph.inputs[0].shape.slice(1) as number[])];
  return {
    ...finish(b, loss, net, head.parameters, batch),
    views: 1,
    feeds: (pixels, labels) => ({
      image: { dtype: 'float32', dims, data: pixels },
      label: { dtype: 'int64', dims: [batch], data: labels },
    }),
  };
}

/**
 * The key encoder and the queue are carried state of the same graph. Keys of a step come from the key weights as the step before
 * left them, so no gradient reaches them.
 */
function mocoGraph(net: PretrainingNet, batch: number, options: PretrainOptions): Objective {
  const b = graphBuilder(net.graph);
  const tensors = projectorTensors(net.dim, options.seed);
  const projector = tensors.map(([name, tensor]) => b.constant(tensor, name));
  const query = project(b, 'representation', projector);

  const state: { input: string; output: string }[] = [];
  const initialState: Record<string, Tensor> = {};
  const follow = (name: string, tensor: Tensor): string => {
    const key = b.input(`key/${name}`, 'float32', tensor.dims);
    const next = b.add(b.mul(key, b.scalar(mocoMomentum)), b.mul(name, b.scalar(1 - mocoMomentum)));
    state.push({ input: key, output: next });
    initialState[key] = tensor;
    return key;
  };
  const trained = new Set(net.parameters);
  const shape = net.graph.inputs[0].shape;
  b.input('key/image', 'float32', shape);
  for (const [name, tensor] of net.graph.initializers) {
    if (trained.has(name)) follow(name, tensor);
    else b.constant(tensor, `key/${name}`);
  }
  for (const node of net.graph.nodes) {
    const keyed = (value: string): string => (value === '' ? '' : `key/${value}`);
    b.append({ ...node, inputs: node.inputs.map(keyed), outputs: node.outputs.map(keyed) });
  }
  const keys = unitRows(
    b,
    project(
      b,
      'key/representation',
      tensors.map(([name, tensor]) => follow(name, tensor)),
    ),
  );
  const queued = queuedBatches * batch;
  const queue = b.input('queue', 'float32', [queued, projected]);
  const random = randomStream(options.seed, 'moco queue');
  const rows = Float32Array.from({ length: queued * projected }, () => random.normal());
  for (let at = 0; at < rows.length; at += projected) {
    const norm = Math.hypot(...rows.subarray(at, at + projected));
    for (let j = at; j < at + projected; j++) rows[j] /= norm;
  }
  initialState[queue] = { dtype: 'float32', dims: [queued, projected], data: rows };
  state.push({ input: queue, output: b.concat([keys, b.slice(queue, 0, 0, queued - batch)], 0) });

  const remembered = state.map(({ input, output }) => ({
    name: output,
    dtype: 'float32' as const,
    shape: initialState[input].dims,
  }));
  const loss = infoNce(b, query, keys, queue, options.temperature ?? 0.2);
  const made = finish(b, loss, net, projector, batch, remembered);
  const dims = [batch, ...(shape.slice(1) as number[])];
  return {
    ...made,
    views: 2,
    carried: {
      state: [...made.carried.state, ...state],
      initialState: { ...made.carried.initialState, ...initialState },
    },
    feeds: (pixels) => ({
      image: { dtype: 'float32', dims, data: pixels.subarray(0, pixels.length / 2) },
      'key/image': { dtype: 'float32', dims, data: pixels.subarray(pixels.length / 2) },
    }),
  };
}
