/** Every operator of the provider. */
import { axisOf, knownInts, needed, type Shaped } from '../../graph/ops/operator.ts';
import { intAttribute, malformedNode } from '../../graph/attributes.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import type { GraphNode } from '../../graph/ir.ts';
import { operatorOf } from '../../graph/ops/table.ts';
import { convolutionGradientKernels, convolutionKernels } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import type { Kernel, KernelTable } from './kernel.ts';
import { layoutKernels } from './layout.ts';
import { normalisationGradientKernels, normalisationKernels } from './normalisation.ts';
import { poolGradientKernels, poolKernels } from './window.ts';

const standard: KernelTable = {
  ...elementwise,
  ...layoutKernels,
  ...convolutionKernels,
  ...poolKernels,
  ...normalisationKernels,
};
const internal: KernelTable = {
  ...convolutionGradientKernels,
  ...poolGradientKernels,
  ...normalisationGradientKernels,
};

/**
 * The kernel of a node; null where the graph's own interpreter computes it on the host, which is for what stands in
 * no hot path (ranges, scattered masks, whole-number remainders).
 * @throws unknown-operator for what the graph does not know either
 */
export function kernelOf(node: GraphNode): Kernel | null {
  const table = node.domain === '' ? standard : node.domain === INTERNAL_DOMAIN ? internal : {};
  const kernel = Object.hasOwn(table, node.op) ? table[node.op] : null;
  if (kernel === null || node.op !== 'TopK') operatorOf(node);
  if (node.op === 'ArgMax' && intAttribute(node, 'select_last_index', 0) === 1) return null;
  return kernel;
}

/** TopK is asked for by our own neighbour search only; encoders that hold it are refused. */
export function topKShapes(node: GraphNode, inputs: readonly (Shaped | null)[]): Shaped[] {
  const { dtype, dims } = needed(node, inputs, 0);
  const axis = axisOf(node, intAttribute(node, 'axis', -1), dims.length);
  const [count] = knownInts(node, needed(node, inputs, 1), 'number');
  if (!(count >= 0 && count <= dims[axis])) throw malformedNode(node, `the ${count} largest of ${dims[axis]}`);
  const kept = dims.map((dim, at) => (at === axis ? count : dim));
  return [
    { dtype, dims: kept },
    { dtype: 'int64', dims: kept },
  ];
}
