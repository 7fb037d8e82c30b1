/**
 * The weights of a sanitized model under the names they have in the encoder they came from, as PyTorch's
 * `load_state_dict` wants them. The names are those of the file; where an exporter has thrown them away there is nothing
 * to go by, and that is said instead.
 */
import { intAttribute } from '../../engine/graph/attributes.ts';
import type { Graph, GraphNode, Tensor } from '../../engine/graph/ir.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
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

/** "layer1.0.conv1.weight": words with dots between. */
const SOURCE_NAME = /^[A-Za-z_]\w*(?:\.\w+)+$/;

/** @throws ExpectedError export-impossible naming weights that lost the names of their source */
export function stateDictOf(graph: Graph): StateDict {
  const tensors = new Map<string, Tensor>();
  const nameless: string[] = [];
  const slots = new Set<string>();
  for (const node of graph.nodes) {
    for (const slot of SLOTS[node.op] ?? []) {
      const name = node.inputs[slot] ?? '';
      const tensor = graph.initializers.get(name);
      if (tensor === undefined || slots.has(name)) continue;
      slots.add(name);
      if (SOURCE_NAME.test(name)) tensors.set(name, asInPyTorch(node, slot, tensor));
      else nameless.push(name);
    }
  }
  const notes: string[] = [];
  const constants: string[] = [];
  for (const [name, tensor] of graph.initializers) {
    if (slots.has(name) || tensor.dtype !== 'float32') continue;
    if (SOURCE_NAME.test(name)) tensors.set(name, tensor);
    else if (tensor.data.length > 1) constants.push(name);
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
      `${constants.length} constants of the graph are no parameters and are left out (pixel normalisation among them where the audit put one in)`,
    );
  }
  notes.push(
    'the classifier is called head.0 (with a hidden layer also head.1): nn.Linear layers behind the representation',
  );
  return { tensors, notes };
}

function asInPyTorch(node: GraphNode, slot: number, tensor: Tensor): Tensor {
  const matrix = slot === 1 && tensor.dims.length === 2 && tensor.dtype === 'float32';
  const turned = node.op === 'MatMul' || (node.op === 'Gemm' && intAttribute(node, 'transB', 0) === 0);
  return matrix && turned ? permuted(tensor, [1, 0]) : tensor;
}
