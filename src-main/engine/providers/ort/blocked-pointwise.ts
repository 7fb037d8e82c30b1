/** Element-wise operators on blocked values. */
import type { GraphNode } from '../../graph/ir.ts';
import { numbersOf, sizeOf } from '../../graph/tensors.ts';
import { affine, alike, imageView, padVector, perImage, padded, reshape, type Blocked } from './blocked.ts';
import { addPhases } from './blocked-conv.ts';
import { blockedAs, hasPadding, type Layouts } from './layouts.ts';

/** Operators whose result at a padding channel stays finite. */
const SAFE = new Set(
  (
    'Relu LeakyRelu Elu HardSigmoid HardSwish Sigmoid Tanh Erf Neg Abs Sign Floor Ceil Round Softplus Clip Cast Identity ' +
    'Not Add Sub Mul Max Min Sum Mean Equal Less LessOrEqual Greater GreaterOrEqual And Or Where'
  ).split(' '),
);
/** Operators that can make an infinity out of the zeros of a padding channel. */
const UNSAFE = new Set('Exp Log Sqrt Reciprocal Div Pow'.split(' '));

type Reach = 'same' | 'scalar' | 'channel' | 'image' | 'none';

/** How an operand of dims `given` reaches a result of dims `dims` = [N,C,H,W]. */
function reachOf(given: readonly number[], dims: readonly number[]): Reach {
  if (sizeOf(given) === 1) return 'scalar';
  const full = [...new Array<number>(Math.max(0, 4 - given.length)).fill(1), ...given];
  if (full.every((dim, axis) => dim === dims[axis])) return 'same';
  if (full[1] !== dims[1] || full[2] !== 1 || full[3] !== 1) return 'none';
  if (full[0] === 1) return 'channel';
  return full[0] === dims[0] ? 'image' : 'none';
}

/** True when the node was done on blocked memory. */
export function pointwiseRule(layouts: Layouts, node: GraphNode): boolean {
  if (node.domain !== '' || !(SAFE.has(node.op) || UNSAFE.has(node.op))) return false;
  const inputs = node.inputs.filter((input) => input !== '');
  const [output] = node.outputs;
  if (!inputs.some((input) => layouts.onlyBlocked(input))) return false;
  const dims = layouts.dims(output);
  if (dims.length !== 4 || (UNSAFE.has(node.op) && hasPadding(layouts, output))) return false;
  const reaches = inputs.map((input) => reachOf(layouts.dims(input), dims));
  if (reaches.includes('none')) return false;
  // Only what exists in blocked memory, or is float32 and can be brought there.
  const same = inputs.filter((_, at) => reaches[at] === 'same');
  if (!same.some((input) => layouts.onlyBlocked(input))) return false;
  if (same.some((input) => !layouts.onlyBlocked(input) && layouts.dtype(input) !== 'float32')) return false;

  if (node.op === 'Relu') return relu(layouts, inputs[0], output);
  if (node.op === 'Add' && same.length === 2) {
    if (addInPhases(layouts, same[0], same[1], output) || addDeferred(layouts, same, output)) return true;
  }
  if (node.op === 'Sign' && layouts.producer(inputs[0])?.op === 'Relu') {
    const x = layouts.blocked(inputs[0]);
    const positive = layouts.emitter.op('Greater', [x.name, layouts.emitter.floats([], [0])]);
    layouts.put(output, { ...x, name: layouts.emitter.op('Cast', [positive], { to: 1 }) });
    return true;
  }
  if (node.op === 'Mul' && inputs.length === 2 && reaches.includes('channel')) {
    const vector = inputs[reaches.indexOf('channel')];
    layouts.put(output, affine(layouts, layouts.blocked(same[0]), channelVector(layouts, vector), null));
    return true;
  }
  if (node.op === 'Mul' && same.length === 2 && summedOverImages(layouts, output)) {
    layouts.products.set(output, [same[0], same[1]]);
    return true;
  }
  layouts.put(output, direct(layouts, node, reaches, dims, output));
  return true;
}

/** Whether the only thing that happens to a product is a sum to one number per channel. */
function summedOverImages(layouts: Layouts, product: string): boolean {
  const reader = layouts.soleReader(product);
  if (reader?.domain !== '' || reader.op !== 'ReduceSum' || reader.inputs[0] !== product) return false;
  const axes = layouts.constant(reader.inputs[1] ?? '');
  return (
    axes !== undefined &&
    numbersOf(axes)
      .toSorted((a, b) => a - b)
      .join() === '0,2,3'
  );
}

/** A value with C elements as a plain vector. */
function channelVector(layouts: Layouts, value: string): string {
  return reshape(layouts, layouts.plain(value), [sizeOf(layouts.dims(value))]);
}

function relu(layouts: Layouts, input: string, output: string): true {
  const deferred = layouts.takeDeferred(input);
  if (deferred !== undefined) layouts.put(output, deferred.finish({ ...deferred.options, relu: true }));
  else {
    const x = layouts.blocked(input);
    layouts.put(output, { ...x, name: layouts.emitter.op('Relu', [x.name]) });
  }
  return true;
}

/** Gradients of two strided convolutions of one value: phases that only one of them has need no addition. */
function addInPhases(layouts: Layouts, a: string, b: string, output: string): boolean {
  const one = layouts.takePhases(a);
  if (one === undefined) return false;
  const other = layouts.takePhases(b);
  const sum = other === undefined ? null : addPhases(layouts, one, other);
  if (sum !== null) layouts.putPhases(output, sum);
  else {
    layouts.putPhases(a, one);
    if (other !== undefined) layouts.putPhases(b, other);
  }
  return sum !== null;
}

/** An addition done inside the last pass of one of its operands. */
function addDeferred(layouts: Layouts, inputs: readonly string[], output: string): boolean {
  for (const [at, input] of inputs.entries()) {
    if (inputs[0] === inputs[1] || !layouts.isDeferred(input) || layouts.uses(input) !== 1) continue;
    const other = layouts.blocked(inputs[1 - at]);
    const deferred = layouts.takeDeferred(input);
    if (deferred === undefined || deferred.options.sum !== undefined) {
      if (deferred !== undefined) layouts.defer(input, deferred);
      continue;
    }
    layouts.defer(output, { finish: deferred.finish, options: { sum: other } });
    return true;
  }
  return false;
}

/** The operator itself, on memory seen so that everything broadcasts. */
function direct(
  layouts: Layouts,
  node: GraphNode,
  reaches: readonly Reach[],
  dims: readonly number[],
  output: string,
): Blocked {
  const shape = layouts.shape(output);
  const broadcast = reaches.some((reach) => reach === 'channel' || reach === 'image');
  const like: Blocked = { ...shape, name: '' };
  const view = imageView(layouts, shape);
  let at = -1;
  const operands = node.inputs.map((input) => {
    if (input === '') return '';
    at += 1;
    switch (reaches[at]) {
      case 'scalar': {
        // More dimensions than the result has would change its rank.
        const scalar = layouts.plain(input);
        return layouts.dims(input).length > 1 ? reshape(layouts, scalar, []) : scalar;
      }
      case 'channel': {
        const vector = padVector(layouts, channelVector(layouts, input), dims[1]);
        const blocks = padded(layouts, dims[1]) / layouts.block;
        return reshape(layouts, vector, shape.wide ? [blocks, 1, 1, layouts.block] : [blocks, 1, layouts.block]);
      }
      case 'image':
        return perImage(layouts, layouts.plain(input), like);
      case 'same':
      case 'none': {
        const { name } = alike(layouts, layouts.blocked(input), like);
        return broadcast ? reshape(layouts, name, view) : name;
      }
    }
  });
  const name = layouts.emitter.fresh(node.op);
  layouts.emitter.node({ ...node, name, inputs: operands, outputs: [name] });
  return broadcast ? blockedAs(layouts, output, name) : { ...shape, name };
}
