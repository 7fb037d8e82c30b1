/** Shapes with their symbols kept: what depends on the batch size and what does not. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { DType, Dim, Graph, Tensor } from './ir.ts';
import { inferValues, type Shaped } from './shapes.ts';

export interface SymbolicValue {
  readonly dtype: DType;
  /** A symbol of the graph's inputs where the size equals it, "?" where it depends on symbols in another way. */
  readonly shape: readonly Dim[];
  /** The value where it is known whatever the symbols are. */
  readonly value?: Tensor;
}

export interface Probes {
  /** The free symbols. */
  readonly symbols: readonly string[];
  /** Types of all values under two different choices of sizes. */
  readonly first: ReadonlyMap<string, Shaped>;
  readonly second: ReadonlyMap<string, Shaped>;
  readonly sizes: readonly (readonly [number, number])[];
}

/** Two choices for sizes at axis 0 (batch): unlike anything that stands in a file. */
const BATCHES: readonly (readonly [number, number])[] = [
  [7, 29],
  [11, 31],
  [13, 37],
  [17, 41],
];
/** Two choices for other sizes (height, width): images that nets with stride 32 and patches of 16 or 32 take. */
const SIDES: readonly (readonly [number, number])[] = [
  [224, 256],
  [288, 384],
  [320, 416],
  [352, 448],
];

/** Symbols in the input shapes that `dims` does not bind. */
export function freeSymbols(graph: Graph, dims: Readonly<Record<string, number>>): string[] {
  const all = graph.inputs.flatMap((input) => input.shape.filter((dim) => typeof dim === 'string'));
  return [...new Set(all)].filter((symbol) => !Object.hasOwn(dims, symbol));
}

/**
 * Infers shapes under two choices of sizes for the free symbols; what agrees does not depend on them.
 * @throws as `inferShapes`; unsupported-encoder when more than a few sizes are open
 */
export function probe(graph: Graph, dims: Readonly<Record<string, number>> = {}): Probes {
  const symbols = freeSymbols(graph, dims);
  const batches = new Set(graph.inputs.map((input) => input.shape[0]));
  const free = { batch: [...BATCHES], side: [...SIDES] };
  const sizes = symbols.map((symbol) => {
    const pair = (batches.has(symbol) ? free.batch : free.side).shift();
    if (pair === undefined) {
      throw new ExpectedError(
        'unsupported-encoder',
        `Too many sizes are left open: ${symbols.slice(0, 20).join(', ')}.`,
      );
    }
    return pair;
  });
  const bind = (choice: 0 | 1): Record<string, number> => ({
    ...dims,
    ...Object.fromEntries(symbols.map((symbol, index) => [symbol, sizes[index][choice]])),
  });
  const first = inferValues(graph, bind(0));
  const second = symbols.length === 0 ? first : inferValues(graph, bind(1));
  return { symbols, first, second, sizes };
}

/** A size under both choices, as a number, a symbol or "?". */
export function symbolicDim(probes: Probes, first: number, second: number): Dim {
  if (first === second) return first;
  const index = probes.sizes.findIndex(([a, b]) => a === first && b === second);
  return index < 0 ? '?' : probes.symbols[index];
}

/** Symbolic type of every value. @throws as `probe` */
export function symbolicShapes(graph: Graph, dims: Readonly<Record<string, number>> = {}): Map<string, SymbolicValue> {
  const probes = probe(graph, dims);
  const result = new Map<string, SymbolicValue>();
  for (const [name, a] of probes.first) {
    const b = probes.second.get(name) as Shaped;
    const shape = a.dims.map((dim, axis) => symbolicDim(probes, dim, b.dims[axis]));
    const known = sameValue(a.value, b.value);
    result.set(name, { dtype: a.dtype, shape, ...(known === undefined ? {} : { value: known }) });
  }
  return result;
}

/** The tensor when both are the same. */
export function sameValue(a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return a;
  if (a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return undefined;
  for (let at = 0; at < a.data.length; at += 1) if (!Object.is(a.data[at], b.data[at])) return undefined;
  return a;
}
