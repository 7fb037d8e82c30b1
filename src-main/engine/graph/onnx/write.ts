/** Graph -> ONNX file (ModelProto). Field numbers are those of onnx.proto3. */
import protobuf from 'protobufjs/minimal.js';
import type { Attribute, Graph, GraphNode, Tensor, ValueInfo } from '../ir.ts';
import { DATA_TYPE } from './tensor.ts';

export interface WriteOptions {
  /** Default "coresift". */
  readonly producer?: string;
  readonly producerVersion?: string;
  /** Default 8, the IR version of opset 17. */
  readonly irVersion?: number;
}

type Writer = protobuf.Writer;

const tag = (field: number, wire: 0 | 1 | 2 | 5): number => ((field << 3) | wire) >>> 0;

function text(writer: Writer, field: number, value: string): void {
  writer.uint32(tag(field, 2)).string(value);
}

function int(writer: Writer, field: number, value: number): void {
  writer.uint32(tag(field, 0)).int64(value);
}

function message(writer: Writer, field: number, body: (writer: Writer) => void): void {
  writer.uint32(tag(field, 2)).fork();
  body(writer);
  writer.ldelim();
}

/** The model file of a graph; operator sets of vendors' domains are imported at version 1. */
export function writeOnnx(graph: Graph, options: WriteOptions = {}): Uint8Array {
  const writer = new protobuf.Writer();
  int(writer, 1, options.irVersion ?? 8);
  text(writer, 2, options.producer ?? 'coresift');
  if (options.producerVersion !== undefined) text(writer, 3, options.producerVersion);
  message(writer, 7, (body) => writeGraph(body, graph));
  const domains = new Set(graph.nodes.map((node) => node.domain));
  domains.delete('');
  for (const [domain, version] of [['', graph.opset] as const, ...[...domains].map((name) => [name, 1] as const)]) {
    message(writer, 8, (body) => {
      text(body, 1, domain);
      int(body, 2, version);
    });
  }
  for (const [key, value] of Object.entries(graph.metadata)) {
    message(writer, 14, (body) => {
      text(body, 1, key);
      text(body, 2, value);
    });
  }
  return writer.finish();
}

function writeGraph(writer: Writer, graph: Graph): void {
  for (const node of graph.nodes) message(writer, 1, (body) => writeNode(body, node));
  text(writer, 2, graph.name === '' ? 'graph' : graph.name);
  for (const [name, tensor] of graph.initializers) message(writer, 5, (body) => writeTensor(body, tensor, name));
  for (const input of graph.inputs) message(writer, 11, (body) => writeValueInfo(body, input));
  for (const output of graph.outputs) message(writer, 12, (body) => writeValueInfo(body, output));
}

function writeNode(writer: Writer, node: GraphNode): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 3, node.name);
  text(writer, 4, node.op);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    message(writer, 5, (body) => writeAttribute(body, name, attribute));
  }
  if (node.domain !== '') text(writer, 7, node.domain);
}

const utf8 = new TextEncoder();

function writeAttribute(writer: Writer, name: string, attribute: Attribute): void {
  text(writer, 1, name);
  switch (attribute.type) {
    case 'float':
      writer.uint32(tag(2, 5)).float(attribute.value);
      int(writer, 20, 1);
      break;
    case 'int':
      int(writer, 3, attribute.value);
      int(writer, 20, 2);
      break;
    case 'string':
      writer.uint32(tag(4, 2)).bytes(utf8.encode(attribute.value));
      int(writer, 20, 3);
      break;
    case 'tensor':
      message(writer, 5, (body) => writeTensor(body, attribute.value, ''));
      int(writer, 20, 4);
      break;
    case 'floats':
      for (const value of attribute.value) writer.uint32(tag(7, 5)).float(value);
      int(writer, 20, 6);
      break;
    case 'ints':
      for (const value of attribute.value) int(writer, 8, value);
      int(writer, 20, 7);
      break;
    case 'strings':
      for (const value of attribute.value) writer.uint32(tag(9, 2)).bytes(utf8.encode(value));
      int(writer, 20, 8);
      break;
  }
}

function writeTensor(writer: Writer, tensor: Tensor, name: string): void {
  writer.uint32(tag(1, 2)).fork();
  for (const dim of tensor.dims) writer.int64(dim);
  writer.ldelim();
  int(writer, 2, DATA_TYPE[tensor.dtype]);
  if (name !== '') text(writer, 8, name);
  const { buffer, byteOffset, byteLength } = tensor.data;
  writer.uint32(tag(9, 2)).bytes(new Uint8Array(buffer, byteOffset, byteLength));
}

function writeValueInfo(writer: Writer, value: ValueInfo): void {
  text(writer, 1, value.name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      int(tensor, 1, DATA_TYPE[value.dtype]);
      message(tensor, 2, (shape) => {
        for (const dim of value.shape) {
          message(shape, 1, (body) => {
            if (typeof dim === 'number') int(body, 1, dim);
            else text(body, 2, dim);
          });
        }
      });
    }),
  );
}
