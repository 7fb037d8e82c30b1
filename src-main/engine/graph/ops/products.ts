/** Gemm and MatMul. */
import { floatAttribute, intAttribute, malformedNode } from '../attributes.ts';
import type { GraphNode } from '../ir.ts';
import { broadcastStrides, float64Of, sizeOf, stridedIndex } from '../tensors.ts';
import { broadcastDims, floatResult, needed, type Operator, type OperatorTable } from './operator.ts';

function gemmSizes(node: GraphNode, a: readonly number[], b: readonly number[]): { m: number; k: number; n: number } {
  if (a.length !== 2 || b.length !== 2)
    throw malformedNode(node, `operands [${a.join()}] and [${b.join()}], matrices wanted`);
  const [m, k] = intAttribute(node, 'transA', 0) === 1 ? [a[1], a[0]] : a;
  const [k2, n] = intAttribute(node, 'transB', 0) === 1 ? [b[1], b[0]] : b;
  if (k !== k2) throw malformedNode(node, `[${a.join()}] times [${b.join()}] do not fit together`);
  return { m, k, n };
}

const Gemm: Operator = {
  shapes: (node, inputs) => {
    const a = needed(node, inputs, 0);
    const { m, n } = gemmSizes(node, a.dims, needed(node, inputs, 1).dims);
    if (inputs[2]) broadcastDims(node, [m, n], inputs[2].dims);
    return [{ dtype: a.dtype, dims: [m, n] }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const aTensor = needed(node, inputs, 0);
    const bTensor = needed(node, inputs, 1);
    const { m, k, n } = gemmSizes(node, aTensor.dims, bTensor.dims);
    const a = float64Of(aTensor);
    const b = float64Of(bTensor);
    const [aRow, aColumn] = intAttribute(node, 'transA', 0) === 1 ? [1, m] : [k, 1];
    const [bRow, bColumn] = intAttribute(node, 'transB', 0) === 1 ? [1, k] : [n, 1];
    const y = new Float64Array(m * n);
    multiply(a, 0, aRow, aColumn, b, 0, bRow, bColumn, y, 0, m, k, n);
    const alpha = floatAttribute(node, 'alpha', 1);
    const beta = floatAttribute(node, 'beta', 1);
    const c = inputs[2];
    const addend = c ? float64Of(c) : null;
    const index = c ? stridedIndex(dims, broadcastStrides(c.dims, dims)) : null;
    for (let at = 0; at < y.length; at += 1) {
      y[at] = alpha * y[at] + (addend === null || index === null ? 0 : beta * addend[index[at]]);
    }
    return [floatResult(dims, y)];
  },
};

function multiply(
  a: Float64Array,
  aFrom: number,
  aRow: number,
  aColumn: number,
  b: Float64Array,
  bFrom: number,
  bRow: number,
  bColumn: number,
  y: Float64Array,
  yFrom: number,
  m: number,
  k: number,
  n: number,
): void {
  for (let row = 0; row < m; row += 1) {
    for (let inner = 0; inner < k; inner += 1) {
      const factor = a[aFrom + row * aRow + inner * aColumn];
      for (let column = 0; column < n; column += 1) {
        y[yFrom + row * n + column] += factor * b[bFrom + inner * bRow + column * bColumn];
      }
    }
  }
}

/** Operands as stacks of matrices; 1-D operands get the missing axis, which `dims` leaves out again. */
function matmulSizes(node: GraphNode, a: readonly number[], b: readonly number[]) {
  if (a.length === 0 || b.length === 0) throw malformedNode(node, 'a scalar operand');
  const left = a.length === 1 ? [1, a[0]] : a;
  const right = b.length === 1 ? [b[0], 1] : b;
  const [m, k] = left.slice(-2);
  const [k2, n] = right.slice(-2);
  if (k !== k2) throw malformedNode(node, `[${a.join()}] times [${b.join()}] do not fit together`);
  const batch = broadcastDims(node, left.slice(0, -2), right.slice(0, -2));
  const dims = [...batch, ...(a.length === 1 ? [] : [m]), ...(b.length === 1 ? [] : [n])];
  return { left, right, batch, m, k, n, dims };
}

const MatMul: Operator = {
  shapes: (node, inputs) => {
    const a = needed(node, inputs, 0);
    return [{ dtype: a.dtype, dims: matmulSizes(node, a.dims, needed(node, inputs, 1).dims).dims }];
  },
  evaluate: (node, inputs, [{ dims }]) => {
    const aTensor = needed(node, inputs, 0);
    const bTensor = needed(node, inputs, 1);
    const { left, right, batch, m, k, n } = matmulSizes(node, aTensor.dims, bTensor.dims);
    const a = float64Of(aTensor);
    const b = float64Of(bTensor);
    const aAt = stridedIndex(batch, broadcastStrides(left.slice(0, -2), batch));
    const bAt = stridedIndex(batch, broadcastStrides(right.slice(0, -2), batch));
    const y = new Float64Array(sizeOf(batch) * m * n);
    for (let at = 0; at < aAt.length; at += 1) {
      multiply(a, aAt[at] * m * k, k, 1, b, bAt[at] * k * n, n, 1, y, at * m * n, m, k, n);
    }
    return [floatResult(dims, y)];
  },
};

export const products: OperatorTable = { Gemm, MatMul };
