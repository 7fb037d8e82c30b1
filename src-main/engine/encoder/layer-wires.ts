/** Which layers feed which, with everything between them left out: what a person sees of a network's shape. */
import type { ChannelFacts } from '../../../src-shared/domain/result.ts';
import type { Encoder } from './encoder.ts';

/**
 * Pairs of layers where the second reads what the first made and no other layer lies between; -1 stands for the image,
 * `layers.length` for the representation. Ascending.
 */
export function layerWires({ graph, layers }: Pick<Encoder, 'graph' | 'layers'>): ChannelFacts['wires'] & object {
  const layerAt = new Map(layers.map((layer, l) => [layer.maskAt, l]));
  /** The layers nearest before each value that depends on the image. */
  const nearest = new Map<string, ReadonlySet<number>>(graph.inputs.map(({ name }) => [name, new Set([-1])]));
  const wires = new Map<string, readonly [number, number]>();
  const note = (sources: Iterable<number>, to: number): void => {
    for (const from of sources) wires.set(`${from} ${to}`, [from, to]);
  };
  for (const node of graph.nodes) {
    const sources = new Set(node.inputs.flatMap((name) => [...(nearest.get(name) ?? [])]));
    if (sources.size === 0) continue;
    for (const output of node.outputs) {
      const layer = layerAt.get(output);
      if (layer !== undefined) note(sources, layer);
      nearest.set(output, layer === undefined ? sources : new Set([layer]));
    }
  }
  for (const { name } of graph.outputs) note(nearest.get(name) ?? [], layers.length);
  return [...wires.values()].sort((a, b) => a[1] - b[1] || a[0] - b[0]);
}
