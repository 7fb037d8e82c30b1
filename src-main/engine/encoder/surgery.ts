/** What is done to an understood encoder: new values for untrusted channels, a head on it, a model to hand out. */
import { graphBuilder } from '../graph/builder.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import { numbersOf } from '../graph/tensors.ts';
import { randomStream, type RandomStream } from '../math/random.ts';
import { denseLayers } from './dense.ts';
import type { ChannelLayer, ChannelRows, Encoder } from './encoder.ts';
import { addHead } from './head.ts';
import { foldNorms } from './normalisation.ts';
import { prune, wire } from './wiring.ts';

/**
 * Start of bootstrapping (T-Core): psi channels get Kaiming-normal rows (fan-in; gain sqrt 2, or 1 where no activation
 * follows), zero biases and a normalisation of scale 1, shift 0, mean 0, variance 1; chi channels keep every bit.
 * A normalisation that was put back carries the scale of the file's activations, so its psi channels start at the
 * median scale of their layer instead of 1: else they would drown (or drown in) their trusted neighbours.
 *
 * @param trusted `[layers][channels]`, truthy = chi; in the order of `layers`
 * @returns new values of all parameters and running statistics that a psi channel owns a part of, by name
 */
export function reinitialise(
  encoder: Encoder,
  layers: readonly ChannelLayer[],
  trusted: readonly ArrayLike<boolean | number>[],
  seed: number,
): Map<string, Tensor> {
  if (trusted.length !== layers.length) {
    throw new RangeError(`trusted channels are given for ${trusted.length} layers, there are ${layers.length}`);
  }
  const roles = rolesOf(encoder);
  const changed = new Map<string, Tensor>();
  layers.forEach((layer, i) => {
    if (trusted[i].length !== layer.channels) {
      throw new RangeError(`${layer.id} has ${layer.channels} channels, trusted has ${trusted[i].length}`);
    }
    const random = randomStream(seed, `psi/${layer.id}`);
    for (const rows of layer.rows) {
      const old = changed.get(rows.param) ?? encoder.graph.initializers.get(rows.param);
      const role = roles.get(rows.param);
      if (!old || !role) throw new Error(`${layer.id}: "${rows.param}" is no parameter of the encoder`);
      changed.set(rows.param, renewed(old, rows, trusted[i], draw(layer, role, old, rows, random)));
    }
  });
  return changed;
}

export type Role = 'weight' | 'bias' | 'scale' | 'restored scale' | 'shift' | 'mean' | 'variance';

/** What each parameter and running statistic is, from the node that reads it. */
export function rolesOf(encoder: Encoder): ReadonlyMap<string, Role | { readonly outAxis: number }> {
  const { graph } = encoder;
  const restored = new Set(encoder.restoredNorms);
  const roles = new Map<string, Role | { outAxis: number }>();
  for (const node of graph.nodes) {
    if (node.op === 'Conv') {
      roles.set(node.inputs[1], 'weight');
      if (node.inputs[2]) roles.set(node.inputs[2], 'bias');
    } else if (node.op === 'BatchNormalization') {
      const [, scale, shift, mean, variance] = node.inputs;
      roles.set(scale, restored.has(node.name) ? 'restored scale' : 'scale');
      roles.set(shift, 'shift').set(mean, 'mean').set(variance, 'variance');
    }
  }
  for (const layer of denseLayers(graph, wire(graph)).values()) {
    roles.set(layer.weight, { outAxis: layer.outAxis });
    if (layer.bias !== null) roles.set(layer.bias, 'bias');
  }
  return roles;
}

/** Numbers for new elements. */
function draw(
  layer: ChannelLayer,
  role: Role | { readonly outAxis: number },
  old: Tensor,
  rows: ChannelRows,
  random: RandomStream,
): () => number {
  if (typeof role === 'object') {
    const isOutput = role.outAxis === rows.axis;
    const fanIn = isOutput ? old.data.length / old.dims[rows.axis] : old.dims[rows.axis];
    const deviation = Math.sqrt((isOutput && layer.kind === 'hidden' ? 2 : 1) / fanIn);
    return () => deviation * random.normal();
  }
  switch (role) {
    case 'weight': {
      const deviation = Math.sqrt((2 * old.dims[0]) / old.data.length);
      return () => deviation * random.normal();
    }
    case 'scale':
    case 'variance':
      return () => 1;
    case 'restored scale': {
      const sorted = numbersOf(old).sort((a, b) => a - b);
      const median = sorted[Math.floor(sorted.length / 2)];
      return () => median;
    }
    case 'bias':
    case 'shift':
    case 'mean':
      return () => 0;
  }
}

/** A copy in which the slices of untrusted channels are drawn anew. Draws are made for all, so none depends on the split. */
function renewed(old: Tensor, rows: ChannelRows, trusted: ArrayLike<boolean | number>, next: () => number): Tensor {
  const data = Float32Array.from(old.data as Float32Array);
  const inner = old.dims.slice(rows.axis + 1).reduce((a, b) => a * b, 1);
  const size = old.dims[rows.axis];
  const outer = data.length / (inner * size);
  rows.index.forEach((slice, i) => {
    const keep = Boolean(trusted[Math.floor(i / rows.perChannel)]);
    for (let o = 0; o < outer; o++) {
      const start = (o * size + slice) * inner;
      for (let at = start; at < start + inner; at++) {
        const value = next();
        if (!keep) data[at] = value;
      }
    }
  });
  return { dtype: 'float32', dims: old.dims, data };
}

export type HeadKind = { readonly kind: 'linear' } | { readonly kind: 'mlp'; readonly hidden: readonly number[] };

/**
 * The encoder with a classification head: input `pixels` [N,C,H,W], output `logits` [N,classes]; `parameters` are the
 * head's. The head's start depends on seed and stream only.
 */
export function attachHead(
  encoder: Encoder,
  classes: number,
  head: HeadKind,
  seed: number,
  stream = 'head',
): { readonly graph: Graph; readonly parameters: readonly string[] } {
  if (!Number.isInteger(classes) || classes < 1)
    throw new RangeError(`classes must be a positive integer, met ${classes}`);
  const builder = graphBuilder(encoder.graph);
  const hidden = head.kind === 'linear' ? [] : head.hidden;
  const shape = { dim: encoder.representation.dim, hidden, classes };
  const { logits, parameters } = addHead(builder, 'representation', shape, seed, stream);
  builder.node('Identity', [logits], {}, 'logits');
  builder.setOutputs([{ name: 'logits', dtype: 'float32', shape: ['N', classes] }]);
  return { graph: builder.build(), parameters };
}

export interface SanitizedOptions {
  /** Evaluation graph: input `pixels`, output `logits`. */
  readonly classifier: Graph;
  /** Trained values that replace initializers; names must exist. */
  readonly values?: ReadonlyMap<string, Tensor>;
  readonly restoredNorms: readonly string[];
  readonly classes: readonly string[];
  /** Further `metadata_props`: run, digests, versions. */
  readonly provenance: Readonly<Record<string, string>>;
}

/**
 * The model to hand out: input `pixels` float32 [N,C,H,W] in 0..1, output `logits` [N,classes], normalisations that were
 * put back folded again, class names as JSON under `classes`. Only operators of standard ONNX.
 */
export function sanitizedModel(options: SanitizedOptions): Graph {
  const initializers = new Map(options.classifier.initializers);
  for (const [name, tensor] of options.values ?? []) {
    if (!initializers.has(name)) throw new Error(`the classifier has no parameter "${name}"`);
    initializers.set(name, tensor);
  }
  const graph = prune({ ...options.classifier, initializers }, [
    { name: 'logits', dtype: 'float32', shape: ['N', options.classes.length] },
  ]);
  const foreign = graph.nodes.find((node) => node.domain !== '');
  if (foreign) throw new Error(`node "${foreign.name}" is of the domain "${foreign.domain}", not of standard ONNX`);
  const metadata = { ...options.provenance, classes: JSON.stringify(options.classes) };
  return { ...foldNorms(graph, options.restoredNorms), name: 'sanitized', metadata };
}
