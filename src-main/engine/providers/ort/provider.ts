/** The CPU provider over onnxruntime-node. */
import { availableParallelism } from 'node:os';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { Graph } from '../../graph/ir.ts';
import { foldNorms } from '../../encoder/normalisation.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import { writeOnnx } from '../../graph/onnx/write.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { bindSymbols } from '../binding.ts';
import type { CompiledGraph, CompileOptions, Provider, ProviderInfo } from '../provider.ts';
import { testLayouts, testNeighbours, type CompileIn } from '../self-test.ts';
import { startAside } from './aside.ts';
import type { Prepared } from './aside-protocol.ts';
import { theForms, type Forms } from './blocked.ts';
import { bindSession } from './bound.ts';
import { lowerToNchw } from './nchw.ts';
import { lowerToNchwc, gainsFromBlocks } from './nchwc.ts';
import { probeBlockSize } from './probe.ts';
import { loadOrt, type Ort } from './load.ts';
import { createSession } from './session.ts';
import { threadsFor } from './threads.ts';

export interface OrtProviderOptions {
  /** Threads inside one operator; default: as many as the machine runs at once. */
  readonly threads?: number;
  /** `nchwc` blocks channels in training graphs, `nchw` never; `auto` probes and decides. Default `auto`. */
  readonly layout?: 'auto' | 'nchwc' | 'nchw';
  /** Other forms of convolutions than the usual ones: for benches, as the choice changes how results are rounded. */
  readonly forms?: Partial<Forms>;
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
  const target: Target = {
    threads,
    block,
    always: layout === 'nchwc',
    detail,
    beside: false,
    forms: { ...theForms, ...options.forms },
  };
  const here = (prepared: Prepared): Promise<CompiledGraph> => openHere(ort, prepared);
  const info: ProviderInfo = {
    id: 'ort-cpu',
    device: 'cpu',
    threads,
    details: {
      onnxruntime: ort.env.versions.node ?? ort.env.versions.common,
      layout: block === null ? 'nchw' : 'nchwc',
      blockSize: block ?? 1,
    },
  };
  return {
    ...graphsOf(info, target, here, async () => {}),
    async aside() {
      if (threads === 1) return null;
      const thread = await startAside();
      return graphsOf(
        info,
        { ...target, beside: true },
        (prepared) => thread.open(prepared),
        () => thread.end(),
      );
    },
  };
}

/** A provider whose sessions `open` makes. */
function graphsOf(
  info: ProviderInfo,
  target: Target,
  open: (prepared: Prepared) => Promise<CompiledGraph>,
  end: () => Promise<void>,
): Provider {
  const all = new Set<CompiledGraph>();
  return {
    describe: () => info,
    async compile(graph, options = {}) {
      const compiled = await open(prepare(graph, options, target));
      all.add(compiled);
      return {
        ...compiled,
        async dispose() {
          if (all.delete(compiled)) await compiled.dispose();
        },
      };
    },
    async selfTest() {
      const { block } = target;
      const compileFor = compileIn(open, target.threads, block);
      const rows = await testLayouts(compileFor, block === null ? ['nchw'] : ['nchw', 'nchwc']);
      const neighbours = await testNeighbours((graph) => compileFor(graph, 'nchw'));
      return [{ name: 'blocked layout', passed: true, error: null, detail: target.detail }, ...rows, neighbours];
    },
    async dispose() {
      for (const compiled of all) await compiled.dispose();
      all.clear();
      await end();
    },
  };
}

function compileIn(
  open: (prepared: Prepared) => Promise<CompiledGraph>,
  threads: number,
  block: number | null,
): CompileIn<'nchw' | 'nchwc'> {
  return (graph, layout) =>
    open(
      prepare(
        graph,
        {},
        {
          threads,
          block: layout === 'nchw' ? null : block,
          always: layout === 'nchwc',
          detail: '',
          beside: false,
          forms: theForms,
        },
      ),
    );
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
    const rows = await testLayouts(
      compileIn((prepared) => openHere(ort, prepared), threads, block),
      ['nchwc'],
    );
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
  /** What was found of blocked channels here, for people. */
  readonly detail: string;
  /** Sessions run beside others and leave the other processors to them. */
  readonly beside: boolean;
  readonly forms: Forms;
}

/** The graph in operators that the runtime has. */
function lower(graph: Graph, target: Target): { graph: Graph; optimisation: 'extended' | 'all' } {
  if (target.block !== null && (target.always || gainsFromBlocks(graph, target.block, target.forms))) {
    return {
      graph: lowerToNchwc(foldNorms(graph), target.block, target.threads, target.forms),
      optimisation: 'extended',
    };
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

/**
 * The graph as a session takes it. How many threads a session has changes no result; for how many it is laid out does,
 * so that follows from what was asked for alone.
 */
function prepare(graph: Graph, options: CompileOptions, target: Target): Prepared {
  const state = options.state ?? [];
  const bound = bindSymbols(graph, options.dims ?? {});
  const { inputs, outputs } = bound;
  const lowered = lower(bound, target);
  const threads = target.beside ? 1 : state.length === 0 ? target.threads : threadsFor(bound, target.threads);
  return { model: writeOnnx(lowered.graph), threads, optimisation: lowered.optimisation, inputs, outputs, state };
}

async function openHere(ort: Ort, { model, threads, optimisation, state, ...graph }: Prepared): Promise<CompiledGraph> {
  return bindSession(ort, await createSession(model, { threads, optimisation }), graph, state);
}
