/**
 * A graph as a TF.js graph model: model.json (GraphDef in JSON) and weight shards (tfjs-core/src/io/types.ts). Our graph is
 * channels-first, TF.js computes channels-last: the model takes its image as [N,H,W,C], images stay that way, kernels and
 * the constants beside images are permuted. What TF.js has no operator for is refused by name.
 */
import type { Graph } from '../../engine/graph/ir.ts';
import { inferShapes } from '../../engine/graph/shapes.ts';
import { FLOAT, impossible, nodeWriter, plain, type NodeWriter, type Placed, type State } from './tfjs-nodes.ts';
import { EMITTERS } from './tfjs-operators.ts';

export interface TfjsFiles {
  readonly 'model.json': Uint8Array;
  readonly [shard: string]: Uint8Array;
}

/** Bytes of one shard; browsers keep files of this size in their caches. */
const SHARD_BYTES = 4 * 2 ** 20;

/**
 * @param graph inputs [N,C,H,W] with N open, evaluation mode
 * @throws ExpectedError export-impossible naming the node that cannot be said in TF.js
 */
export function writeTfjs(graph: Graph, producer: string): TfjsFiles {
  const writer = nodeWriter();
  // Two batch sizes tell which axes follow the batch.
  const [two, three] = [2, 3].map((size) => inferShapes(graph, { N: size }));
  const dims = (value: string): readonly number[] => two.get(value)?.dims ?? [];
  const shapeOf = (value: string): number[] =>
    dims(value).map((dim, axis) => (three.get(value)?.dims[axis] === dim ? dim : -1));
  const values = new Map<string, Placed>();
  const inputShapes = new Map<string, number[]>();
  for (const input of graph.inputs) {
    const shape = shapeOf(input.name);
    // TF.js makes images as [height, width, channels], so that is what the model is given.
    const turnedInput = shape.length === 4;
    const stated = turnedInput ? [0, 2, 3, 1].map((axis) => shape[axis]) : shape;
    const dim = stated.map((size) => ({ size: String(size) }));
    writer.add('Placeholder', input.name, [], { dtype: FLOAT, shape: { shape: { dim } } });
    inputShapes.set(input.name, stated);
    values.set(input.name, { name: input.name, turned: turnedInput });
  }
  const state: State = { graph, writer, values, dims, shapeOf };
  for (const node of graph.nodes) {
    if (node.domain !== '' || !Object.hasOwn(EMITTERS, node.op))
      throw impossible(node, 'TF.js is not given this operator');
    values.set(node.outputs[0], EMITTERS[node.op](node, state));
  }
  const outputs = graph.outputs.map(({ name }) => {
    const made = plain(name, state);
    return made === name ? name : writer.add('Identity', name, [made], { T: FLOAT });
  });
  const signature = {
    inputs: Object.fromEntries([...inputShapes].map(([name, shape]) => [name, tensorInfo(name, shape)])),
    outputs: Object.fromEntries(
      outputs.map((name, at) => [graph.outputs[at].name, tensorInfo(name, shapeOf(graph.outputs[at].name))]),
    ),
  };
  return pack(writer, signature, producer, graph.metadata);
}

function tensorInfo(name: string, shape: readonly number[]): object {
  return { name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: { dim: shape.map((size) => ({ size: String(size) })) } };
}

function pack(writer: NodeWriter, signature: object, producer: string, metadata: Graph['metadata']): TfjsFiles {
  const weights = [...writer.weights];
  const specs = weights.map(([name, { dims, dtype }]) => ({ name, shape: dims, dtype }));
  const total = weights.reduce((sum, [, { data }]) => sum + data.byteLength, 0);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const [, { data }] of weights) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  const count = Math.max(1, Math.ceil(total / SHARD_BYTES));
  const paths = Array.from({ length: count }, (_, index) => `group1-shard${index + 1}of${count}.bin`);
  const model = {
    format: 'graph-model',
    generatedBy: producer,
    convertedBy: null,
    signature,
    userDefinedMetadata: metadata,
    modelTopology: { node: writer.nodes, library: {}, versions: {} },
    weightsManifest: [{ paths, weights: specs }],
  };
  const shards = paths.map(
    (path, index) => [path, bytes.subarray(index * SHARD_BYTES, (index + 1) * SHARD_BYTES)] as const,
  );
  return { 'model.json': new TextEncoder().encode(JSON.stringify(model)), ...Object.fromEntries(shards) };
}
