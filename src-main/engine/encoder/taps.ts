/** Where activations are read: behind the stem and behind every residual stage or block, in network order. */
import { ints } from '../graph/attributes.ts';
import type { Graph, GraphNode } from '../graph/ir.ts';
import type { Tap } from './encoder.ts';
import type { Represented } from './representation.ts';
import type { Shapes } from './shapes.ts';
import { trunkOf } from './trunk.ts';
import { dependents, makeNode, namer, rewrite, wire, type Wiring } from './wiring.ts';

const MOST_TAPS = 8;

/**
 * At most 8 taps. Convolutional: stem, output of every residual block (of every stage where there are more than 8),
 * last activation before each reduction of size. Transformer: embedded patches, output of blocks, the representation.
 * @param shapes of every value for a batch of 2, `other` for a batch of 3
 * @returns taps, and the graph, in which tokens that lie [T,N,d] have got a transposed copy
 */
export function findTaps(
  represented: Represented,
  shapes: Shapes,
  other: Shapes,
): { readonly graph: Graph; readonly taps: readonly Tap[] } {
  const { graph } = represented;
  const wiring = wire(graph);
  const trunk = trunkOf(graph, 'pixels', represented.source);
  const tokens = trunk.filter((name) => shapes.get(name)?.length === 3);
  const places =
    tokens.length > 0 ? tokenPlaces(graph, wiring, trunk, shapes) : mapPlaces(graph, wiring, trunk, shapes);
  const fresh = namer(graph);
  const add: GraphNode[] = [];
  const taps = places.map(({ value, label }, i): Tap => {
    const dims = shapes.get(value) as readonly number[];
    const shared = { id: `tap${i + 1}`, label };
    if (dims.length === 4) return { ...shared, tensor: value, kind: 'map', channels: dims[1] };
    if (dims.length === 2) return { ...shared, tensor: value, kind: 'vector', channels: dims[1] };
    if (dims[1] === other.get(value)?.[1]) return { ...shared, tensor: value, kind: 'tokens', channels: dims[2] };
    const tensor = fresh(`${value}/samples first`);
    add.push(makeNode('Transpose', tensor, [value], [tensor], { perm: ints([1, 0, 2]) }));
    return { ...shared, tensor, kind: 'tokens', channels: dims[2] };
  });
  return { graph: rewrite(graph, { add }), taps };
}

interface Place {
  readonly value: string;
  readonly label: string;
}

/** Operators that begin a new part of a plain network. */
const heavy = new Set(['Conv', 'Gemm', 'MatMul', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool']);

const pooling = new Set(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'ReduceMean', 'ReduceMax']);

/** Additions and concatenations of two things that both depend on the image. */
function isJoin(node: GraphNode | undefined, live: ReadonlySet<string>): boolean {
  if (!node || !['Add', 'Sum', 'Concat'].includes(node.op)) return false;
  return node.inputs.filter((name) => live.has(name)).length > 1;
}

function mapPlaces(graph: Graph, wiring: Wiring, trunk: readonly string[], shapes: Shapes): Place[] {
  const live = dependents(graph, 'pixels');
  const start = trunk.findIndex((name) => wiring.producer.get(name)?.op === 'Conv');
  const isGlobalPooling = (name: string): boolean =>
    pooling.has(wiring.producer.get(name)?.op ?? '') &&
    shapes
      .get(name)
      ?.slice(2)
      .every((side) => side === 1) === true;
  const pooledAt = trunk.findIndex(isGlobalPooling);
  const maps = trunk
    .slice(Math.max(1, start), pooledAt < 0 ? trunk.length : pooledAt)
    .filter((name) => shapes.get(name)?.length === 4);
  if (maps.length === 0) return [];
  const area = (name: string): number => (shapes.get(name)?.[2] ?? 1) * (shapes.get(name)?.[3] ?? 1);
  // Values that end a part: the next one on the trunk is another join or begins with a heavy operator.
  const parts: Part[] = [];
  let isBlock = false;
  maps.forEach((value, i) => {
    const next = i + 1 < maps.length ? maps[i + 1] : undefined;
    const reader = next === undefined ? undefined : wiring.producer.get(next);
    if (isJoin(wiring.producer.get(value), live)) isBlock = true;
    if (reader !== undefined && !heavy.has(reader.op) && !isJoin(reader, live)) return;
    const endsStage = next === undefined || area(next) < area(value);
    parts.push({ value, isBlock, endsStage, onlyPools: pooling.has(wiring.producer.get(value)?.op ?? '') });
    isBlock = false;
  });
  const stem = parts[0];
  let chosen = parts.filter((part) => part === stem || part.isBlock || part.endsStage);
  if (chosen.length > MOST_TAPS) chosen = chosen.filter((part) => part === stem || part.endsStage);
  // A network of one scale and no blocks: its parts, evenly.
  if (chosen.length < 3) chosen = parts;
  chosen = thinned(chosen.filter((part) => !part.onlyPools));
  return labelled(new Set(chosen), parts, shapes);
}

/** A stretch of the trunk from one convolution, pooling or join to the next. */
interface Part {
  /** Its last value. */
  readonly value: string;
  /** Whether branches meet in it. */
  readonly isBlock: boolean;
  readonly endsStage: boolean;
  /** Pools what the part in front of it made: nothing new to read. */
  readonly onlyPools: boolean;
}

/** "stage 2, block 3 (128 channels, 28x28)": stages are counted by size, blocks within them. */
function labelled(chosen: ReadonlySet<Part>, parts: readonly Part[], shapes: Shapes): Place[] {
  const places: Place[] = [];
  let stage = 0;
  let block = 0;
  let last = '';
  parts.forEach((part, i) => {
    const { value, isBlock } = part;
    const [, channels, height, width] = shapes.get(value) as readonly number[];
    const size = `${height}x${width}`;
    const isStem = i === 0 && !isBlock;
    if (!isStem && size !== last) {
      stage++;
      block = 0;
      last = size;
    }
    if (isBlock) block++;
    const what = isStem ? 'stem' : `stage ${stage}, ${isBlock ? `block ${block}` : 'end'}`;
    if (chosen.has(part)) places.push({ value, label: `${what} (${channels} channels, ${size})` });
  });
  return places;
}

function tokenPlaces(graph: Graph, wiring: Wiring, trunk: readonly string[], shapes: Shapes): Place[] {
  const live = dependents(graph, 'pixels');
  const joins = trunk.filter((name) => shapes.get(name)?.length === 3 && isJoin(wiring.producer.get(name), live));
  const first = joins.length > 0 ? trunk.indexOf(joins[0]) : trunk.length;
  // The residual stream just before the first block reads it.
  const embedded = trunk.slice(0, first).findLast((name) => shapes.get(name)?.length === 3);
  const blocks = joins.filter((name, i) => i + 1 === joins.length || attends(wiring, joins[i + 1], name));
  const size = (name: string): string => `(${shapes.get(name)?.at(-1)} channels)`;
  const inner = thinned(blocks, MOST_TAPS - 2);
  return [
    ...(embedded === undefined ? [] : [{ value: embedded, label: `embedded patches ${size(embedded)}` }]),
    ...inner.map((value) => ({ value, label: `block ${blocks.indexOf(value) + 1} ${size(value)}` })),
    { value: 'representation', label: `representation ${size('representation')}` },
  ];
}

/** Whether the branch between two points of the residual stream holds an attention layer. */
function attends(wiring: Wiring, to: string, from: string): boolean {
  const open = [to];
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === from || seen.has(name)) continue;
    seen.add(name);
    const node = wiring.producer.get(name);
    if (node?.op === 'Softmax') return true;
    if (node) open.push(...node.inputs);
  }
  return false;
}

/** At most `most` of them, evenly, with the first and the last. */
function thinned<T>(list: readonly T[], most = MOST_TAPS): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]);
}
