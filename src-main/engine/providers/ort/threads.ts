/** How many threads a training step gains from. */
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import type { Graph, GraphNode } from '../../graph/ir.ts';
import { intAttribute, intsAttribute } from '../../graph/attributes.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { sizeOf } from '../../graph/tensors.ts';

/**
 * Multiplications per product (convolution, gradient, matrix product) up to which a second thread costs processor time
 * and gains none: waking it takes as long as what it does. Between the batches 32 and 64 of the sample's net, whose
 * products have 23 and 38 million (half frozen; docs/performance.md).
 */
export const FEW_MULTIPLICATIONS = 30e6;

/**
 * Threads for one training step, by shapes alone.
 * @param graph without open symbols @param most threads that were asked for
 */
export function threadsFor(graph: Graph, most: number): number {
  if (most === 1) return 1;
  const counts = multiplications(graph);
  const mean = counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
  return mean <= FEW_MULTIPLICATIONS ? 1 : most;
}

/** Multiplications of every product of the graph. */
export function multiplications(graph: Graph): number[] {
  const shapes = inferShapes(graph, {});
  const dims = (value: string): readonly number[] => shapes.get(value)?.dims ?? [];
  return graph.nodes.flatMap((node) => {
    const count = multiplicationsOf(node, dims);
    return count === null ? [] : [count];
  });
}

function multiplicationsOf(node: GraphNode, dims: (value: string) => readonly number[]): number | null {
  const perOutput = (weight: readonly number[]): number => sizeOf(weight.slice(1));
  if (node.domain === INTERNAL_DOMAIN) {
    switch (node.op) {
      case 'ConvGradInput':
        return sizeOf(dims(node.inputs[0])) * perOutput(dims(node.inputs[1]));
      case 'ConvGradWeight': {
        const weight = intsAttribute(node, 'weight_shape') ?? [];
        const share = (intsAttribute(node, 'rows')?.length ?? weight[0]) / weight[0];
        return share * sizeOf(dims(node.inputs[1])) * perOutput(weight);
      }
      default:
        return null;
    }
  }
  if (node.domain !== '') return null;
  switch (node.op) {
    case 'Conv':
      return sizeOf(dims(node.outputs[0])) * perOutput(dims(node.inputs[1]));
    case 'MatMul':
      return sizeOf(dims(node.outputs[0])) * (dims(node.inputs[0]).at(-1) ?? 1);
    case 'Gemm':
      return sizeOf(dims(node.outputs[0])) * dims(node.inputs[0])[intAttribute(node, 'transA', 0) === 1 ? 0 : 1];
    default:
      return null;
  }
}
