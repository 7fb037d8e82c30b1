/** Sizes of all values of an encoder's graph for one batch size. */
import type { Graph } from '../graph/ir.ts';
import { inferShapes } from '../graph/shapes.ts';

export type Shapes = ReadonlyMap<string, readonly number[]>;

/** @param batch bound to the symbol `N`, the only one that an understood encoder has */
export function shapesAt(graph: Graph, batch: number): Shapes {
  return new Map([...inferShapes(graph, { N: batch })].map(([name, { dims }]) => [name, dims]));
}
