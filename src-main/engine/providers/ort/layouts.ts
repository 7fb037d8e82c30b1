/** Which memory each value of a graph lives in while it is rewritten, and the conversions between them. */
import type { DType, Graph, GraphNode, Tensor } from '../../graph/ir.ts';
import { inferShapes } from '../../graph/shapes.ts';
import {
  fromPlain,
  labelDims,
  padded,
  standard,
  toPlain,
  wide,
  type AffineOptions,
  type Blocked,
  type BlockedContext,
  type Forms,
} from './blocked.ts';
import { joinPhases, packFilter, packThinFilter, prefersWide, type Filter, type Phases } from './blocked-conv.ts';
import { createEmitter } from './emit.ts';

/** A blocked value whose last pass waits to see whether an addition or a ReLU can be done in it. */
export interface Deferred {
  readonly finish: (options: AffineOptions) => Blocked;
  readonly options: AffineOptions;
}

export interface Layouts extends BlockedContext {
  readonly graph: Graph;
  dims(value: string): readonly number[];
  dtype(value: string): DType;
  /** The constant behind a value, where there is one. */
  constant(value: string): Tensor | undefined;
  uses(value: string): number;
  /** The only node that reads a value; undefined when there are more readers, or it is an output of the graph. */
  soleReader(value: string): GraphNode | undefined;
  producer(value: string): GraphNode | undefined;
  /** Whether the value exists in blocked memory and nowhere else yet. */
  onlyBlocked(value: string): boolean;
  isPlain(value: string): boolean;
  /** Makes the value exist under its own name in plain memory. */
  plain(value: string): string;
  /** The value in blocked memory, in the order that its size asks for. 4-D float values only, or made blocked. */
  blocked(value: string): Blocked;
  /** Says that a value was made in blocked memory. */
  put(value: string, made: Blocked): void;
  /** Says that a plain value was made under its own name. */
  putPlain(value: string): void;
  defer(value: string, deferred: Deferred): void;
  /** A waiting value that nobody else needs, taken to go on with it. */
  takeDeferred(value: string): Deferred | undefined;
  isDeferred(value: string): boolean;
  /** Says that a value was made in phases, which are joined when somebody reads it. */
  putPhases(value: string, phases: Phases): void;
  /** The phases of a value that nobody else needs, taken to go on with them. */
  takePhases(value: string): Phases | undefined;
  packed(filter: Filter): string;
  /** The shape of a 4-D value as a blocked one. */
  shape(value: string): Omit<Blocked, 'name'>;
  /** Products that wait to be summed without being made: the factors by the product's name. */
  readonly products: Map<string, readonly [string, string]>;
}

export function createLayouts(graph: Graph, block: number, threads: number, forms: Forms): Layouts {
  const shapes = inferShapes(graph, {});
  const emitter = createEmitter(graph);
  const context: BlockedContext = { emitter, block, threads, forms };
  const plainValues = new Set<string>([...graph.initializers.keys(), ...graph.inputs.map((input) => input.name)]);
  const blockedValues = new Map<string, Blocked>();
  const waiting = new Map<string, Deferred>();
  const inPhases = new Map<string, Phases>();
  const filters = new Map<string, string>();
  const readers = new Map<string, (GraphNode | null)[]>();
  const producers = new Map<string, GraphNode>();
  const read = (value: string, node: GraphNode | null): void => {
    const list = readers.get(value);
    if (list === undefined) readers.set(value, [node]);
    else list.push(node);
  };
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input !== '') read(input, node);
    for (const output of node.outputs) producers.set(output, node);
  }
  for (const output of graph.outputs) read(output.name, null);

  const typeOf = (value: string): { readonly dtype: DType; readonly dims: readonly number[] } => {
    const type = shapes.get(value);
    if (type === undefined) throw new Error(`the value "${value}" has no shape`);
    return type;
  };
  const settle = (value: Blocked): Blocked =>
    prefersWide(context, value.batch, value.width) ? wide(context, value) : standard(context, value);
  const finish = (value: string): void => {
    const phases = inPhases.get(value);
    if (phases !== undefined) {
      inPhases.delete(value);
      blockedValues.set(value, settle(joinPhases(context, phases)));
      return;
    }
    const deferred = waiting.get(value);
    if (deferred === undefined) return;
    waiting.delete(value);
    blockedValues.set(value, settle(deferred.finish(deferred.options)));
  };

  return {
    ...context,
    graph,
    products: new Map(),
    dims: (value) => typeOf(value).dims,
    dtype: (value) => typeOf(value).dtype,
    constant: (value) => graph.initializers.get(value),
    uses: (value) => readers.get(value)?.length ?? 0,
    soleReader(value) {
      const list = readers.get(value);
      return list?.length === 1 ? (list[0] ?? undefined) : undefined;
    },
    producer: (value) => producers.get(value),
    onlyBlocked: (value) =>
      !plainValues.has(value) && (blockedValues.has(value) || waiting.has(value) || inPhases.has(value)),
    isPlain: (value) => plainValues.has(value),
    isDeferred: (value) => waiting.has(value),
    plain(value) {
      if (value === '' || plainValues.has(value)) return value;
      finish(value);
      const made = blockedValues.get(value);
      if (made === undefined) throw new Error(`the value "${value}" was read before it was made`);
      if (typeOf(value).dtype === 'bool') {
        const numbers = { ...made, name: emitter.op('Cast', [made.name], { to: 1 }) };
        emitter.op('Cast', [toPlain(context, numbers)], { to: 9 }, { outputs: [value] });
      } else toPlain(context, made, value);
      plainValues.add(value);
      return value;
    },
    blocked(value) {
      finish(value);
      const known = blockedValues.get(value);
      if (known !== undefined) return known;
      const made = settle(fromPlain(context, value, typeOf(value).dims));
      blockedValues.set(value, made);
      return made;
    },
    put(value, made) {
      blockedValues.set(value, settle(made));
    },
    putPlain(value) {
      plainValues.add(value);
    },
    defer(value, deferred) {
      waiting.set(value, deferred);
    },
    takeDeferred(value) {
      const deferred = waiting.get(value);
      if (deferred === undefined || (readers.get(value)?.length ?? 0) !== 1) return undefined;
      waiting.delete(value);
      return deferred;
    },
    putPhases(value, phases) {
      inPhases.set(value, phases);
    },
    takePhases(value) {
      const phases = inPhases.get(value);
      if (phases === undefined || (readers.get(value)?.length ?? 0) !== 1) return undefined;
      inPhases.delete(value);
      return phases;
    },
    packed(filter) {
      const known = filters.get(filter.name);
      if (known !== undefined) return known;
      const made = filter.depthwise ? packThinFilter(context, filter) : packFilter(context, filter);
      filters.set(filter.name, made);
      return made;
    },
    shape(value) {
      const [batch, channels, height, width] = typeOf(value).dims;
      return { batch, channels, height, width, wide: prefersWide(context, batch, width) };
    },
  };
}

/** A blocked value of the shape of `value` whose memory is `name`, seen under any dims. */
export function blockedAs(layouts: Layouts, value: string, name: string): Blocked {
  const shape = layouts.shape(value);
  const dims = layouts.emitter.ints(labelDims(layouts, shape));
  return { ...shape, name: layouts.emitter.op('Reshape', [name, dims]) };
}

/** Whether a value has padding channels. */
export function hasPadding(layouts: Layouts, value: string): boolean {
  const channels = layouts.dims(value)[1];
  return padded(layouts, channels) !== channels;
}
