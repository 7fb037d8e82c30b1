/** Topological order and single-assignment rules of a list of nodes. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { GraphNode } from './ir.ts';

/**
 * The nodes in topological order, keeping the given order where it already is one.
 * @param known names of graph inputs and initializers
 * @throws onnx-malformed when a value is made twice, comes from nowhere or depends on itself
 */
export function orderNodes(nodes: readonly GraphNode[], known: ReadonlySet<string>): GraphNode[] {
  const producer = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (producer.has(output) || known.has(output)) {
        throw new ExpectedError('onnx-malformed', `The value "${output}" is defined twice (node "${node.name}").`);
      }
      producer.set(output, index);
    }
  });
  const waiting = new Int32Array(nodes.length);
  const users: number[][] = nodes.map(() => []);
  nodes.forEach((node, index) => {
    for (const input of new Set(node.inputs)) {
      if (input === '' || known.has(input)) continue;
      const from = producer.get(input);
      if (from === undefined) {
        throw new ExpectedError(
          'onnx-malformed',
          `Node "${node.name}" (${node.op}) reads "${input}", which nothing makes.`,
        );
      }
      users[from].push(index);
      waiting[index] += 1;
    }
  });
  if (nodes.every((node, index) => node.inputs.every((input) => (producer.get(input) ?? -1) < index)))
    return [...nodes];
  const ready: number[] = [];
  for (let index = nodes.length - 1; index >= 0; index -= 1) if (waiting[index] === 0) ready.push(index);
  const ordered: GraphNode[] = [];
  while (ready.length > 0) {
    const index = ready.pop() as number;
    ordered.push(nodes[index]);
    for (const user of users[index].toReversed()) {
      waiting[user] -= 1;
      if (waiting[user] === 0) ready.push(user);
    }
  }
  if (ordered.length < nodes.length) {
    const stuck = nodes[waiting.findIndex((count) => count > 0)];
    throw new ExpectedError('onnx-malformed', `Node "${stuck.name}" (${stuck.op}) depends on its own output.`);
  }
  return ordered;
}
