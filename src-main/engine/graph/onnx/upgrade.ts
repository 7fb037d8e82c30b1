/**
 * Rewrites the standard operators of opset 9 to 25 as opset 17, so that everything behind the import knows one form:
 * attributes that became inputs (and the other way round), flattening Softmax, operators that came later.
 */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { Attribute, GraphNode, Tensor } from '../ir.ts';

export const WRITTEN_OPSET = 17;

/** Reductions whose axes are an attribute in opset 17 and an input from 18 on. */
const ATTRIBUTE_REDUCTIONS: ReadonlySet<string> = new Set([
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceL1',
  'ReduceL2',
  'ReduceProd',
  'ReduceSumSquare',
  'ReduceLogSum',
  'ReduceLogSumExp',
]);

interface Names {
  readonly constant: (hint: string, tensor: Tensor) => string;
  readonly value: (hint: string) => string;
  readonly lookup: (name: string) => Tensor | undefined;
}

/**
 * @param initializers new constants are added to it
 * @throws unknown-operator for a later form that opset 17 cannot say
 */
export function upgradeNodes(
  nodes: readonly GraphNode[],
  fileOpset: number,
  initializers: Map<string, Tensor>,
): GraphNode[] {
  const values = new Set<string>(initializers.keys());
  const nodeNames = new Set<string>();
  for (const node of nodes) {
    nodeNames.add(node.name);
    for (const name of [...node.inputs, ...node.outputs]) values.add(name);
  }
  const tried = new Map<string, number>();
  const fresh = (hint: string, taken: Set<string>): string => {
    let name = hint;
    for (let count = tried.get(hint) ?? 1; taken.has(name); count += 1) {
      name = `${hint}_${count}`;
      tried.set(hint, count + 1);
    }
    taken.add(name);
    return name;
  };
  const names: Names = {
    constant: (hint, tensor) => {
      const name = fresh(hint, values);
      initializers.set(name, tensor);
      return name;
    },
    value: (hint) => fresh(hint, values),
    lookup: (name) => initializers.get(name),
  };
  return nodes.flatMap((node) => {
    if (node.domain !== '') return [node];
    return upgradeNode(node, fileOpset, names).map((made, index) =>
      index === 0 && made.name === node.name ? made : { ...made, name: fresh(`${node.name}/${made.op}`, nodeNames) },
    );
  });
}

const ints = (values: readonly number[]): Tensor => ({
  dtype: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
const scalar = (value: number): Tensor => ({ dtype: 'float32', dims: [], data: Float32Array.of(value) });
const int = (value: number): Attribute => ({ type: 'int', value });

function refuse(node: GraphNode, why: string): ExpectedError {
  return new ExpectedError('unknown-operator', `Node "${node.name}" (${node.op}): ${why}.`);
}

function listAttribute(node: GraphNode, name: string): readonly number[] | null {
  const attribute = node.attributes[name];
  if (attribute === undefined) return null;
  if (attribute.type !== 'ints') throw refuse(node, `the attribute "${name}" is not a list of integers`);
  return attribute.value;
}

function numberAttribute(node: GraphNode, name: string): number | null {
  const attribute = node.attributes[name];
  if (attribute === undefined) return null;
  if (attribute.type !== 'float' && attribute.type !== 'int')
    throw refuse(node, `the attribute "${name}" is no number`);
  return attribute.value;
}

function without(node: GraphNode, ...dropped: readonly string[]): GraphNode['attributes'] {
  return Object.fromEntries(Object.entries(node.attributes).filter(([key]) => !dropped.includes(key)));
}

function constantInts(node: GraphNode, input: string, names: Names): number[] {
  const tensor = names.lookup(input);
  if (tensor === undefined) throw refuse(node, `its axes ("${input}") are not constant`);
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

function upgradeNode(node: GraphNode, opset: number, names: Names): GraphNode[] {
  switch (node.op) {
    case 'Dropout':
      // An encoder is examined in evaluation mode, whatever mode it was exported in.
      return [{ ...node, inputs: node.inputs.slice(0, 1), outputs: node.outputs.slice(0, 1), attributes: {} }];
    case 'BatchNormalization': {
      const epsilon = numberAttribute(node, 'epsilon') ?? 1e-5;
      const attributes: GraphNode['attributes'] = { epsilon: { type: 'float', value: epsilon } };
      return [{ ...node, outputs: node.outputs.slice(0, 1), attributes }];
    }
    case 'Cast': {
      const to = numberAttribute(node, 'to') ?? 0;
      return [{ ...node, attributes: { to: int(to === 10 || to === 11 || to === 16 ? 1 : to) } }];
    }
    case 'Squeeze':
    case 'Unsqueeze':
    case 'ReduceSum': {
      const axes = listAttribute(node, 'axes');
      if (axes === null) return [node];
      const input = names.constant(`${node.name}/axes`, ints(axes));
      return [{ ...node, inputs: [node.inputs[0], input], attributes: without(node, 'axes') }];
    }
    case 'Split': {
      const split = listAttribute(node, 'split');
      if (split === null) return [{ ...node, attributes: without(node, 'num_outputs') }];
      const input = names.constant(`${node.name}/split`, ints(split));
      return [{ ...node, inputs: [node.inputs[0], input], attributes: without(node, 'split') }];
    }
    case 'Clip':
      return [upgradeClip(node, names)];
    case 'Slice': {
      const starts = listAttribute(node, 'starts');
      const ends = listAttribute(node, 'ends');
      if (starts === null || ends === null) return [node];
      const axes = listAttribute(node, 'axes') ?? starts.map((_, axis) => axis);
      const inputs = Object.entries({ starts, ends, axes }).map(([key, value]) =>
        names.constant(`${node.name}/${key}`, ints(value)),
      );
      return [{ ...node, inputs: [node.inputs[0], ...inputs], attributes: {} }];
    }
    case 'Pad': {
      if ((node.inputs[3] ?? '') !== '') throw refuse(node, 'padding of chosen axes; export with opset 17 or older');
      const pads = listAttribute(node, 'pads');
      if (pads === null) return [node];
      const value = names.constant(`${node.name}/value`, scalar(numberAttribute(node, 'value') ?? 0));
      const inputs = [node.inputs[0], names.constant(`${node.name}/pads`, ints(pads)), value];
      return [{ ...node, inputs, attributes: without(node, 'pads', 'value') }];
    }
    case 'Softmax':
    case 'LogSoftmax':
      return opset >= 13 ? [node] : flatteningSoftmax(node, names);
    case 'AveragePool':
    case 'MaxPool': {
      const dilations = listAttribute(node, 'dilations') ?? [];
      return [dilations.every((value) => value === 1) ? { ...node, attributes: without(node, 'dilations') } : node];
    }
    case 'Gelu':
      return decomposeGelu(node, names);
    case 'Swish':
      return decomposeSwish(node, names);
    case 'GroupNormalization':
      return decomposeGroupNorm(node, opset, names);
  }
  if (ATTRIBUTE_REDUCTIONS.has(node.op) && node.inputs.length > 1) {
    const axesInput = node.inputs[1];
    const axes = axesInput === '' ? [] : constantInts(node, axesInput, names);
    if (axes.length === 0 && numberAttribute(node, 'noop_with_empty_axes') === 1) {
      return [{ ...node, op: 'Identity', inputs: [node.inputs[0]], attributes: {} }];
    }
    const kept = without(node, 'noop_with_empty_axes');
    const attributes = axes.length === 0 ? kept : { ...kept, axes: { type: 'ints', value: axes } as Attribute };
    return [{ ...node, inputs: [node.inputs[0]], attributes }];
  }
  return [node];
}

function upgradeClip(node: GraphNode, names: Names): GraphNode {
  const min = numberAttribute(node, 'min');
  const max = numberAttribute(node, 'max');
  if (min === null && max === null) return node;
  const bound = (value: number | null, key: string): string =>
    value === null ? '' : names.constant(`${node.name}/${key}`, scalar(value));
  return { ...node, inputs: [node.inputs[0], bound(min, 'min'), bound(max, 'max')], attributes: {} };
}

/** Before opset 13 Softmax flattened to [product of dims before axis, rest] and normalised the rest. */
function flatteningSoftmax(node: GraphNode, names: Names): GraphNode[] {
  const axis = numberAttribute(node, 'axis') ?? 1;
  const [input] = node.inputs;
  if (axis === -1) return [{ ...node, attributes: { axis: int(-1) } }];
  const flat = names.value(`${node.name}/flat`);
  const soft = names.value(`${node.name}/soft`);
  const shape = names.value(`${node.name}/shape`);
  const make = (op: string, inputs: string[], output: string, attributes: GraphNode['attributes'] = {}): GraphNode => ({
    op,
    domain: '',
    name: op === node.op ? node.name : `${node.name}/${op}`,
    inputs,
    outputs: [output],
    attributes,
  });
  return [
    make('Flatten', [input], flat, { axis: int(axis) }),
    make(node.op, [flat], soft, { axis: int(-1) }),
    make('Shape', [input], shape),
    make('Reshape', [soft, shape], node.outputs[0]),
  ];
}

/** A chain of small nodes that ends in the original output. */
function chain(
  node: GraphNode,
  names: Names,
): {
  emit: (op: string, inputs: readonly string[], attributes?: GraphNode['attributes']) => string;
  end: (op: string, inputs: readonly string[]) => GraphNode[];
} {
  const made: GraphNode[] = [];
  const push = (op: string, inputs: readonly string[], output: string, attributes: GraphNode['attributes']): void => {
    made.push({ op, domain: '', name: `${node.name}/${op}`, inputs, outputs: [output], attributes });
  };
  return {
    emit: (op, inputs, attributes = {}) => {
      const output = names.value(`${node.outputs[0]}/${op}`);
      push(op, inputs, output, attributes);
      return output;
    },
    end: (op, inputs) => {
      push(op, inputs, node.outputs[0], {});
      return made;
    },
  };
}

function decomposeGelu(node: GraphNode, names: Names): GraphNode[] {
  const { emit, end } = chain(node, names);
  const [x] = node.inputs;
  const constant = (value: number): string => names.constant(`${node.name}/constant`, scalar(value));
  const approximate = node.attributes['approximate'];
  let gate: string;
  if (approximate?.type === 'string' && approximate.value === 'tanh') {
    const cubic = emit('Mul', [emit('Pow', [x, constant(3)]), constant(0.044715)]);
    gate = emit('Tanh', [emit('Mul', [emit('Add', [x, cubic]), constant(Math.sqrt(2 / Math.PI))])]);
  } else {
    gate = emit('Erf', [emit('Div', [x, constant(Math.SQRT2)])]);
  }
  return end('Mul', [emit('Mul', [x, emit('Add', [gate, constant(1)])]), constant(0.5)]);
}

function decomposeSwish(node: GraphNode, names: Names): GraphNode[] {
  const { emit, end } = chain(node, names);
  const [x] = node.inputs;
  const alpha = numberAttribute(node, 'alpha') ?? 1;
  const inner = alpha === 1 ? x : emit('Mul', [x, names.constant(`${node.name}/alpha`, scalar(alpha))]);
  return end('Mul', [x, emit('Sigmoid', [inner])]);
}

/** As PyTorch writes it for opset 17: normalise [N, groups, rest] as instances, then scale and shift per channel. */
function decomposeGroupNorm(node: GraphNode, opset: number, names: Names): GraphNode[] {
  if (opset < 21) throw refuse(node, 'scale per group (opset 18 to 20); export with opset 17 or 21');
  const { emit, end } = chain(node, names);
  const [x, scale, bias] = node.inputs;
  const groups = numberAttribute(node, 'num_groups') ?? 1;
  const epsilon = numberAttribute(node, 'epsilon') ?? 1e-5;
  const filled = (value: number): string =>
    names.constant(`${node.name}/constant`, {
      dtype: 'float32',
      dims: [groups],
      data: new Float32Array(groups).fill(value),
    });
  const grouped = emit('Reshape', [x, names.constant(`${node.name}/groups`, ints([0, groups, -1]))]);
  const normal = emit('InstanceNormalization', [grouped, filled(1), filled(0)], {
    epsilon: { type: 'float', value: epsilon },
  });
  const whole = emit('Reshape', [normal, emit('Shape', [x])]);
  const perChannel = (value: string): string =>
    emit('Unsqueeze', [value, names.constant(`${node.name}/axes`, ints([1, 2]))]);
  return end('Add', [emit('Mul', [whole, perChannel(scale)]), perChannel(bias)]);
}
