/** Putting folded normalisations back into an understood encoder, from statistics of its convolutions on the data. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { int, ints } from '../graph/attributes.ts';
import type { Graph, GraphNode, Tensor, ValueInfo } from '../graph/ir.ts';
import { numbersOf } from '../graph/tensors.ts';
import { channelLayers } from './channels.ts';
import type { Encoder } from './encoder.ts';
import { normBehind, restoreNorms, type ConvStatistics } from './normalisation.ts';
import { learnableParameters } from './parameters.ts';
import { shapesAt, type Shapes } from './shapes.ts';
import { makeNode, namer, wire, type Wiring } from './wiring.ts';

/**
 * Node names of the convolutions that need a normalisation for training: those without one directly behind, save in
 * transformers and save gates that look at pooled maps (1x1; squeeze and excitation), where a batch has no positions.
 */
export function convolutionsWithoutNorm(encoder: Encoder): string[] {
  if (encoder.family === 'vit') return [];
  const { graph } = encoder;
  const wiring = wire(graph);
  const shapes = shapesAt(graph, 2);
  return graph.nodes
    .filter((node) => node.op === 'Conv' && graph.initializers.has(node.inputs[1]))
    .filter((node) => normBehind(graph, wiring, node) === null)
    .filter((node) => !isGate(graph, wiring, shapes, node))
    .map((node) => node.name);
}

const pooling = new Set(['GlobalAveragePool', 'GlobalMaxPool', 'AveragePool', 'ReduceMean', 'ReduceMax']);

/** Whether a convolution reads a pooled map, directly or through other such convolutions and activations. */
function isGate(graph: Graph, wiring: Wiring, shapes: Shapes, conv: GraphNode): boolean {
  let value = conv.inputs[0];
  while (
    shapes
      .get(value)
      ?.slice(2)
      .every((side) => side === 1)
  ) {
    const node = wiring.producer.get(value);
    if (!node || pooling.has(node.op)) return node !== undefined;
    value = node.inputs.find((name) => name !== '' && !graph.initializers.has(name)) ?? '';
  }
  return false;
}

/** Outputs of a statistics graph for one convolution: mean and variance [C] over the batch and all positions. */
export interface StatisticsOutputs {
  readonly conv: string;
  readonly mean: string;
  readonly variance: string;
}

/** A graph from `pixels` to mean and (centred, biased) variance of the named convolutions' outputs over one batch. */
export function statisticsGraph(
  graph: Graph,
  convs: readonly string[],
): { readonly graph: Graph; readonly outputs: readonly StatisticsOutputs[] } {
  const fresh = namer(graph);
  const wanted = new Set(convs);
  const nodes: GraphNode[] = [...graph.nodes];
  const infos: ValueInfo[] = [];
  const outputs: StatisticsOutputs[] = [];
  for (const conv of graph.nodes) {
    if (conv.op !== 'Conv' || !wanted.has(conv.name)) continue;
    const value = conv.outputs[0];
    const names = ['mean', 'centre', 'centred', 'square', 'variance'].map((part) => fresh(`${conv.name}/${part}`));
    const [mean, centre, centred, square, variance] = names;
    const over = (keep: number): GraphNode['attributes'] => ({ axes: ints([0, 2, 3]), keepdims: int(keep) });
    nodes.push(
      makeNode('ReduceMean', mean, [value], [mean], over(0)),
      makeNode('ReduceMean', centre, [value], [centre], over(1)),
      makeNode('Sub', centred, [value, centre], [centred]),
      makeNode('Mul', square, [centred, centred], [square]),
      makeNode('ReduceMean', variance, [square], [variance], over(0)),
    );
    const channels = graph.initializers.get(conv.inputs[1])?.dims[0] ?? 0;
    for (const name of [mean, variance]) infos.push({ name, dtype: 'float32', shape: [channels] });
    outputs.push({ conv: conv.name, mean, variance });
  }
  return { graph: { ...graph, nodes, outputs: infos }, outputs };
}

/** Joins the statistics of equally large batches: mean of means, and variance within plus between batches. */
export function joinStatistics(
  outputs: readonly StatisticsOutputs[],
  batches: readonly Readonly<Record<string, Tensor>>[],
): Map<string, ConvStatistics> {
  if (batches.length === 0) throw new RangeError('no batch was given');
  const joined = new Map<string, ConvStatistics>();
  for (const { conv, mean, variance } of outputs) {
    const means = batches.map((batch) => numbersOf(batch[mean]));
    const variances = batches.map((batch) => numbersOf(batch[variance]));
    const average = (lists: readonly (readonly number[])[], k: number): number =>
      lists.reduce((sum, list) => sum + list[k], 0) / lists.length;
    const m = Float64Array.from(means[0], (_, k) => average(means, k));
    const v = Float64Array.from(m, (centre, k) => {
      const between = means.reduce((sum, list) => sum + (list[k] - centre) ** 2, 0) / means.length;
      return average(variances, k) + between;
    });
    if (![...m, ...v].every(Number.isFinite)) {
      throw new ExpectedError(
        'unsupported-encoder',
        `Convolution "${conv}" gives values that are not finite on the dataset. ` +
          'Check the pixel normalisation (mean and std), or ask the supplier for a fresh export.',
      );
    }
    joined.set(conv, { mean: m, variance: v });
  }
  return joined;
}

/**
 * Collects what `restoreEncoderNorms` needs.
 * @param run runs the given graph (input `pixels`) over batches of one size and gives every batch's outputs
 */
export async function collectStatistics(
  encoder: Encoder,
  run: (graph: Graph) => Promise<readonly Readonly<Record<string, Tensor>>[]>,
): Promise<Map<string, ConvStatistics>> {
  const convs = convolutionsWithoutNorm(encoder);
  if (convs.length === 0) return new Map();
  const { graph, outputs } = statisticsGraph(encoder.graph, convs);
  return joinStatistics(outputs, await run(graph));
}

/** The encoder with a normalisation behind every convolution in `statistics`: the same function in evaluation mode. */
export function restoreEncoderNorms(encoder: Encoder, statistics: ReadonlyMap<string, ConvStatistics>): Encoder {
  if (statistics.size === 0) return encoder;
  const restored = restoreNorms(encoder.graph, statistics);
  const { graph, layers } = channelLayers(restored.graph, shapesAt(restored.graph, 2));
  return {
    ...encoder,
    graph,
    layers,
    parameters: learnableParameters(graph),
    restoredNorms: [...encoder.restoredNorms, ...restored.restored],
  };
}
