/**
 * Exporters fold batch normalisation into the convolutions. Training needs it back, an exported model does not:
 * `restoreNorms` puts one behind every convolution without changing the function, `foldNorms` takes it out again.
 */
import type { Graph, GraphNode, Tensor } from '../graph/ir.ts';
import { float, floatAttribute } from '../graph/attributes.ts';
import { tensorOf } from '../graph/tensors.ts';
import { makeNode, namer, onlyConsumer, rewrite, wire } from './wiring.ts';

/** Per output channel of a convolution over samples and positions. */
export interface ConvStatistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Of the normalisations put back; PyTorch's default. */
const EPSILON = 1e-5;

/** The batch normalisation that alone reads a convolution's output, or null. */
export function normBehind(graph: Graph, wiring: ReturnType<typeof wire>, conv: GraphNode): GraphNode | null {
  const next = onlyConsumer(graph, wiring, conv.outputs[0]);
  return next?.op === 'BatchNormalization' && next.inputs[0] === conv.outputs[0] ? next : null;
}

/**
 * Puts a batch normalisation behind each convolution named in `statistics` (by node name) so that, in evaluation mode,
 * the graph computes what it did: scale sqrt(v+eps), shift m, running mean m without the bias, running variance v; the
 * bias moves into the shift. Value names behind the convolution stay; a dead channel (v = 0) is safe.
 * @returns the graph and the node names of the new normalisations
 * @throws RangeError when statistics and channels do not match or are not finite
 */
export function restoreNorms(
  graph: Graph,
  statistics: ReadonlyMap<string, ConvStatistics>,
): { readonly graph: Graph; readonly restored: readonly string[] } {
  const fresh = namer(graph);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  const restored: string[] = [];
  for (const conv of graph.nodes) {
    const found = conv.op === 'Conv' ? statistics.get(conv.name) : undefined;
    if (!found) continue;
    const channels = graph.initializers.get(conv.inputs[1])?.dims[0];
    if (channels === undefined || found.mean.length !== channels || found.variance.length !== channels) {
      throw new RangeError(`statistics of "${conv.name}" are for ${found.mean.length} channels, it has ${channels}`);
    }
    if (![...found.mean, ...found.variance].every(Number.isFinite) || found.variance.some((v) => v < 0)) {
      throw new RangeError(`statistics of "${conv.name}" are not finite`);
    }
    const bias = conv.inputs[2] ? graph.initializers.get(conv.inputs[2]) : undefined;
    const name = fresh(`${conv.name}/norm`);
    const names = ['scale', 'shift', 'mean', 'variance'].map((part) => fresh(`${name}.${part}`));
    const variance = Float32Array.from(found.variance);
    // From the rounded values, so that scale / sqrt(variance + eps) is 1 to the last bit but one.
    const shift = Float32Array.from(found.mean);
    const mean = Float32Array.from(shift, (m, k) => m - (bias ? Number(bias.data[k]) : 0));
    const values = [Float32Array.from(variance, (v) => Math.sqrt(v + EPSILON)), shift, mean, variance];
    values.forEach((data, i) => initializers.set(names[i], tensorOf('float32', [channels], data)));
    const raw = fresh(`${conv.outputs[0]}/convolved`);
    replace.set(conv, [
      { ...conv, inputs: conv.inputs.slice(0, 2), outputs: [raw] },
      makeNode('BatchNormalization', name, [raw, ...names], [conv.outputs[0]], {
        epsilon: float(EPSILON),
      }),
    ]);
    restored.push(name);
  }
  const met = new Set([...replace.keys()].map((conv) => conv.name));
  for (const name of statistics.keys()) {
    if (!met.has(name)) throw new RangeError(`there is no convolution "${name}" to put a normalisation behind`);
  }
  const changed = rewrite(graph, { replace, initializers });
  return { graph: withoutUnusedInitializers(changed), restored };
}

/**
 * Folds batch normalisations (all that stand directly behind a convolution, or those whose node names are given) into
 * the convolution's weights and bias: the same function in evaluation mode, computed in float64, stored as float32.
 * @throws RangeError when a named normalisation does not exist or cannot be folded
 */
export function foldNorms(graph: Graph, names?: readonly string[]): Graph {
  const wiring = wire(graph);
  const fresh = namer(graph);
  const wanted = names === undefined ? null : new Set(names);
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  const initializers = new Map<string, Tensor>();
  for (const conv of graph.nodes) {
    if (conv.op !== 'Conv') continue;
    const norm = normBehind(graph, wiring, conv);
    if (norm === null || (wanted !== null && !wanted.has(norm.name))) continue;
    const parts = [conv.inputs[1], ...norm.inputs.slice(1, 5)].map((name) => graph.initializers.get(name));
    const [weight, scale, shift, mean, variance] = parts;
    const bias = conv.inputs[2] ? graph.initializers.get(conv.inputs[2]) : null;
    if (!weight || !scale || !shift || !mean || !variance || bias === undefined) continue;
    wanted?.delete(norm.name);
    const epsilon = floatAttribute(norm, 'epsilon', 1e-5);
    const channels = weight.dims[0];
    const per = weight.data.length / channels;
    const folded = new Float32Array(weight.data.length);
    const offset = new Float32Array(channels);
    for (let k = 0; k < channels; k++) {
      const factor = Number(scale.data[k]) / Math.sqrt(Number(variance.data[k]) + epsilon);
      for (let i = k * per; i < (k + 1) * per; i++) folded[i] = Number(weight.data[i]) * factor;
      offset[k] = (Number(bias?.data[k] ?? 0) - Number(mean.data[k])) * factor + Number(shift.data[k]);
    }
    // A weight that a second node reads keeps its values under its name.
    const own = (name: string): string =>
      (wiring.consumers.get(name) ?? []).length > 1 ? fresh(`${name}/folded`) : name;
    const weightName = own(conv.inputs[1]);
    const biasName = conv.inputs[2] ? own(conv.inputs[2]) : fresh(`${conv.name}.bias`);
    initializers.set(weightName, tensorOf('float32', weight.dims, folded));
    initializers.set(biasName, tensorOf('float32', [channels], offset));
    replace.set(conv, [{ ...conv, inputs: [conv.inputs[0], weightName, biasName], outputs: norm.outputs.slice(0, 1) }]);
    replace.set(norm, []);
  }
  if (wanted !== null && wanted.size > 0) {
    throw new RangeError(`there is no normalisation "${[...wanted][0]}" behind a convolution to fold`);
  }
  return withoutUnusedInitializers(rewrite(graph, { replace, initializers }));
}

function withoutUnusedInitializers(graph: Graph): Graph {
  const used = new Set([...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs.map((output) => output.name)]);
  return { ...graph, initializers: new Map([...graph.initializers].filter(([name]) => used.has(name))) };
}
