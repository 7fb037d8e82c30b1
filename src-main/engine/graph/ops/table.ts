/** Every operator the graph knows. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { INTERNAL_DOMAIN, internalOperators } from '../internal-ops.ts';
import type { GraphNode } from '../ir.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { layoutOps } from './layout.ts';
import { normalisation } from './normalisation.ts';
import type { Operator, OperatorTable } from './operator.ts';
import { pooling } from './pooling.ts';
import { products } from './products.ts';
import { reductions } from './reductions.ts';
import { scatter } from './scatter.ts';
import { sources } from './sources.ts';

const standard: OperatorTable = {
  ...elementwise,
  ...convolution,
  ...pooling,
  ...normalisation,
  ...products,
  ...reductions,
  ...layoutOps,
  ...scatter,
  ...sources,
};

/** @throws unknown-operator naming node, operator, domain and what to do */
export function operatorOf(node: GraphNode): Operator {
  const table = node.domain === '' ? standard : node.domain === INTERNAL_DOMAIN ? internalOperators : {};
  if (!Object.hasOwn(table, node.op)) {
    const where = node.domain === '' ? 'the standard ONNX domain' : `the domain "${node.domain}"`;
    throw new ExpectedError(
      'unknown-operator',
      `Node "${node.name}" is a ${node.op} of ${where}. Export the encoder from PyTorch with opset 17, ` +
        'in evaluation mode and without vendor-specific optimisation.',
    );
  }
  return table[node.op];
}
