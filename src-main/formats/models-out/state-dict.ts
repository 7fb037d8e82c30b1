/**
 * The weights of a sanitized model under the names they have in the encoder they came from, as PyTorch's
 * `load_state_dict` wants them. The names are those of the file; where an exporter has thrown them away there is nothing
 * to go by, and that is said instead.
 */
import { intAttribute } from '../../engine/graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../../engine/graph/ir.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { visibleName } from '../../../src-shared/text.ts';
import { permuted } from '../encoders/layered/channels-last.ts';

export interface StateDict {
  /** Layout as in PyTorch: convolutions [out,in,kh,kw], linear layers [out,in]; the new head is `head.0.…`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What whoever loads it must know. */
  readonly notes: readonly string[];
}

/** Inputs of an operator that hold learnt values. */
const SLOTS: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  BatchNormalization: [1, 2, 3, 4],
  LayerNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  PRelu: [1],
  Gemm: [1, 2],
  MatMul: [1],
};

/** "layer1.0.conv1.weight": words with dots between; the few that transformers have without dots. */
const SOURCE_NAME = /^(?:[A-Za-z_]\w*(?:\.\w+)+|class_token|cls_token|pos_embed)$/;

/** A third of what the source packs as one: the name it has there, and which third (`architectures/vit.ts` takes them apart). */
const THIRD = /^(.+)\/(query|key|value)$/;
const THIRDS = ['query', 'key', 'value'] as const;

/** @throws ExpectedError export-impossible naming weights that lost the names of their source */
export function stateDictOf(graph: Graph): StateDict {
  const tensors = new Map<string, Tensor>();
  const packed = new Map<string, Map<string, Tensor>>();
  const nameless: string[] = [];
  /** @returns false for a name that no source has */
  const take = (name: string, tensor: Tensor): boolean => {
    const [, whole, third] = THIRD.exec(name) ?? [];
    if (!SOURCE_NAME.test(whole ?? name)) return false;
    if (whole === undefined) tensors.set(name, tensor);
    else packed.set(whole, (packed.get(whole) ?? new Map<string, Tensor>()).set(third, tensor));
    return true;
  };
  const slots = new Set<string>();
  for (const node of graph.nodes) {
    for (const slot of SLOTS[node.op] ?? []) {
      const name = node.inputs[slot] ?? '';
      const tensor = graph.initializers.get(name);
      if (tensor === undefined || slots.has(name)) continue;
      slots.add(name);
      if (!take(name, asInPyTorch(node, slot, tensor))) nameless.push(name);
    }
  }
  const notes: string[] = [];
  const constants: string[] = [];
  const small: string[] = [];
  for (const [name, tensor] of graph.initializers) {
    if (slots.has(name) || tensor.dtype !== 'float32') continue;
    if (take(name, tensor) || tensor.data.length <= 1) continue;
    constants.push(name);
    // Whoever loads the weights must give pixels as the encoder wants them: mean and deviation are among these.
    if (tensor.data.length <= 4)
      small.push(
        `"${visibleName(name.slice(0, 80))}" = ${Array.from(tensor.data as Float32Array, (value) => Number(value.toPrecision(7))).join(', ')}`,
      );
  }
  const token = classToken(graph, tensors);
  if (token !== null) {
    for (const [name, tensor] of token.tensors) tensors.set(name, tensor);
    constants.splice(constants.indexOf(token.constant), 1);
  }
  for (const [name, thirds] of packed) {
    const parts = THIRDS.flatMap((third) => thirds.get(third) ?? []);
    if (parts.length === 3) tensors.set(name, stacked(parts));
    else nameless.push(name);
  }
  if (nameless.length > 0) {
    const listed = nameless.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 80)));
    throw new ExpectedError(
      'export-impossible',
      `PyTorch names: ${nameless.length} weights have no name of a state dict (${listed.join(', ')}${nameless.length > 5 ? ', …' : ''}); ` +
        'the file the encoder came in does not carry them, often because its batch normalisations were folded at export.',
    );
  }
  for (const name of [...tensors.keys()]) {
    if (!name.endsWith('.running_mean')) continue;
    const tracked = name.replace(/running_mean$/, 'num_batches_tracked');
    if (!tensors.has(tracked)) tensors.set(tracked, { dtype: 'int64', dims: [], data: BigInt64Array.of(0n) });
  }
  if (constants.length > 0) {
    notes.push(
      `${constants.length} constants of the graph are no parameters and are left out (pixel normalisation among them where the audit put one in)${small.length === 0 ? '' : `: ${small.slice(0, 6).join('; ')}`}`,
    );
  }
  notes.push(
    'the classifier is called head.0 (with a hidden layer also head.1): nn.Linear layers behind the representation',
  );
  return { tensors, notes };
}

/** What the libraries call the class token, by what they call the position embeddings. */
const TOKEN_BESIDE: Readonly<Record<string, string>> = {
  'encoder.pos_embedding': 'class_token',
  pos_embed: 'cls_token',
  'embeddings.position_embeddings': 'embeddings.cls_token',
};

/**
 * The class token, which an encoder is given as a constant for every token (`engine/encoder/tokens.ts`): its first row is
 * the token; what training put into the others adds to the position embeddings.
 */
function classToken(
  graph: Graph,
  tensors: ReadonlyMap<string, Tensor>,
): { readonly constant: string; readonly tensors: ReadonlyMap<string, Tensor> } | null {
  const positions = Object.keys(TOKEN_BESIDE).find((name) => tensors.has(name));
  if (positions === undefined || tensors.has(TOKEN_BESIDE[positions])) return null;
  const embedding = tensors.get(positions) as Tensor;
  const found = [...graph.initializers].filter(
    ([name, { dtype, dims }]) =>
      name.endsWith('/tokens') && dtype === 'float32' && dims.join() === embedding.dims.join(),
  );
  if (found.length !== 1 || embedding.dims.length !== 3) return null;
  const [[constant, { data }]] = found;
  const width = embedding.dims[2];
  const values = data as Float32Array;
  const sum = Float32Array.from(embedding.data as Float32Array, (value, at) =>
    at < width ? value : value + values[at],
  );
  return {
    constant,
    tensors: new Map<string, Tensor>([
      [TOKEN_BESIDE[positions], { dtype: 'float32', dims: [1, 1, width], data: values.slice(0, width) }],
      [positions, { ...embedding, data: sum }],
    ]),
  };
}

/** Along the first axis. */
function stacked(parts: readonly Tensor[]): Tensor {
  const rows = parts.reduce((sum, { dims }) => sum + dims[0], 0);
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data as Float32Array, at);
    at += part.data.length;
  }
  return { dtype: 'float32', dims: [rows, ...parts[0].dims.slice(1)], data };
}

function asInPyTorch(node: GraphNode, slot: number, tensor: Tensor): Tensor {
  const matrix = slot === 1 && tensor.dims.length === 2 && tensor.dtype === 'float32';
  const turned = node.op === 'MatMul' || (node.op === 'Gemm' && intAttribute(node, 'transB', 0) === 0);
  return matrix && turned ? permuted(tensor, [1, 0]) : tensor;
}
