/** A training step as one graph: forward, loss, gradients, update. Weights and moments are state. */
import type { StatePair } from '../providers/provider.ts';
import { differentiate } from './autodiff.ts';
import { graphBuilder } from './builder.ts';
import type { RowChoice } from './gradients/rule.ts';
import type { Graph, Tensor } from './ir.ts';
import { simplify } from './fold.ts';
import { apart, joined } from './packing.ts';
import { clipFactor, updateRule, type Memory, type Optimiser } from './optimisers.ts';
import { sizeOf, stridedIndex, stridesOf, takeFlat } from './tensors.ts';

export interface TrainedParameter {
  /** An initializer of the graph, or an input of it (then `initial` says where it starts). */
  readonly name: string;
  /** Only these slices along `axis` are trained; the others stay bit-equal and cost no gradient, decay or moment. */
  readonly rows?: { readonly axis: number; readonly trainable: Int32Array };
  readonly initial?: Tensor;
  /** Whether weight decay applies; default true. */
  readonly decay?: boolean;
}

/** Values that a graph carries from run to run. */
export interface CarriedState {
  readonly state: readonly StatePair[];
  readonly initialState: Readonly<Record<string, Tensor>>;
}

export interface TrainingOptions {
  readonly graph: Graph;
  /** Sizes of all symbols; the step is made for these. */
  readonly dims: Readonly<Record<string, number>>;
  /** Scalar value to minimise. */
  readonly loss: string;
  readonly parameters: readonly TrainedParameter[];
  readonly optimiser: Optimiser;
  /** Largest joint norm of all gradients. */
  readonly clipNorm?: number;
  /** Maximise the loss instead. Weight decay keeps its direction. */
  readonly ascend?: boolean;
  /** Bounds that every trained value is put back into after its update. */
  readonly clamp?: readonly [low: number, high: number];
  /** State that the graph already has, e.g. running statistics (`withBatchStatistics`). */
  readonly carried?: CarriedState;
}

export interface TrainingStep extends CarriedState {
  /** Inputs: those of the given graph, the state, and `learningRate` (float32 scalar). Outputs: the given ones, the loss. */
  readonly graph: Graph;
  /** Full tensors of the trained parameters and of the carried state, by their names in the given graph. */
  readParameters(state: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
  /** Parameters that the loss does not depend on; they are left as they are. */
  readonly untouched: readonly string[];
}

export const LEARNING_RATE = 'learningRate';

interface Slot {
  readonly parameter: TrainedParameter;
  readonly start: Tensor;
  readonly rows: RowChoice | null;
  /** Graph input that holds the trained slices. */
  readonly input: string;
}

/** Slices `index` of a tensor along an axis. */
export function takeRows(tensor: Tensor, axis: number, index: readonly number[]): Tensor {
  const inner = sizeOf(tensor.dims.slice(axis + 1));
  const outer = sizeOf(tensor.dims.slice(0, axis));
  const flat = new Int32Array(outer * index.length * inner);
  let at = 0;
  for (let block = 0; block < outer; block += 1) {
    for (const row of index) {
      const from = (block * tensor.dims[axis] + row) * inner;
      for (let step = 0; step < inner; step += 1) flat[at++] = from + step;
    }
  }
  return takeFlat(
    tensor,
    flat,
    tensor.dims.map((dim, each) => (each === axis ? index.length : dim)),
  );
}

/** A copy of `whole` whose slices `index` along `axis` are those of `part`, in order. */
export function putRows(whole: Tensor, axis: number, index: readonly number[], part: Tensor): Tensor {
  const strides = stridesOf(whole.dims);
  const sliceDims = whole.dims.map((dim, each) => (each === axis ? 1 : dim));
  const partStrides = stridesOf(part.dims);
  const data = whole.data.slice();
  index.forEach((row, at) => {
    const to = stridedIndex(sliceDims, strides, row * strides[axis]);
    const from = stridedIndex(sliceDims, partStrides, at * partStrides[axis]);
    for (let each = 0; each < to.length; each += 1) data[to[each]] = part.data[from[each]];
  });
  return { dtype: whole.dtype, dims: whole.dims, data };
}

/** The graph with some initializers replaced. @throws RangeError for a name that is no initializer or other dims */
export function withInitializers(graph: Graph, values: Readonly<Record<string, Tensor>>): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of Object.entries(values)) {
    const old = initializers.get(name);
    if (old === undefined) throw new RangeError(`The graph has no initializer "${name}".`);
    if (old.dims.join() !== tensor.dims.join()) {
      throw new RangeError(`"${name}" is [${old.dims.join()}], got [${tensor.dims.join()}].`);
    }
    initializers.set(name, tensor);
  }
  return { ...graph, initializers };
}

function slotOf(graph: Graph, parameter: TrainedParameter): Slot | null {
  const { name, rows } = parameter;
  const start = parameter.initial ?? graph.initializers.get(name);
  if (start === undefined) throw new RangeError(`The graph has no parameter "${name}" with a value to start from.`);
  if (start.dtype !== 'float32') throw new RangeError(`"${name}" is ${start.dtype}; only float32 can be trained.`);
  if (rows === undefined) return { parameter, start, rows: null, input: name };
  const index = [...rows.trainable];
  const size = start.dims[rows.axis] ?? -1;
  if (index.some((row) => !(row >= 0 && row < size)) || new Set(index).size !== index.length) {
    throw new RangeError(`Rows of "${name}" along axis ${rows.axis} must be different and lie in 0..${size - 1}.`);
  }
  if (index.length === 0) return null;
  if (!graph.initializers.has(name)) throw new RangeError(`Rows of "${name}" need an initializer, not an input.`);
  if (index.length === size && index.every((row, at) => row === at))
    return { parameter, start, rows: null, input: name };
  return { parameter, start, rows: { axis: rows.axis, index }, input: `${name}/trainable` };
}

/** What of a parameter is trained, as it starts. */
function trainedPart({ start, rows }: Slot): Tensor {
  return rows === null ? start : takeRows(start, rows.axis, rows.index);
}

/** A parameter that the loss depends on. */
interface Live extends Slot {
  readonly gradient: string;
  readonly initial: Tensor;
}

/** Parameters of up to this many values are updated as one vector: an update is a dozen operators, whatever its size. */
const SMALL = 16_384;

function packs(live: readonly Live[]): Live[][] {
  const small = (each: Live): boolean => sizeOf(each.initial.dims) <= SMALL;
  const decays = (each: Live): boolean => each.parameter.decay !== false;
  const together = [true, false].map((decay) => live.filter((each) => small(each) && decays(each) === decay));
  return [...live.filter((each) => !small(each)).map((each) => [each]), ...together.filter((pack) => pack.length > 0)];
}

function lengthOf(pack: readonly Live[]): number {
  return pack.reduce((sum, { initial }) => sum + sizeOf(initial.dims), 0);
}

/**
 * Builds the step. Frozen rows are constants of the graph: nothing updates them.
 * @throws RangeError for parameters or rows the graph does not have; as `differentiate`
 */
export function trainingStep(options: TrainingOptions): TrainingStep {
  const slots = options.parameters.flatMap((parameter) => slotOf(options.graph, parameter) ?? []);
  const forward = graphBuilder(options.graph);
  for (const { parameter, start, rows, input } of slots) {
    const { name } = parameter;
    if (options.graph.initializers.has(name)) forward.removeInitializer(name);
    else if (!options.graph.inputs.some((each) => each.name === name)) {
      throw new RangeError(`The graph has no initializer or input "${name}".`);
    } else continue;
    if (rows === null) {
      forward.input(name, 'float32', start.dims);
      continue;
    }
    const { axis, index } = rows;
    const trained = new Set(index);
    const frozen = Array.from({ length: start.dims[axis] }, (_, row) => row).filter((row) => !trained.has(row));
    const part = forward.input(
      input,
      'float32',
      start.dims.map((dim, each) => (each === axis ? index.length : dim)),
    );
    const order = new Map([...index, ...frozen].map((row, at) => [row, at]));
    const permutation = Array.from({ length: start.dims[axis] }, (_, row) => order.get(row) as number);
    const rest =
      frozen.length === 0 ? [] : [forward.constant(takeRows(start, axis, frozen), forward.fresh(`${name}/frozen`))];
    const joined = forward.concat([part, ...rest], axis);
    forward.node('Gather', [joined, forward.ints(permutation)], { axis: { type: 'int', value: axis } }, name);
  }
  const rows = Object.fromEntries(
    slots.flatMap((slot) => (slot.rows === null ? [] : [[slot.parameter.name, slot.rows]])),
  );
  const { graph: differentiated, gradients } = differentiate(forward.build(), {
    loss: options.loss,
    wrt: slots.map((slot) => slot.parameter.name),
    dims: options.dims,
    rows,
  });

  const b = graphBuilder(differentiated);
  const learningRate = b.input(LEARNING_RATE, 'float32', []);
  const live = slots.flatMap((slot): Live[] => {
    const gradient = gradients.get(slot.parameter.name);
    return gradient === undefined ? [] : [{ ...slot, gradient, initial: trainedPart(slot) }];
  });
  const factor =
    options.clipNorm === undefined || live.length === 0
      ? null
      : clipFactor(
          b,
          live.map(({ gradient }) => gradient),
          options.clipNorm,
        );
  const rule = updateRule(b, options.optimiser, learningRate);
  const memories: Memory[] = [...rule.shared];
  for (const pack of packs(live)) {
    const likes = pack.map(({ initial }) => initial.dims);
    const vector = (of: (each: Live) => string): string => joined(b, pack.map(of), likes);
    let gradient = vector((each) => each.gradient);
    if (options.ascend === true) gradient = b.neg(gradient);
    if (factor !== null) gradient = b.mul(gradient, factor);
    const [first] = pack;
    const alone = pack.length === 1;
    const updated = rule.update({
      name: alone ? first.parameter.name : `optimiser/packed ${first.parameter.name}`,
      value: vector((each) => each.input),
      gradient,
      dims: alone ? first.initial.dims : [lengthOf(pack)],
      decay: first.parameter.decay !== false,
    });
    const next = options.clamp === undefined ? updated.next : b.clip(updated.next, options.clamp[0], options.clamp[1]);
    const parts = apart(b, next, likes);
    memories.push(
      ...pack.map(({ input, initial }, at) => ({ input, output: parts[at], initial })),
      ...updated.memories,
    );
  }
  const carried = options.carried ?? { state: [], initialState: {} };
  // A parameter the loss does not depend on stays where it is, but remains an input that has to be fed.
  const untouched = slots.filter((slot) => !gradients.has(slot.parameter.name));
  const still = untouched.map((slot): Memory => {
    return { input: slot.input, output: b.node('Identity', [slot.input]), initial: trainedPart(slot) };
  });
  const all = [...memories, ...still];
  const state: StatePair[] = [...carried.state, ...all.map(({ input, output }) => ({ input, output }))];
  const kept = differentiated.outputs.slice(0, options.graph.outputs.length);
  const outputs = [
    ...kept,
    ...(kept.some((output) => output.name === options.loss)
      ? []
      : [{ name: options.loss, dtype: 'float32' as const, shape: [] }]),
  ];
  const listed = new Set(outputs.map((output) => output.name));
  const extra = all.filter((memory) => !listed.has(memory.output));
  b.setOutputs([
    ...outputs,
    ...extra.map(({ output, initial }) => ({ name: output, dtype: 'float32' as const, shape: initial.dims })),
  ]);
  return {
    graph: simplify(b.build(), options.dims),
    state,
    initialState: {
      ...carried.initialState,
      ...Object.fromEntries(all.map(({ input, initial }) => [input, initial])),
    },
    readParameters(values) {
      const get = (name: string): Tensor => {
        if (!Object.hasOwn(values, name)) throw new RangeError(`The state "${name}" is missing.`);
        return values[name];
      };
      return Object.fromEntries([
        ...slots.map(({ parameter, start, rows: chosen, input }) => [
          parameter.name,
          chosen === null ? get(input) : putRows(start, chosen.axis, chosen.index, get(input)),
        ]),
        ...carried.state.map(({ input }) => [input, get(input)]),
      ]);
    },
    untouched: untouched.map((slot) => slot.parameter.name),
  };
}
