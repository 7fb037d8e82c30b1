/** What the engine benches time: one run of a net, forward or a training step, or of a search for neighbours. */
import { differentiate } from '../../src-main/engine/graph/autodiff.ts';
import type { Tensor } from '../../src-main/engine/graph/ir.ts';
import { withBatchStatistics } from '../../src-main/engine/graph/modes.ts';
import { trainingStep } from '../../src-main/engine/graph/training.ts';
import { createNeighbourIndex } from '../../src-main/engine/math/knn.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { mobilenetV2, resnet18, resnet50, resnet8, vitBlock, weights, withLoss, type Net } from './nets.ts';

export type Step = () => Promise<unknown>;

const nets: Readonly<Record<string, () => Net>> = { resnet8, resnet18, resnet50, mobilenetv2: mobilenetV2 };

async function forward(provider: Provider, net: Net, batch: number): Promise<Step> {
  const compiled = await provider.compile(net.graph, { dims: { N: batch } });
  const x = weights([batch, ...net.image], 1, 1);
  return () => compiled.run({ x });
}

/** Half of every layer's output channels frozen, spread over the layer as a mask would spread them. */
const everyOther = (channels: number): Int32Array =>
  Int32Array.from({ length: channels / 2 }, (_, at) => 2 * at + ((at * 7) % 2));

async function train(provider: Provider, net: Net, batch: number, half: boolean): Promise<Step> {
  const dims = { N: batch };
  const statistics = withBatchStatistics(withLoss(net), { dims, updateRunning: true });
  const parameters = net.trained.map((name) => {
    const shape = statistics.graph.initializers.get(name)?.dims ?? [];
    const whole = !half || name.startsWith('linear') || name.startsWith('offset');
    return whole ? { name } : { name, rows: { axis: 0, trainable: everyOther(shape[0]) } };
  });
  const step = trainingStep({
    graph: statistics.graph,
    dims,
    loss: 'loss',
    parameters,
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
    carried: statistics,
  });
  const compiled = await provider.compile(step.graph, { dims, state: step.state });
  compiled.setState(step.initialState);
  const x = weights([batch, ...net.image], 1, 1);
  const labels = BigInt64Array.from({ length: batch }, (_, at) => BigInt(at % 10));
  const y: Tensor = { dtype: 'int64', dims: [batch], data: labels };
  const learningRate: Tensor = { dtype: 'float32', dims: [], data: Float32Array.of(0.01) };
  return () => compiled.run({ x, y, learningRate });
}

async function vit(provider: Provider, batch: number, width: number): Promise<Step> {
  const block = vitBlock(batch, width);
  const { graph } = differentiate(block.graph, { loss: 'loss', wrt: [...block.trained, 'x'], dims: {} });
  const compiled = await provider.compile(graph);
  const x = weights([batch, 197, width], 1, 1);
  return () => compiled.run({ x });
}

async function neighbours(provider: Provider, count: number, widths: readonly number[]): Promise<Step> {
  const self = Int32Array.from({ length: count }, (_, at) => at);
  const taps = widths.map((width) => ({ width, data: weights([count, width], 1, 1).data as Float32Array }));
  const indices = await Promise.all(
    taps.map(({ width, data }) => createNeighbourIndex(provider, data, width, { k: 50 })),
  );
  return async () => {
    for (const [tap, index] of indices.entries()) await index.query(taps[tap].data, count, self);
  };
}

/** @param task `what:subject:size`, as `engine.ts` lists them @returns one run of it */
export async function prepare(provider: Provider, task: string): Promise<Step> {
  const [what, subject, size] = task.split(':');
  switch (what) {
    case 'forward':
      return forward(provider, nets[subject](), Number(size));
    case 'train':
    case 'train-half':
      return train(provider, nets[subject](), Number(size), what === 'train-half');
    case 'vit':
      return vit(provider, Number(size), Number(subject));
    case 'knn':
      return neighbours(provider, Number(size), subject.split('+').map(Number));
    default:
      throw new RangeError(`unknown task ${task}`);
  }
}
