/** Gradients of Gemm and MatMul; of a weight with chosen rows only those rows are multiplied out. */
import { floatAttribute, intAttribute } from '../attributes.ts';
import type { GraphBuilder } from '../builder.ts';
import { sizeOf } from '../tensors.ts';
import {
  noGradient,
  soleGradient,
  unbroadcast,
  type GradientContext,
  type GradientRule,
  type GradientTable,
} from './rule.ts';

/** `left^T right` or `right^T left` for [rows, p] and [rows, q] matrices. */
const outer = (b: GraphBuilder, left: string, right: string): string =>
  b.gemm(left, right, undefined, { transA: true });

const Gemm: GradientRule = (context) => {
  const { node, b } = context;
  const [a, weight, bias] = node.inputs;
  const transA = intAttribute(node, 'transA', 0) === 1;
  const transB = intAttribute(node, 'transB', 0) === 1;
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  const dy = soleGradient(context);
  const scaled = alpha === 1 || !(context.wants(0) || context.wants(1)) ? dy : b.mul(dy, b.scalar(alpha));
  if (context.wants(0)) {
    // Y = A B: dA = dY B^T, dA^T = B dY^T.
    const gradient = transA
      ? b.gemm(weight, scaled, undefined, { transA: transB, transB: true })
      : b.gemm(scaled, weight, undefined, { transB: !transB });
    context.give(0, gradient);
  }
  if (context.wants(1)) {
    const rows = context.rows(1);
    // Slices of B along its output axis are columns of dY, along its input axis columns of A.
    const columnsOf = rows === null ? null : (rows.axis === 0) === transB ? 'dy' : 'a';
    const index = rows === null ? '' : b.ints(rows.index);
    const left = columnsOf === 'a' ? b.gather(a, index, transA ? 0 : 1) : a;
    const right = columnsOf === 'dy' ? b.gather(scaled, index, 1) : scaled;
    const gradient = transB
      ? b.gemm(right, left, undefined, { transA: true, transB: transA })
      : b.gemm(left, right, undefined, { transA: !transA });
    context.give(1, gradient, columnsOf !== null);
  }
  if (context.wants(2)) {
    const share = beta === 1 ? dy : b.mul(dy, b.scalar(beta));
    context.give(2, unbroadcast(b, share, context.dims(share), context.dims(bias)));
  }
};

function swapLast(b: GraphBuilder, value: string, rank: number): string {
  const permutation = Array.from({ length: rank }, (_, axis) => axis);
  [permutation[rank - 2], permutation[rank - 1]] = [rank - 1, rank - 2];
  return b.transpose(value, permutation);
}

/** A stack of vectors times one matrix: plain matrix products on the flattened stack. */
function matmulByMatrix(context: GradientContext, dy: string): void {
  const { node, b } = context;
  const [a, weight] = node.inputs;
  const aDims = context.dims(a);
  const [k, n] = context.dims(weight);
  const count = sizeOf(aDims.slice(0, -1));
  const flat = (value: string, width: number): string =>
    context.dims(value).length === 2 ? value : b.reshape(value, [count, width]);
  const dyFlat = flat(dy, n);
  if (context.wants(0)) {
    const gradient = b.gemm(dyFlat, weight, undefined, { transB: true });
    context.give(0, aDims.length === 2 ? gradient : b.reshape(gradient, aDims));
  }
  if (context.wants(1)) {
    const rows = context.rows(1);
    const index = rows === null ? '' : b.ints(rows.index);
    const aFlat = flat(a, k);
    const left = rows?.axis === 0 ? b.gather(aFlat, index, 1) : aFlat;
    const right = rows?.axis === 1 ? b.gather(dyFlat, index, 1) : dyFlat;
    context.give(1, outer(b, left, right), rows !== null);
  }
}

const MatMul: GradientRule = (context) => {
  const { node, b } = context;
  const [a, other] = node.inputs;
  const aDims = context.dims(a);
  const bDims = context.dims(other);
  if (aDims.length < 2 || bDims.length < 2) throw noGradient(node, 'an operand is a vector');
  const dy = soleGradient(context);
  if (bDims.length === 2) return matmulByMatrix(context, dy);
  if (context.wants(0)) {
    const gradient = b.matmul(dy, swapLast(b, other, bDims.length));
    context.give(0, unbroadcast(b, gradient, context.dims(gradient), aDims));
  }
  if (context.wants(1)) {
    const gradient = b.matmul(swapLast(b, a, aDims.length), dy);
    context.give(1, unbroadcast(b, gradient, context.dims(gradient), bDims));
  }
};

export const productGradients: GradientTable = { Gemm, MatMul };
