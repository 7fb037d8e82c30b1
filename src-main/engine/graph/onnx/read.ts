/** ONNX file -> Graph. The file is a stranger's: every size is checked before anything is allocated for it. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { DType, Dim, Graph, GraphNode, Tensor, ValueInfo } from '../ir.ts';
import { orderNodes } from '../order.ts';
import { symbolicShapes } from '../symbols.ts';
import { constantValue, readNode } from './node.ts';
import { importedType, readTensor, type TensorContext } from './tensor.ts';
import { upgradeNodes, WRITTEN_OPSET } from './upgrade.ts';
import { bytesOf, intOf, malformed, safeInt, textOf, visitFields } from './wire.ts';

export interface ReadOptions {
  /** Bytes of a file that tensors point to (ONNX external data); the caller guards the path. */
  readonly externalData?: (location: string) => Uint8Array;
  /** Largest file, default 2 GiB. */
  readonly maxBytes?: number;
  /** Default 50,000. */
  readonly maxNodes?: number;
  /** Largest number of values in one tensor, default 2^29. */
  readonly maxElements?: number;
}

export interface ReadResult {
  /** In opset 17, whatever the file was written in; floating point is float32 throughout. */
  readonly graph: Graph;
  readonly producer: string;
  readonly irVersion: number;
  /** Opset of the standard domain in the file. */
  readonly fileOpset: number;
  /** What the import changed, for the report. */
  readonly notes: readonly string[];
}

interface RawGraph {
  name: string;
  nodes: GraphNode[];
  initializers: Map<string, Tensor>;
  inputs: DeclaredValue[];
  outputs: DeclaredValue[];
}

/** A graph input or output as the file says it; the shape may be left out. */
interface DeclaredValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[] | null;
}

const MAX_VALUES = 4096;

/**
 * Reads an ONNX model (ModelProto, IR version 3 or newer, opset 9 to 25).
 * Constant nodes become initializers, initializers are never inputs, nodes come in topological order.
 * @throws not-onnx, onnx-malformed, onnx-too-large, unknown-operator (nested graphs, our own domain), unsupported-encoder
 */
export function readOnnx(bytes: Uint8Array, options: ReadOptions = {}): ReadResult {
  const maxBytes = options.maxBytes ?? 2 ** 31;
  if (bytes.length > maxBytes) {
    throw new ExpectedError('onnx-too-large', `${bytes.length} bytes (limit maxBytes = ${maxBytes}).`);
  }
  let irVersion = 0;
  let producer = '';
  let producerVersion = '';
  let fileOpset = 0;
  let graphBytes: Uint8Array | null = null;
  const metadata: [string, string][] = [];
  try {
    visitFields(bytes, 'the model', (field) => {
      switch (field.number) {
        case 1:
          irVersion = safeInt(intOf(field, 'the model'));
          break;
        case 2:
          producer = textOf(field, 'the producer');
          break;
        case 3:
          producerVersion = textOf(field, 'the producer');
          break;
        case 7:
          graphBytes = bytesOf(field, 'the graph');
          break;
        case 8: {
          const { domain, version } = opsetImport(bytesOf(field, 'an opset import'));
          if (domain === '' || domain === 'ai.onnx') fileOpset = version;
          break;
        }
        case 14:
          metadata.push(metadataEntry(bytesOf(field, 'the metadata')));
          break;
      }
    });
  } catch (error) {
    // Without a believable head this was never an ONNX file; with one it is a broken one.
    if (irVersion < 1 || irVersion > 1000) throw new ExpectedError('not-onnx', '', { cause: error });
    throw error;
  }
  if (graphBytes === null) {
    if (irVersion >= 1 && irVersion <= 1000 && fileOpset > 0) throw malformed('There is no graph in it.');
    throw new ExpectedError('not-onnx', bytes.length === 0 ? 'It is empty.' : 'There is no graph in it.');
  }
  if (fileOpset < 9 || fileOpset > 25) {
    throw new ExpectedError('unsupported-encoder', `It is written in ONNX opset ${fileOpset}; 9 to 25 can be read.`);
  }
  const notes: string[] = [];
  const converted = new Map<string, number>();
  const context: TensorContext = {
    maxElements: options.maxElements ?? 2 ** 29,
    externalData: options.externalData ?? null,
    onConverted: (_name, from) => converted.set(from, (converted.get(from) ?? 0) + 1),
  };
  const raw = readGraph(graphBytes, context, options.maxNodes ?? 50_000, notes);
  for (const [from, count] of converted) notes.push(`${count} tensors of ${from} were converted to float32`);
  const graph = assemble(raw, fileOpset, Object.fromEntries(metadata), notes);
  return { graph, producer: `${producer} ${producerVersion}`.trim(), irVersion, fileOpset, notes };
}

function assemble(raw: RawGraph, fileOpset: number, metadata: Record<string, string>, notes: string[]): Graph {
  const initializers = new Map(raw.initializers);
  const inputs = raw.inputs
    .filter((input) => !initializers.has(input.name))
    .map((input): ValueInfo => {
      if (input.shape !== null) return { ...input, shape: input.shape };
      throw new ExpectedError('unsupported-encoder', `The input "${input.name}" has no shape.`);
    });
  const names = new Set<string>();
  for (const { name } of inputs) {
    if (names.has(name)) throw malformed(`The input "${name}" is declared twice.`);
    names.add(name);
  }
  const kept: GraphNode[] = [];
  for (const node of raw.nodes) {
    if (node.op !== 'Constant' || node.domain !== '') {
      kept.push(node);
      continue;
    }
    const output = node.outputs[0] ?? '';
    if (output === '' || names.has(output) || initializers.has(output)) {
      throw malformed(`The value "${output}" is defined twice (Constant node "${node.name}").`);
    }
    initializers.set(output, constantValue(node));
  }
  const upgraded = upgradeNodes(kept, fileOpset, initializers);
  const known = new Set([...names, ...initializers.keys()]);
  const nodes = orderNodes(upgraded, known);
  const made = new Set([...known, ...nodes.flatMap((node) => node.outputs)]);
  const outputNames = new Set<string>();
  for (const { name } of raw.outputs) {
    if (!made.has(name)) throw malformed(`Nothing makes the output "${name}".`);
    if (outputNames.has(name)) throw malformed(`The output "${name}" is declared twice.`);
    outputNames.add(name);
  }
  if (raw.outputs.length === 0) throw malformed('The graph has no output.');
  if (fileOpset !== WRITTEN_OPSET) notes.push(`opset ${fileOpset} was rewritten as opset ${WRITTEN_OPSET}`);
  const declared = raw.outputs.flatMap((output) => (output.shape === null ? [] : [{ ...output, shape: output.shape }]));
  const graph = { name: raw.name, opset: WRITTEN_OPSET, inputs, outputs: declared, nodes, initializers, metadata };
  return declared.length === raw.outputs.length ? graph : { ...graph, outputs: workedOutShapes(graph, raw.outputs) };
}

function workedOutShapes(graph: Graph, outputs: readonly DeclaredValue[]): ValueInfo[] {
  const shapes = symbolicShapes(graph);
  return outputs.map(({ name, dtype, shape }) => {
    const met = shapes.get(name)?.shape ?? [];
    return { name, dtype, shape: shape ?? met.map((dim, axis) => (dim === '?' ? `${name}_${axis}` : dim)) };
  });
}

function readGraph(bytes: Uint8Array, context: TensorContext, maxNodes: number, notes: string[]): RawGraph {
  const graph: RawGraph = { name: '', nodes: [], initializers: new Map(), inputs: [], outputs: [] };
  const names = new Map<string, number>();
  visitFields(bytes, 'the graph', (field) => {
    if (graph.outputs.length > MAX_VALUES) {
      throw new ExpectedError('onnx-too-large', `More than ${MAX_VALUES} outputs.`);
    }
    switch (field.number) {
      case 1: {
        if (graph.nodes.length >= maxNodes) {
          throw new ExpectedError('onnx-too-large', `More than ${maxNodes} nodes (limit maxNodes).`);
        }
        const node = readNode(bytesOf(field, 'a node'), graph.nodes.length, context);
        graph.nodes.push({ ...node, name: freshName(node.name, names) });
        break;
      }
      case 2:
        graph.name = textOf(field, 'the graph name');
        break;
      case 5: {
        const { name, tensor } = readTensor(bytesOf(field, 'an initializer'), 'an initializer', context);
        if (name === '') throw malformed('An initializer has no name.');
        if (graph.initializers.has(name)) throw malformed(`The initializer "${name}" is given twice.`);
        graph.initializers.set(name, tensor);
        break;
      }
      case 11:
        graph.inputs.push(readValueInfo(bytesOf(field, 'an input'), 'input', notes));
        break;
      case 12:
        graph.outputs.push(readValueInfo(bytesOf(field, 'an output'), 'output', notes));
        break;
      case 15:
        throw new ExpectedError('unsupported-encoder', 'It has sparse weights; export it with dense ones.');
    }
  });
  return graph;
}

/** Claims a name nobody has yet; `taken` remembers the next number to try for each. */
function freshName(name: string, taken: Map<string, number>): string {
  let fresh = name;
  for (let count = taken.get(name) ?? 0; taken.has(fresh); count += 1) {
    fresh = `${name}#${count + 1}`;
    taken.set(name, count + 1);
  }
  taken.set(fresh, taken.get(fresh) ?? 0);
  return fresh;
}

function opsetImport(bytes: Uint8Array): { domain: string; version: number } {
  let domain = '';
  let version = 0;
  visitFields(bytes, 'an opset import', (field) => {
    if (field.number === 1) domain = textOf(field, 'an opset import');
    if (field.number === 2) version = safeInt(intOf(field, 'an opset import'));
  });
  return { domain, version };
}

function metadataEntry(bytes: Uint8Array): [string, string] {
  let key = '';
  let value = '';
  visitFields(bytes, 'the metadata', (field) => {
    if (field.number === 1) key = textOf(field, 'the metadata');
    if (field.number === 2) value = textOf(field, 'the metadata');
  });
  return [key, value];
}

function readValueInfo(bytes: Uint8Array, kind: 'input' | 'output', notes: string[]): DeclaredValue {
  let name = '';
  let type: Uint8Array | null = null;
  visitFields(bytes, `an ${kind}`, (field) => {
    if (field.number === 1) name = textOf(field, `an ${kind}`);
    if (field.number === 2) type = bytesOf(field, `an ${kind}`);
  });
  const what = `The ${kind} "${name}"`;
  if (name === '') throw malformed(`An ${kind} has no name.`);
  let tensorType: Uint8Array | null = null;
  if (type !== null) {
    visitFields(type, what, (field) => {
      if (field.number === 1) tensorType = bytesOf(field, what);
    });
  }
  if (tensorType === null) throw new ExpectedError('unsupported-encoder', `${what} is not a tensor.`);
  let code = 0;
  let shape: Dim[] | null = null;
  visitFields(tensorType, what, (field) => {
    if (field.number === 1) code = safeInt(intOf(field, what));
    if (field.number === 2) shape = readShape(bytesOf(field, what), name, what);
  });
  const { dtype, converted } = importedType(code, what);
  if (converted) notes.push(`the ${kind} "${name}" was declared in another float type and is float32 now`);
  return { name, dtype, shape };
}

function readShape(bytes: Uint8Array, name: string, what: string): Dim[] {
  const shape: Dim[] = [];
  visitFields(bytes, what, (field) => {
    if (field.number !== 1) return;
    let dim: Dim = `${name}_${shape.length}`;
    visitFields(bytesOf(field, what), what, (part) => {
      if (part.number === 1) {
        const size = safeInt(intOf(part, what));
        // Some exporters write 0 or -1 for "any size".
        if (size > 0) dim = size;
      }
      if (part.number === 2) {
        const symbol = textOf(part, what);
        if (symbol !== '') dim = symbol;
      }
    });
    shape.push(dim);
    if (shape.length > 16) throw malformed(`${what} has more than 16 dimensions.`);
  });
  return shape;
}
