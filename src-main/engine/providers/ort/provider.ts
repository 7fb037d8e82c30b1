/** The CPU provider over onnxruntime-node. */
import { availableParallelism } from 'node:os';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { Graph, Tensor, ValueInfo } from '../../graph/ir.ts';
import { foldNorms } from '../../encoder/normalisation.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import { writeOnnx } from '../../graph/onnx/write.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { allocate, sizeOf } from '../../graph/tensors.ts';
import { bindSymbols, checkedFeed, stateInputs } from '../binding.ts';
import type { CompiledGraph, CompileOptions, Provider, StatePair } from '../provider.ts';
import { testLayouts, testNeighbours, type CompileIn } from '../self-test.ts';
import { lowerToNchw } from './nchw.ts';
import { lowerToNchwc, gainsFromBlocks } from './nchwc.ts';
import { probeBlockSize } from './probe.ts';
import { createSession, fromOrt, loadOrt, toOrt, type Ort, type OrtTensor, type Session } from './session.ts';

export interface OrtProviderOptions {
  /** Threads inside one operator; default: as many as the machine runs at once. */
  readonly threads?: number;
  /** `nchwc` blocks channels in training graphs, `nchw` never; `auto` probes and decides. Default `auto`. */
  readonly layout?: 'auto' | 'nchwc' | 'nchw';
}

/**
 * The provider "ort-cpu".
 * @throws provider-failed when ONNX Runtime cannot be loaded, or has no blocked layout and `nchwc` was asked for
 */
export async function createOrtProvider(options: OrtProviderOptions = {}): Promise<Provider> {
  const ort = await loadOrt();
  const threads = options.threads ?? availableParallelism();
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`threads must be 1 or more, met ${threads}`);
  const layout = options.layout ?? 'auto';
  const { block, detail } =
    layout === 'nchw' ? { block: null, detail: 'not asked for' } : await blockedLayout(ort, threads);
  if (layout === 'nchwc' && block === null) {
    throw new ExpectedError('provider-failed', `Blocked channels of ONNX Runtime on this machine: ${detail}.`);
  }
  const target: Target = { threads, block, always: layout === 'nchwc' };
  const open = new Set<CompiledGraph>();
  return {
    describe: () => ({
      id: 'ort-cpu',
      device: 'cpu',
      threads,
      details: {
        onnxruntime: ort.env.versions.node ?? ort.env.versions.common,
        layout: block === null ? 'nchw' : 'nchwc',
        blockSize: block ?? 1,
      },
    }),
    async compile(graph, compileOptions = {}) {
      const compiled = await compile(ort, graph, compileOptions, target);
      open.add(compiled);
      return {
        ...compiled,
        async dispose() {
          if (open.delete(compiled)) await compiled.dispose();
        },
      };
    },
    async selfTest() {
      const compileFor = compileIn(ort, threads, block);
      const rows = await testLayouts(compileFor, block === null ? ['nchw'] : ['nchw', 'nchwc']);
      const neighbours = await testNeighbours((graph) => compileFor(graph, 'nchw'));
      return [{ name: 'blocked layout', passed: true, error: null, detail }, ...rows, neighbours];
    },
    async dispose() {
      for (const compiled of open) await compiled.dispose();
      open.clear();
    },
  };
}

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

function compileIn(ort: Ort, threads: number, block: number | null): CompileIn<'nchw' | 'nchwc'> {
  return (graph, layout) =>
    compile(ort, graph, {}, { threads, block: layout === 'nchw' ? null : block, always: layout === 'nchwc' });
}

interface BlockedLayout {
  /** Channels per block; null when plain NCHW is to be used. */
  readonly block: number | null;
  readonly detail: string;
}

/** A process runs on one machine: what was found there is asked for once per number of threads. */
const found = new Map<number, Promise<BlockedLayout>>();

/** The probed block size if the blocked layout also gives the known answers with it. */
function blockedLayout(ort: Ort, threads: number): Promise<BlockedLayout> {
  const known = found.get(threads);
  if (known !== undefined) return known;
  const probing = probeBlockSize().then(async (block) => {
    if (block === null) return { block, detail: 'none here; plain NCHW is used' };
    const rows = await testLayouts(compileIn(ort, threads, block), ['nchwc']);
    const wrong = rows.filter((row) => !row.passed).map((row) => row.name);
    if (wrong.length === 0) return { block, detail: `${block} channels per block` };
    return { block: null, detail: `wrong answers (${wrong.join(', ')}); plain NCHW is used` };
  });
  found.set(threads, probing);
  return probing;
}

interface Target {
  readonly threads: number;
  /** Channels per block, null for plain NCHW. */
  readonly block: number | null;
  /** Blocked channels also where all weights are constant and the runtime blocks them itself. */
  readonly always: boolean;
}

/** The graph in operators that the runtime has. */
function lower(graph: Graph, target: Target): { graph: Graph; optimisation: 'extended' | 'all' } {
  if (target.block !== null && (target.always || gainsFromBlocks(graph, target.block))) {
    return { graph: lowerToNchwc(foldNorms(graph), target.block, target.threads), optimisation: 'extended' };
  }
  if (graph.nodes.every((node) => node.domain !== INTERNAL_DOMAIN)) return { graph, optimisation: 'all' };
  const shapes = inferShapes(graph, {});
  const lowered = lowerToNchw(graph, (value) => {
    const shaped = shapes.get(value);
    if (shaped === undefined) throw new Error(`the value "${value}" has no shape`);
    return shaped.dims;
  });
  return { graph: lowered, optimisation: 'all' };
}

async function compile(ort: Ort, graph: Graph, options: CompileOptions, target: Target): Promise<CompiledGraph> {
  const bound = bindSymbols(graph, options.dims ?? {});
  const lowered = lower(bound, target);
  const { threads } = target;
  const session = await createSession(writeOnnx(lowered.graph), { threads, optimisation: lowered.optimisation });
  return bindSession(ort, session, bound, options.state ?? []);
}

function bindSession(ort: Ort, session: Session, graph: Graph, state: readonly StatePair[]): CompiledGraph {
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
      const results = await session.run(given, fetches);
      for (const slot of slots.values()) {
        [slot.current, slot.next] = [slot.next, slot.current];
        [slot.currentOrt, slot.nextOrt] = [slot.nextOrt, slot.currentOrt];
      }
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
