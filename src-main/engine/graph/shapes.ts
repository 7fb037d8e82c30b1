/** Static shapes of every value, and the integer values that shapes depend on. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { malformedNode } from './attributes.ts';
import type { DType, Graph, GraphNode, Tensor } from './ir.ts';
import { operatorOf } from './ops/table.ts';
import type { Shaped } from './ops/operator.ts';
import { sizeOf } from './tensors.ts';

export type { Shaped } from './ops/operator.ts';

/** Largest number of elements a value may have. */
const MAX_ELEMENTS = 2 ** 40;
/** Constants of at most this many elements are known to whoever asks for values. */
const KNOWN_ELEMENTS = 16_384;
/** What is worked out from them is followed up to this size: shapes, indices, axes. */
const FOLLOWED_ELEMENTS = 1024;
/** Operators that no shape is computed with and whose cost a hostile file could drive. */
const NOT_FOLLOWED: ReadonlySet<string> = new Set([
  'Conv',
  'MaxPool',
  'AveragePool',
  'MaxPoolGrad',
  'AveragePoolGrad',
  'ConvGradInput',
  'ConvGradWeight',
]);

/** A graph input's dims with symbols bound. @throws when a symbol has no size */
export function boundDims(
  name: string,
  shape: readonly (number | string)[],
  dims: Readonly<Record<string, number>>,
): number[] {
  return shape.map((dim) => {
    if (typeof dim === 'number') return dim;
    const size = Object.hasOwn(dims, dim) ? dims[dim] : undefined;
    if (size === undefined || !Number.isInteger(size) || size < 0) {
      throw new RangeError(`The size "${dim}" of the input "${name}" is not given (met ${String(size)}).`);
    }
    return size;
  });
}

/** The type of a constant; its value is carried along while it is small. */
export function shapedConstant(tensor: Tensor): Shaped {
  const { dtype, dims } = tensor;
  return tensor.data.length <= KNOWN_ELEMENTS ? { dtype, dims, value: tensor } : { dtype, dims };
}

/**
 * Types of a node's outputs from those of its inputs; small values that follow from known ones are worked out.
 * @throws unknown-operator, onnx-malformed, onnx-too-large, each naming the node
 */
export function inferNode(node: GraphNode, inputs: readonly (Shaped | null)[]): Shaped[] {
  const operator = operatorOf(node);
  const outputs = operator.shapes(node, inputs);
  if (outputs.length < node.outputs.length && node.outputs.slice(outputs.length).some((name) => name !== '')) {
    throw malformedNode(node, `${node.outputs.length} outputs, ${outputs.length} known`);
  }
  let small = !NOT_FOLLOWED.has(node.op);
  for (const { dims } of outputs) {
    const size = sizeOf(dims);
    if (!(size <= MAX_ELEMENTS)) {
      throw new ExpectedError('onnx-too-large', `Node "${node.name}" (${node.op}) makes ${dims.join('x')} values.`);
    }
    if (size > FOLLOWED_ELEMENTS) small = false;
  }
  if (!small || inputs.some((input) => input !== null && input.value === undefined)) return outputs;
  const values = operator.evaluate(
    node,
    inputs.map((input) => input?.value ?? null),
    outputs,
  );
  return outputs.map((output, index) => ({ ...output, value: rounded(values[index]) }));
}

/** Kernels may return float64 data under dtype float32. */
export function rounded(tensor: Tensor): Tensor {
  return tensor.dtype === 'float32' && !(tensor.data instanceof Float32Array)
    ? { ...tensor, data: Float32Array.from(tensor.data as ArrayLike<number>) }
    : tensor;
}

/** Like `inferShapes`, with the values that are known without running the graph. */
export function inferValues(graph: Graph, dims: Readonly<Record<string, number>>): Map<string, Shaped> {
  const types = new Map<string, Shaped>();
  for (const { name, dtype, shape } of graph.inputs) {
    const bound = boundDims(name, shape, dims);
    if (!(sizeOf(bound) <= MAX_ELEMENTS)) {
      throw new ExpectedError('onnx-too-large', `The input "${name}" has ${bound.join('x')} values.`);
    }
    types.set(name, { dtype, dims: bound });
  }
  for (const [name, tensor] of graph.initializers) types.set(name, shapedConstant(tensor));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      if (name === '') return null;
      const type = types.get(name);
      if (type === undefined) throw malformedNode(node, `it reads "${name}", which nothing makes`);
      return type;
    });
    inferNode(node, inputs).forEach((type, index) => {
      const name = node.outputs[index] ?? '';
      if (name !== '') types.set(name, type);
    });
  }
  return types;
}

/**
 * Static type of every value of the graph: inputs, initializers and node outputs.
 * @param dims sizes of the symbols in the input shapes; all must be bound
 * @throws unknown-operator, onnx-malformed, onnx-too-large naming the node and what was met; RangeError for a symbol
 *   without a size
 */
export function inferShapes(
  graph: Graph,
  dims: Readonly<Record<string, number>>,
): Map<string, { readonly dtype: DType; readonly dims: number[] }> {
  return new Map(
    [...inferValues(graph, dims)].map(([name, type]) => [name, { dtype: type.dtype, dims: [...type.dims] }]),
  );
}
