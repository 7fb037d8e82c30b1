/** An ONNX Runtime session with values that it carries from run to run. */
import type { Graph, Tensor, ValueInfo } from '../../graph/ir.ts';
import { allocate, sizeOf } from '../../graph/tensors.ts';
import { checkedFeed, stateInputs } from '../binding.ts';
import type { CompiledGraph, StatePair } from '../provider.ts';
import type { Ort } from './load.ts';
import { fromOrt, toOrt, type OrtTensor, type Session } from './session.ts';

/** A state value lives in two buffers: a run reads one and writes the other. */
interface StateSlot {
  readonly pair: StatePair;
  readonly info: ValueInfo;
  current: Tensor;
  next: Tensor;
  currentOrt: OrtTensor;
  nextOrt: OrtTensor;
  known: boolean;
}

/**
 * A session as a compiled graph. Runs are carried out in the order in which they are asked for, also where one is asked
 * for before the earlier one's results are there.
 * @param graph its inputs and outputs, without open symbols
 */
export function bindSession(
  ort: Ort,
  session: Session,
  graph: Pick<Graph, 'inputs' | 'outputs'>,
  state: readonly StatePair[],
): CompiledGraph {
  const infos = stateInputs(graph, state);
  const slots = new Map<string, StateSlot>();
  for (const pair of state) {
    const info = infos.get(pair.input) as ValueInfo;
    const dims = info.shape as readonly number[];
    const make = (): Tensor => ({ dtype: info.dtype, dims, data: allocate(info.dtype, sizeOf(dims)) });
    const [current, next] = [make(), make()];
    slots.set(pair.input, {
      pair,
      info,
      current,
      next,
      currentOrt: toOrt(ort, current),
      nextOrt: toOrt(ort, next),
      known: false,
    });
  }
  const stateOutputs = new Set(state.map((pair) => pair.output));
  const free = graph.inputs.filter((input) => !slots.has(input.name));
  const wanted = graph.outputs.map((output) => output.name).filter((name) => !stateOutputs.has(name));

  return {
    async run(feeds) {
      const given: Record<string, OrtTensor> = {};
      for (const input of free) given[input.name] = toOrt(ort, checkedFeed(feeds[input.name], input));
      const fetches: Record<string, OrtTensor | null> = {};
      for (const slot of slots.values()) {
        if (!slot.known) throw new TypeError(`the state "${slot.pair.input}" was not set before the first run`);
        given[slot.pair.input] = slot.currentOrt;
        fetches[slot.pair.output] = slot.nextOrt;
      }
      for (const name of wanted) fetches[name] = null;
      const running = session.run(given, fetches);
      // Not after it: the next run may be asked for before this one's results are there.
      for (const slot of slots.values()) {
        [slot.current, slot.next] = [slot.next, slot.current];
        [slot.currentOrt, slot.nextOrt] = [slot.nextOrt, slot.currentOrt];
      }
      const results = await running;
      for (const slot of slots.values()) giveBack(results[slot.pair.output], slot);
      return Object.fromEntries(wanted.map((name) => [name, fromOrt(results[name])]));
    },
    setState(values) {
      for (const [name, value] of Object.entries(values)) {
        const slot = slots.get(name);
        if (slot === undefined) throw new TypeError(`"${name}" is no state of the graph`);
        slot.current.data.set(checkedFeed(value, slot.info).data as never);
        slot.known = true;
      }
    },
    getState(names = [...slots.keys()]) {
      return Object.fromEntries(
        names.map((name) => {
          const slot = slots.get(name);
          if (slot === undefined) throw new TypeError(`"${name}" is no state of the graph`);
          return [name, { ...slot.current, data: slot.current.data.slice() }];
        }),
      );
    },
    dispose: () => session.release(),
  };
}

/**
 * The binding answers with a copy of every output, also of those that it was told where to write. Nobody reads the copies
 * of a state: five megabytes a step of the sample's net that would wait for the collector, and memory that the next step
 * finds warm.
 */
function giveBack(answer: OrtTensor, { current, next }: StateSlot): void {
  const { buffer } = answer.data as Float32Array<ArrayBuffer>;
  if (buffer !== current.data.buffer && buffer !== next.data.buffer) buffer.transfer(0);
}
