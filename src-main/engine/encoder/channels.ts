/**
 * The layers whose output channels can be trusted or not (T-Core, channel filtering): filters of convolutions with
 * their normalisation, hidden units of fully connected pairs, attention heads.
 *
 * A depthwise convolution has no channels of its own: its filter k sees nothing but channel k of the layer in front.
 * Where it alone reads that layer, both are one layer, masked behind the depthwise convolution, so that a channel is
 * kept or renewed as a whole (a trusted spatial filter on a renewed channel would keep nothing).
 */
import { intAttribute } from '../graph/attributes.ts';
import type { Graph, GraphNode } from '../graph/ir.ts';
import { maskableAttention, rowsOf, columnsBehind } from './attention.ts';
import { denseLayers, elementwiseRegion, isClosed, type Dense } from './dense.ts';
import type { ChannelLayer, ChannelRows } from './encoder.ts';
import { normBehind } from './normalisation.ts';
import type { Shapes } from './shapes.ts';
import { wire, type Wiring } from './wiring.ts';

/**
 * @param shapes of every value for a batch of 2
 * @returns layers in graph order, and the graph, in which heads that shared an axis with the batch have one of their own
 */
export function channelLayers(
  graph: Graph,
  shapes: Shapes,
): { readonly graph: Graph; readonly layers: readonly ChannelLayer[] } {
  const attention = maskableAttention(graph, shapes);
  const changed = attention.graph;
  const wiring = wire(changed);
  const at = new Map<string, number>();
  changed.nodes.forEach((node, index) => node.outputs.forEach((output) => at.set(output, index)));
  const drafts: Draft[] = [...convolutions(changed, wiring)];
  for (const layer of attention.layers) {
    drafts.push({
      kind: 'head',
      name: layer.softmax.name,
      channels: layer.heads,
      maskAt: layer.maskAt,
      axis: layer.maskAxis,
      rows: layer.rows,
      norm: null,
    });
  }
  drafts.push(...hiddenUnits(changed, shapes, wiring, drafts));
  const position = (draft: Draft): number => at.get(draft.maskAt) ?? 0;
  drafts.sort((a, b) => position(a) - position(b));
  const layers = drafts.map(({ name, ...draft }, i): ChannelLayer => {
    return { id: `layer${i}`, label: `${name} (${draft.channels} ${unitOf(draft.kind)})`, ...draft };
  });
  return { graph: changed, layers };
}

type Draft = Omit<ChannelLayer, 'id' | 'label'> & { readonly name: string };

function unitOf(kind: ChannelLayer['kind']): string {
  switch (kind) {
    case 'conv':
      return 'filters';
    case 'hidden':
      return 'hidden units';
    case 'head':
      return 'heads';
  }
}

function convolutions(graph: Graph, wiring: Wiring): Draft[] {
  const drafts = new Map<string, Draft>();
  for (const conv of graph.nodes) {
    const weight = conv.op === 'Conv' ? graph.initializers.get(conv.inputs[1]) : undefined;
    if (!weight) continue;
    const own = convolution(graph, wiring, conv, weight.dims[0]);
    const producer = depthwiseProducer(graph, wiring, conv, weight.dims, drafts);
    drafts.set(own.maskAt, own);
    if (producer === null) continue;
    drafts.delete(producer.maskAt);
    drafts.set(own.maskAt, {
      ...producer,
      name: `${producer.name} + ${own.name}`,
      maskAt: own.maskAt,
      rows: [...producer.rows, ...own.rows],
    });
  }
  return [...drafts.values()];
}

function convolution(graph: Graph, wiring: Wiring, conv: GraphNode, channels: number): Draft {
  const all = Array.from({ length: channels }, (_, k) => k);
  const params = [conv.inputs[1], ...(conv.inputs[2] ? [conv.inputs[2]] : [])];
  const behind = normBehind(graph, wiring, conv);
  const [scale, bias, mean, variance] = behind?.inputs.slice(1, 5) ?? [];
  const norm = behind === null ? null : { scale, bias, mean, variance };
  if (norm !== null) params.push(norm.scale, norm.bias, norm.mean, norm.variance);
  return {
    kind: 'conv',
    name: conv.name,
    channels,
    maskAt: behind?.outputs[0] ?? conv.outputs[0],
    axis: 1,
    rows: params.filter((name) => graph.initializers.has(name)).map((name) => rowsOf(name, 0, all, channels)),
    norm,
  };
}

/** The layer whose channels a depthwise convolution filters one by one, when nothing else reads them. */
function depthwiseProducer(
  graph: Graph,
  wiring: Wiring,
  conv: GraphNode,
  dims: readonly number[],
  drafts: ReadonlyMap<string, Draft>,
): Draft | null {
  const group = intAttribute(conv, 'group', 1);
  if (group === 1 || dims[1] !== 1 || dims[0] !== group) return null;
  const region = elementwiseRegion(graph, wiring, conv.inputs[0]);
  const producer = region.sources.length === 1 ? drafts.get(region.sources[0]) : undefined;
  return producer && producer.channels === group && isClosed(graph, wiring, region, conv) ? producer : null;
}

/**
 * Fully connected layers. On tokens or positions: hidden units, i.e. what lies between two of them, element by element
 * (any spelling of GELU, gated units too), with the rows that make a unit and the columns that read it. On one vector
 * per sample, and wherever a layer belongs to no such pair and no attention head: output units, as with a convolution,
 * so that no weight matrix is left out.
 */
function hiddenUnits(graph: Graph, shapes: Shapes, wiring: Wiring, others: readonly Draft[]): Draft[] {
  const dense = denseLayers(graph, wiring);
  const onVectors = (layer: Dense): boolean => {
    const dims = shapes.get(layer.input);
    return dims?.length === 2 && dims[0] === 2;
  };
  const drafts: Draft[] = [];
  for (const reader of dense.values()) {
    const unit = onVectors(reader) ? null : hiddenUnit(graph, shapes, wiring, dense, reader);
    if (unit !== null) drafts.push(unit);
  }
  const covered = new Set([...others, ...drafts].flatMap((draft) => draft.rows.map((row) => row.param)));
  for (const layer of dense.values()) {
    const rank = shapes.get(layer.output)?.length ?? 0;
    if (covered.has(layer.weight) || rank < 2) continue;
    covered.add(layer.weight);
    drafts.push({
      kind: 'hidden',
      name: layer.node.name,
      channels: layer.features,
      maskAt: layer.output,
      axis: rank - 1,
      rows: unitRows(
        graph,
        layer,
        Array.from({ length: layer.features }, (_, k) => k),
      ),
      norm: null,
    });
  }
  return drafts;
}

function hiddenUnit(
  graph: Graph,
  shapes: Shapes,
  wiring: Wiring,
  dense: ReadonlyMap<string, Dense>,
  reader: Dense,
): Draft | null {
  const channels = graph.initializers.get(reader.weight)?.dims[reader.inAxis] ?? 0;
  const rank = shapes.get(reader.input)?.length ?? 0;
  const region = elementwiseRegion(graph, wiring, reader.input);
  if (region.nodes.size === 0 || rank < 2 || !isClosed(graph, wiring, region, reader.node)) return null;
  const rows: ChannelRows[] = [];
  for (const source of region.sources) {
    if (shapes.get(source)?.at(-1) !== channels) return null;
    const direct = dense.get(source);
    const traced = direct ?? columnsBehind(graph, shapes, wiring, dense, source);
    if (traced === null) return null;
    if ('columns' in traced) {
      const columns = [...traced.columns.subarray(0, channels)];
      const moved = traced.columns.some((column, i) => column !== columns[i % channels]);
      if (moved || new Set(columns).size !== channels) return null;
      rows.push(...unitRows(graph, traced.dense, columns));
    } else {
      rows.push(
        ...unitRows(
          graph,
          traced,
          Array.from({ length: channels }, (_, k) => k),
        ),
      );
    }
  }
  const all = Array.from({ length: channels }, (_, k) => k);
  return {
    kind: 'hidden',
    name: [...region.sources.map((source) => dense.get(source)?.node.name ?? source), reader.node.name].join(' -> '),
    channels,
    maskAt: reader.input,
    axis: rank - 1,
    rows: [...rows, rowsOf(reader.weight, reader.inAxis, all, channels)],
    norm: null,
  };
}

function unitRows(graph: Graph, layer: Dense, columns: readonly number[]): ChannelRows[] {
  const rows = [rowsOf(layer.weight, layer.outAxis, columns, columns.length)];
  if (layer.bias !== null) {
    const rank = graph.initializers.get(layer.bias)?.dims.length ?? 1;
    rows.push(rowsOf(layer.bias, rank - 1, columns, columns.length));
  }
  return rows;
}
