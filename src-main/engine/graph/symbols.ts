/** Shapes with their symbols kept: what depends on the batch size and what does not. */
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

const FIRST = [7, 11, 13, 17, 19, 23];
const SECOND = [29, 31, 37, 41, 43, 47];

/** Symbols in the input shapes that `dims` does not bind. */
export function freeSymbols(graph: Graph, dims: Readonly<Record<string, number>>): string[] {
  const all = graph.inputs.flatMap((input) => input.shape.filter((dim) => typeof dim === 'string'));
  return [...new Set(all)].filter((symbol) => !Object.hasOwn(dims, symbol));
}

/**
 * Infers shapes under two choices of sizes for the free symbols; what agrees does not depend on them.
 * @throws as `inferShapes`; RangeError for more than six free symbols
 */
export function probe(graph: Graph, dims: Readonly<Record<string, number>> = {}): Probes {
  const symbols = freeSymbols(graph, dims);
  if (symbols.length > FIRST.length) throw new RangeError(`${symbols.length} free sizes: ${symbols.join(', ')}`);
  const bind = (sizes: readonly number[]): Record<string, number> => ({
    ...dims,
    ...Object.fromEntries(symbols.map((symbol, index) => [symbol, sizes[index]])),
  });
  const first = inferValues(graph, bind(FIRST));
  const second = symbols.length === 0 ? first : inferValues(graph, bind(SECOND));
  return { symbols, first, second, sizes: symbols.map((_, index) => [FIRST[index], SECOND[index]]) };
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
