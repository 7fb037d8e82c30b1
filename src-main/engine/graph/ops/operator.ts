/** What the graph knows of an operator: the shapes of its outputs and its values. Gradients are in `../gradients`. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { malformedNode, nodeLabel } from '../attributes.ts';
import type { DType, GraphNode, Tensor } from '../ir.ts';
import { numbersOf } from '../tensors.ts';

/** Static type of a value; `value` where it is known without running anything. */
export interface Shaped {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly value?: Tensor;
}

export interface Operator {
  /** Types of the outputs, at least as many as the node names. @throws onnx-malformed naming node and what was met */
  shapes(node: GraphNode, inputs: readonly (Shaped | null)[]): Shaped[];
  /**
   * Values of the outputs. Floating-point results may be float64 arrays under dtype float32; the caller rounds.
   * `outputs` is what `shapes` said.
   */
  evaluate(node: GraphNode, inputs: readonly (Tensor | null)[], outputs: readonly Shaped[]): Tensor[];
}

export type OperatorTable = Readonly<Record<string, Operator>>;

/** The n-th input. @throws onnx-malformed when it is left out */
export function needed<T>(node: GraphNode, inputs: readonly (T | null)[], index: number): T {
  const input = inputs[index];
  if (input === undefined || input === null) throw malformedNode(node, `input ${index} is missing`);
  return input;
}

/** The values of an integer input that must be known before anything runs. */
export function knownInts(node: GraphNode, input: Shaped, what: string): number[] {
  if (input.value === undefined) {
    throw new ExpectedError(
      'unknown-operator',
      `${nodeLabel(node)}: its ${what} depend on the data; they must be constant.`,
    );
  }
  return numbersOf(input.value);
}

/** An axis in `-rank..rank-1` as `0..rank-1`. */
export function axisOf(node: GraphNode, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw malformedNode(node, `axis ${axis} of a tensor with ${rank} dimensions`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Numpy broadcasting. @throws onnx-malformed naming both shapes */
export function broadcastDims(node: GraphNode, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw malformedNode(node, `shapes [${a.join()}] and [${b.join()}] do not fit together`);
    }
    return left === 1 ? right : left;
  });
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16';
}

export function floatResult(dims: readonly number[], data: Float64Array, dtype: DType = 'float32'): Tensor {
  return { dtype, dims, data };
}
