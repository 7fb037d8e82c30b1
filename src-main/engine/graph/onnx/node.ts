/** ONNX NodeProto and AttributeProto -> GraphNode. Field numbers are those of onnx.proto3. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { Attribute, GraphNode, Tensor } from '../ir.ts';
import { readTensor, type TensorContext } from './tensor.ts';
import {
  appendFloats,
  appendInts,
  bytesOf,
  floatOf,
  intOf,
  malformed,
  safeInt,
  textOf,
  visitFields,
  type Field,
} from './wire.ts';

/**
 * A NodeProto. Control flow and our own domain are refused.
 * @throws onnx-malformed, unknown-operator
 */
export function readNode(bytes: Uint8Array, index: number, context: TensorContext): GraphNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Field[] = [];
  let name = '';
  let op = '';
  let domain = '';
  const at = `node ${index}`;
  visitFields(bytes, at, (field) => {
    switch (field.number) {
      case 1:
        inputs.push(textOf(field, at));
        break;
      case 2:
        outputs.push(textOf(field, at));
        break;
      case 3:
        name = textOf(field, at);
        break;
      case 4:
        op = textOf(field, at);
        break;
      case 5:
        attributes.push(field);
        break;
      case 7:
        domain = textOf(field, at);
        break;
    }
  });
  if (op === '') throw malformed(`Node ${index} names no operator.`);
  if (domain === 'ai.onnx') domain = '';
  if (name === '') name = `${op}_${index}`;
  if (domain === 'coresift') {
    throw new ExpectedError(
      'unknown-operator',
      `Node "${name}": ${op} of the domain "coresift" never comes from a file.`,
    );
  }
  const entries: [string, Attribute][] = [];
  for (const field of attributes) {
    const entry = readAttribute(bytesOf(field, at), `node "${name}" (${op})`, context);
    if (entries.some(([key]) => key === entry[0]))
      throw malformed(`Node "${name}" has the attribute "${entry[0]}" twice.`);
    entries.push(entry);
  }
  return { op, domain, name, inputs, outputs, attributes: Object.fromEntries(entries) };
}

function readAttribute(bytes: Uint8Array, node: string, context: TensorContext): [string, Attribute] {
  let name = '';
  let kind = 0;
  let float = 0;
  let int = 0;
  let text: Uint8Array | null = null;
  let tensor: Uint8Array | null = null;
  const floats: number[] = [];
  const ints: bigint[] = [];
  const texts: Uint8Array[] = [];
  let guessed = 0;
  visitFields(bytes, node, (field) => {
    switch (field.number) {
      case 1:
        name = textOf(field, node);
        return;
      case 2:
        float = floatOf(field, node);
        guessed = 1;
        return;
      case 3:
        int = safeInt(intOf(field, node));
        guessed = 2;
        return;
      case 4:
        text = bytesOf(field, node);
        guessed = 3;
        return;
      case 5:
        tensor = bytesOf(field, node);
        guessed = 4;
        return;
      case 6:
      case 11:
        guessed = 5;
        return;
      case 7:
        appendFloats(field, node, 4, floats);
        guessed = 6;
        return;
      case 8:
        appendInts(field, node, ints);
        guessed = 7;
        return;
      case 9:
        texts.push(bytesOf(field, node));
        guessed = 8;
        return;
      case 20:
        kind = safeInt(intOf(field, node));
        return;
    }
  });
  if (name === '') throw malformed(`${node} has an attribute without a name.`);
  switch (kind === 0 ? guessed : kind) {
    case 1:
      return [name, { type: 'float', value: float }];
    case 2:
      return [name, { type: 'int', value: int }];
    case 3:
      return [name, { type: 'string', value: latin(text ?? new Uint8Array(0), node) }];
    case 4:
      if (tensor === null) throw malformed(`${node}: the attribute "${name}" is a tensor without a tensor.`);
      return [name, { type: 'tensor', value: readTensor(tensor, `${node} "${name}"`, context).tensor }];
    case 6:
      return [name, { type: 'floats', value: floats }];
    case 7:
      return [name, { type: 'ints', value: ints.map(safeInt) }];
    case 8:
      return [name, { type: 'strings', value: texts.map((part) => latin(part, node)) }];
    case 5:
    case 10:
      throw new ExpectedError(
        'unknown-operator',
        `${node} carries a nested graph ("${name}"): control flow cannot be audited. Export with fixed control flow (trace, not script).`,
      );
    default:
      throw malformed(`${node}: the attribute "${name}" is of kind ${kind}, which cannot be used here.`);
  }
}

function latin(bytes: Uint8Array, node: string): string {
  if (bytes.length > 65_536) throw malformed(`${node}: a text attribute of ${bytes.length} bytes.`);
  return new TextDecoder().decode(bytes);
}

/** The tensor of a Constant node. @throws onnx-malformed, unsupported-encoder */
export function constantValue(node: GraphNode): Tensor {
  const entry = Object.entries(node.attributes)[0];
  if (entry === undefined) throw malformed(`The Constant node "${node.name}" has no value.`);
  const [key, attribute] = entry;
  switch (attribute.type) {
    case 'tensor':
      return attribute.value;
    case 'float':
      return { dtype: 'float32', dims: [], data: Float32Array.of(attribute.value) };
    case 'floats':
      return { dtype: 'float32', dims: [attribute.value.length], data: Float32Array.from(attribute.value) };
    case 'int':
      return { dtype: 'int64', dims: [], data: BigInt64Array.of(BigInt(attribute.value)) };
    case 'ints':
      return { dtype: 'int64', dims: [attribute.value.length], data: BigInt64Array.from(attribute.value, BigInt) };
    case 'string':
    case 'strings':
      throw new ExpectedError('unsupported-encoder', `The Constant node "${node.name}" holds text (${key}).`);
  }
}
