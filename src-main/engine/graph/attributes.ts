/** Reading and making node attributes. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Attribute, GraphNode, Tensor } from './ir.ts';

export type Attributes = Readonly<Record<string, Attribute>>;

export const int = (value: number): Attribute => ({ type: 'int', value });
export const float = (value: number): Attribute => ({ type: 'float', value });
export const text = (value: string): Attribute => ({ type: 'string', value });
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value });
export const tensor = (value: Tensor): Attribute => ({ type: 'tensor', value });

/** How a node is named in messages. */
export function nodeLabel(node: GraphNode): string {
  return `Node "${node.name}" (${node.domain === '' ? '' : `${node.domain}.`}${node.op})`;
}

export function malformedNode(node: GraphNode, what: string): ExpectedError {
  return new ExpectedError('onnx-malformed', `${nodeLabel(node)}: ${what}.`);
}

function wrongKind(node: GraphNode, name: string, met: string, wanted: string): ExpectedError {
  return malformedNode(node, `the attribute "${name}" is of kind ${met}, ${wanted} wanted`);
}

export function intAttribute(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  if (attribute === undefined) return fallback;
  if (attribute.type !== 'int') throw wrongKind(node, name, attribute.type, 'int');
  return attribute.value;
}

export function floatAttribute(node: GraphNode, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  if (attribute === undefined) return fallback;
  if (attribute.type !== 'float') throw wrongKind(node, name, attribute.type, 'float');
  return attribute.value;
}

export function textAttribute(node: GraphNode, name: string, fallback: string): string {
  const attribute = node.attributes[name];
  if (attribute === undefined) return fallback;
  if (attribute.type !== 'string') throw wrongKind(node, name, attribute.type, 'string');
  return attribute.value;
}

export function intsAttribute(node: GraphNode, name: string): readonly number[] | null {
  const attribute = node.attributes[name];
  if (attribute === undefined) return null;
  if (attribute.type !== 'ints') throw wrongKind(node, name, attribute.type, 'ints');
  return attribute.value;
}
