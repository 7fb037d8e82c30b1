/** From a stranger's graph to what the defence needs to know of it. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { simplify } from '../graph/fold.ts';
import type { Graph } from '../graph/ir.ts';
import { settleTokens } from './tokens.ts';
import { channelLayers } from './channels.ts';
import type { Encoder } from './encoder.ts';
import { freeBatch } from './fixed-batch.ts';
import { fuseLayerNorms, unflattenSoftmax, unguardSoftmax } from './fuse.ts';
import { pixelInput, reservedNames } from './input.ts';
import { normBehind } from './normalisation.ts';
import { learnableParameters, withOwnParameters } from './parameters.ts';
import { findRepresentation } from './representation.ts';
import { shapesAt } from './shapes.ts';
import { findTaps } from './taps.ts';
import { dependents, wire } from './wiring.ts';

export interface EncoderOptions {
  /** Height and width; needed when the file leaves them open. */
  readonly inputSize?: readonly [number, number] | null;
  /** Per channel, of pixels in 0..1; left out when the graph normalises by itself. */
  readonly mean?: readonly number[] | null;
  readonly std?: readonly number[] | null;
  /** Tensor of the file to take as the representation. */
  readonly representation?: string | null;
}

/**
 * Understands an imported graph: one image input of any batch size, the representation in front of any head, taps,
 * layers with their channels, learnable parameters. Computes the same as the file; folded normalisations are not put
 * back here, since that needs data (`restoreEncoderNorms`).
 * @throws unsupported-encoder, wrong-input-size, unknown-operator, onnx-malformed, usage
 */
export function understandEncoder(file: Graph, options: EncoderOptions = {}): Encoder {
  const input = pixelInput(unguardSoftmax(file), {
    inputSize: options.inputSize ?? null,
    mean: options.mean ?? null,
    std: options.std ?? null,
  });
  const freed = input.batch === null ? input.graph : freeBatch(input.graph, input.batch);
  const settled = settleTokens(simplify(freed));
  const shapes = shapesAt(settled, 2);
  const plain = unflattenSoftmax(fuseLayerNorms(settled, shapes), shapes);
  const wanted = options.representation ?? null;
  const named = wanted === null ? null : (reservedNames(file, file.inputs[0]?.name ?? '').get(wanted) ?? wanted);
  const represented = findRepresentation(plain, shapesAt(plain, 2), named);
  const tapped = findTaps(represented, shapesAt(represented.graph, 2), shapesAt(represented.graph, 3));
  const { graph, layers } = channelLayers(withOwnParameters(tapped.graph), shapesAt(tapped.graph, 2));
  checkBatch(graph, represented.representation.dim);
  checkWeights(graph);
  const family = familyOf(graph);
  if (!layers.some((layer) => layer.kind === 'conv' || layer.kind === 'head')) {
    throw new ExpectedError('unsupported-encoder', 'It has neither convolutions nor attention layers to filter.');
  }
  if (tapped.taps.length === 0) {
    throw new ExpectedError('unsupported-encoder', 'No place between image and representation could be found to read.');
  }
  return {
    graph,
    input: { channels: input.channels, height: input.height, width: input.width },
    representation: represented.representation,
    taps: tapped.taps,
    layers,
    parameters: learnableParameters(graph),
    family,
    restoredNorms: [],
  };
}

function checkBatch(graph: Graph, dim: number): void {
  for (const batch of [2, 3]) {
    const dims = shapesAt(graph, batch).get('representation');
    if (dims?.length !== 2 || dims[0] !== batch || dims[1] !== dim) {
      throw new ExpectedError(
        'unsupported-encoder',
        `For a batch of ${batch} its representation is [${dims?.join(',') ?? ''}], not [${batch},${dim}]. ` +
          'Export it with a dynamic batch axis and no sizes written into the code.',
      );
    }
  }
}

/** Weights that the graph computes cannot be split into channels; simple cases were worked out before. */
function checkWeights(graph: Graph): void {
  const live = dependents(graph, 'pixels');
  for (const node of graph.nodes) {
    const weight = node.inputs[1];
    const isLayer = node.op === 'Conv' || ((node.op === 'Gemm' || node.op === 'MatMul') && !live.has(weight));
    if (!isLayer || !live.has(node.inputs[0]) || graph.initializers.has(weight)) continue;
    throw new ExpectedError(
      'unsupported-encoder',
      `Node "${node.name}" (${node.op}) computes its weights while it runs. Export the encoder with its weights ` +
        'worked out (constant folding on, weight standardisation and reparametrisation removed).',
    );
  }
}

function familyOf(graph: Graph): Encoder['family'] {
  const wiring = wire(graph);
  if (graph.nodes.some((node) => node.op === 'LayerNormalization' || node.op === 'Softmax')) return 'vit';
  const convs = graph.nodes.filter((node) => node.op === 'Conv');
  return convs.some((conv) => normBehind(graph, wiring, conv) !== null) ? 'conv+bn' : 'conv';
}
