/** The trunk of a network: the values that every path from the pixels to an output runs through. */
import type { Graph } from '../graph/ir.ts';
import { ancestors, dependents } from './wiring.ts';

/**
 * Values, in order, that all paths from `from` to `to` pass (both included): in a residual network the stem and the
 * output of every block, in a plain one every activation, in a transformer the residual stream.
 * Empty when `to` does not depend on `from`.
 */
export function trunkOf(graph: Graph, from: string, to: string): string[] {
  const reached = dependents(graph, from);
  if (!reached.has(to)) return [];
  const needed = ancestors(graph, [to]);
  const nodes = graph.nodes.filter((node) => needed.has(node) && node.outputs.some((name) => reached.has(name)));
  const lastUse = new Map<string, number>([[to, Infinity]]);
  nodes.forEach((node, index) => {
    for (const name of node.inputs) if (reached.has(name) && name !== to) lastUse.set(name, index);
  });
  // In topological order a value is on every path exactly when, right after it is made, no other is still to be read.
  const open = new Set<string>([from]);
  const trunk = [from];
  nodes.forEach((node, index) => {
    for (const output of node.outputs) if ((lastUse.get(output) ?? -1) > index) open.add(output);
    for (const name of node.inputs) if (lastUse.get(name) === index) open.delete(name);
    if (open.size === 1) {
      const [only] = open;
      if (trunk.at(-1) !== only) trunk.push(only);
    }
  });
  return trunk;
}
