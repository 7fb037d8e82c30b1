/** The provider over TensorFlow.js: an interpreter of the graph, operator by operator. */
import { availableParallelism } from 'node:os';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { nodeLabel } from '../../graph/attributes.ts';
import { evaluateNode } from '../../graph/evaluate.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import type { Graph, GraphNode, Tensor } from '../../graph/ir.ts';
import { operatorOf } from '../../graph/ops/table.ts';
import { isFloat, type Shaped } from '../../graph/ops/operator.ts';
import { rounded } from '../../graph/shapes.ts';
import { sizeOf } from '../../graph/tensors.ts';
import { bindSymbols, checkedFeed, stateInputs } from '../binding.ts';
import { messageOf, providerFailed } from '../failed.ts';
import { testLayouts, testNeighbours } from '../self-test.ts';
import type { CompiledGraph, CompileOptions, Provider } from '../provider.ts';
import type { Kernel } from './kernel.ts';
import type { LoadedTf, Tf } from './load.ts';
import { kernelOf, topKShapes } from './table.ts';
import { createDevice, disposeValue, hostValue, tensorFrom, type Device, type Form, type Value } from './value.ts';

/** Integers up to this many that are known on the host are worked out there: they are shapes, axes, indices. */
const FEW = 1024;

/** A provider over a loaded TensorFlow.js. Many may share one; each frees only what it made. */
export function createTfjsProvider(loaded: LoadedTf): Provider {
  const open = new Set<CompiledGraph>();
  const compileOne = (graph: Graph, options: CompileOptions = {}): Promise<CompiledGraph> => {
    const compiled = compile(loaded.tf, bindSymbols(graph, options.dims ?? {}), options.state ?? []);
    open.add(compiled);
    return Promise.resolve({
      ...compiled,
      async dispose() {
        if (open.delete(compiled)) await compiled.dispose();
      },
    });
  };
  return {
    describe: () => ({
      id: loaded.id,
      device: loaded.device,
      threads: loaded.id === 'tfjs-cpu' ? 1 : availableParallelism(),
      details: loaded.details,
    }),
    // An operator it lacks rejects, as the other providers' compilers do.
    compile: async (graph, options) => await compileOne(graph, options),
    selfTest: async () => [
      ...(await testLayouts((graph) => compileOne(graph), ['nhwc'])),
      await testNeighbours((graph) => compileOne(graph)),
    ],
    async dispose() {
      for (const compiled of open) await compiled.dispose();
      open.clear();
    },
  };
}

interface Step {
  readonly node: GraphNode;
  readonly kernel: Kernel | null;
  /** Values that nobody reads after this step. */
  readonly spent: readonly string[];
}

function plan(graph: Graph): Step[] {
  const last = new Map<string, number>();
  graph.nodes.forEach((node, index) => {
    for (const name of [...node.inputs, ...node.outputs]) if (name !== '') last.set(name, index);
  });
  for (const output of graph.outputs) last.delete(output.name);
  for (const name of graph.initializers.keys()) last.delete(name);
  for (const input of graph.inputs) last.delete(input.name);
  const spent = graph.nodes.map((): string[] => []);
  for (const [name, index] of last) spent[index].push(name);
  return graph.nodes.map((node, index) => ({ node, kernel: kernelOf(node), spent: spent[index] }));
}

function compile(tf: Tf, graph: Graph, state: NonNullable<CompileOptions['state']>): CompiledGraph {
  const infos = stateInputs(graph, state);
  const steps = plan(graph);
  const device = createDevice(tf);
  const constants = new Map([...graph.initializers].map(([name, tensor]) => [name, hostValue(tensor)]));
  const kept = new Map<string, Value>();
  const stateOutputs = new Set(state.map((pair) => pair.output));
  const wanted = graph.outputs.map((output) => output.name).filter((name) => !stateOutputs.has(name));
  const slot = (name: string): Value => {
    const value = kept.get(name);
    if (value !== undefined) return value;
    if (infos.has(name)) throw new TypeError(`the state "${name}" was not set before the first run`);
    throw new TypeError(`"${name}" is no state of the graph`);
  };
  return {
    async run(feeds) {
      const values = new Map(constants);
      const made = new Set<Value>();
      for (const input of graph.inputs) {
        if (infos.has(input.name)) values.set(input.name, slot(input.name));
        else {
          const value = hostValue(checkedFeed(feeds[input.name], input));
          made.add(value);
          values.set(input.name, value);
        }
      }
      const free = (value: Value): void => {
        if (made.delete(value)) disposeValue(value);
      };
      try {
        for (const step of steps) {
          runStep(device, step, values, made);
          for (const name of step.spent) {
            const value = values.get(name);
            if (value !== undefined) free(value);
          }
        }
        const results: Record<string, Tensor> = {};
        for (const name of wanted) results[name] = await download(device, valueOf(values, name));
        const next = state.map((pair): [string, Value] => [pair.input, owned(tf, valueOf(values, pair.output))]);
        for (const [name, value] of next) {
          disposeValue(slot(name));
          kept.set(name, value);
        }
        return results;
      } catch (error) {
        throw named('TensorFlow.js failed in a run', error);
      } finally {
        for (const value of made) disposeValue(value);
      }
    },
    setState(values) {
      for (const [name, tensor] of Object.entries(values)) {
        const info = infos.get(name);
        if (info === undefined) throw new TypeError(`"${name}" is no state of the graph`);
        const { dtype, dims, data } = checkedFeed(tensor, info);
        const before = kept.get(name);
        if (before !== undefined) disposeValue(before);
        kept.set(name, hostValue({ dtype, dims, data: data.slice() }));
      }
    },
    getState(names = [...infos.keys()]) {
      return Object.fromEntries(
        names.map((name) => {
          const value = slot(name);
          const { dtype, dims, data } = device.host(value);
          return [name, { dtype, dims, data: data.slice() }];
        }),
      );
    },
    dispose() {
      for (const value of [...kept.values(), ...constants.values()]) disposeValue(value);
      kept.clear();
      return Promise.resolve();
    },
  };
}

function named(what: string, error: unknown): unknown {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ExpectedError
    ? error
    : providerFailed(what, error);
}

function valueOf(values: ReadonlyMap<string, Value>, name: string): Value {
  const value = values.get(name);
  if (value === undefined) throw new Error(`the value "${name}" was read before it was made`);
  return value;
}

/** A value of its own that outlives the run, whoever else holds the same memory. */
function owned(tf: Tf, value: Value): Value {
  const { dtype, dims, host, forms } = value;
  const plainOrLast = [...forms].filter(([form]) => form === 'plain' || form === 'last').slice(0, 1);
  const copied = plainOrLast.map(([form, tensor]): [Form, ReturnType<Tf['clone']>] => [
    form,
    tf.keep(tf.clone(tensor)),
  ]);
  return { dtype, dims, host: host === null ? null : { ...host, data: host.data.slice() }, forms: new Map(copied) };
}

async function download(device: Device, value: Value): Promise<Tensor> {
  const { dtype, dims, host } = value;
  if (host !== null) return { ...host, data: host.data.slice() };
  const tensor = device.tf.keep(device.tf.tidy(() => device.tf.clone(device.plain(value))));
  try {
    return tensorFrom(dtype, dims, await tensor.data());
  } finally {
    tensor.dispose();
  }
}

function outputTypes(node: GraphNode, inputs: readonly (Shaped | null)[]): Shaped[] {
  if (node.op === 'TopK' && node.domain === '') return topKShapes(node, inputs);
  return operatorOf(node).shapes(node, inputs);
}

function runStep(device: Device, step: Step, values: Map<string, Value>, made: Set<Value>): void {
  const { node, kernel } = step;
  const { tf } = device;
  const inputs = node.inputs.map((name) => (name === '' ? null : valueOf(values, name)));
  const put = (index: number, value: Value): void => {
    const name = node.outputs[index] ?? '';
    if (name === '') disposeValue(value);
    else {
      made.add(value);
      values.set(name, value);
    }
  };
  const shaped = inputs.map((input) => (input === null ? null : device.shaped(input)));
  const outputs = outputTypes(node, shaped);
  if (kernel === null || onHost(node, inputs, outputs)) {
    const tensors = evaluateNode(
      node,
      inputs.map((input) => (input === null ? null : device.host(input))),
    );
    tensors.forEach((tensor, index) => put(index, hostValue(rounded(tensor))));
    return;
  }
  const results: Value[] = [];
  try {
    tf.tidy(() => {
      kernel({ device, node, inputs, outputs }).forEach((result, index) => {
        if (result === null) return;
        const form = 'last' in result ? 'last' : 'plain';
        const tensor = 'last' in result ? result.last : result;
        // A kernel may hand an operand's own tensor on; it must then be held twice.
        const shared = inputs.some((input) => input !== null && [...input.forms.values()].includes(tensor));
        const { dtype, dims } = outputs[index];
        results[index] = {
          dtype,
          dims,
          host: null,
          forms: new Map([[form, tf.keep(shared ? tf.clone(tensor) : tensor)]]),
        };
      });
    });
  } catch (error) {
    if (error instanceof ExpectedError) throw error;
    throw new ExpectedError('provider-failed', `TensorFlow.js failed at ${nodeLabel(node)}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  results.forEach((value, index) => put(index, value));
}

/** Shape arithmetic and single numbers stay on the host; so does integer division, which the library rounds down. */
function onHost(node: GraphNode, inputs: readonly (Value | null)[], outputs: readonly Shaped[]): boolean {
  if (node.domain === INTERNAL_DOMAIN || node.op === 'TopK' || node.op === 'Conv') return false;
  if (outputs.every((output) => output.value !== undefined)) return true;
  if (HOST_FOR_INTEGERS.has(node.op) && outputs[0].dtype !== 'float32') return true;
  if (inputs.some((input) => input !== null && input.host === null)) return false;
  const most = outputs.some(({ dtype }) => isFloat(dtype)) ? 1 : FEW;
  return [...inputs, ...outputs].every((value) => value === null || sizeOf(value.dims) <= most);
}

const HOST_FOR_INTEGERS: ReadonlySet<string> = new Set(['Div', 'Pow', 'ReduceMean', 'Mean', 'Cast']);
