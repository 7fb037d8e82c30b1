/** What a gradient rule sees and emits. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { nodeLabel } from '../attributes.ts';
import type { GraphBuilder } from '../builder.ts';
import type { GraphNode, Tensor } from '../ir.ts';

/** Only these slices of a value's gradient are wanted. */
export interface RowChoice {
  readonly axis: number;
  readonly index: readonly number[];
}

export interface GradientContext {
  readonly node: GraphNode;
  readonly b: GraphBuilder;
  dims(value: string): readonly number[];
  /** The value where it is known without running the graph. */
  known(value: string): Tensor | undefined;
  /** Gradient of the n-th output, null when none arrives there. */
  dy(index: number): string | null;
  /** Whether anybody needs the gradient of the n-th input. */
  wants(index: number): boolean;
  rows(index: number): RowChoice | null;
  /** The gradient of the n-th input; `sliced` when it holds the chosen rows only. */
  give(index: number, gradient: string, sliced?: boolean): void;
  /** The node's n-th output, which it gets if it did not have it. */
  output(index: number): string;
}

export type GradientRule = (context: GradientContext) => void;
export type GradientTable = Readonly<Record<string, GradientRule>>;

export function noGradient(node: GraphNode, why: string): ExpectedError {
  return new ExpectedError('unknown-operator', `${nodeLabel(node)}: no gradient, because ${why}.`);
}

/** The gradient of the only output. */
export function soleGradient({ node, dy }: GradientContext): string {
  const gradient = dy(0);
  if (gradient === null) throw noGradient(node, 'it arrives at an output other than the first');
  return gradient;
}

/** Sums a gradient of dims `from` over the axes along which a value of dims `to` had been broadcast. */
export function unbroadcast(b: GraphBuilder, gradient: string, from: readonly number[], to: readonly number[]): string {
  const shift = from.length - to.length;
  const axes = from.flatMap((dim, axis) => (axis < shift || (to[axis - shift] === 1 && dim !== 1) ? [axis] : []));
  if (axes.length === 0) return gradient;
  const summed = b.reduceSum(gradient, axes, true);
  return shift > 0 ? b.reshape(summed, to) : summed;
}
