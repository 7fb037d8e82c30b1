/** The GPU providers over onnxruntime-node: WebGPU, DirectML, CoreML, and CUDA where its libraries are beside it. */
import { availableParallelism } from 'node:os';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { graphBuilder } from '../../graph/builder.ts';
import type { Graph, Tensor, ValueInfo } from '../../graph/ir.ts';
import { writeOnnx } from '../../graph/onnx/write.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import { bindSymbols, checkedFeed, stateInputs } from '../binding.ts';
import { messageOf, providerFailed } from '../failed.ts';
import { testLayouts, testNeighbours } from '../self-test.ts';
import type { CompiledGraph, CompileOptions, Provider } from '../provider.ts';
import { lowerForGpu } from './gpu-lowering.ts';
import { loadOrt, nativeBinding, type Ort } from './load.ts';
import { createSession, fromOrt, toOrt, type OrtTensor } from './session.ts';

export const gpuKinds = ['webgpu', 'dml', 'coreml', 'cuda'] as const;
export type GpuKind = (typeof gpuKinds)[number];

interface GpuBackend {
  readonly device: string;
  /** Whether tensors can be left on the device between runs through the JavaScript interface. */
  readonly keepsState: boolean;
  readonly options: Readonly<Record<string, string | number>>;
}

const backends: Readonly<Record<GpuKind, GpuBackend>> = {
  webgpu: { device: 'gpu (WebGPU)', keepsState: true, options: { preferredLayout: 'NCHW' } },
  dml: { device: 'gpu (DirectML)', keepsState: false, options: {} },
  // Programs instead of layers, on CPU and GPU: the neural engine computes in 16 bits.
  coreml: { device: 'gpu (CoreML)', keepsState: false, options: { coreMlFlags: 0x010 | 0x020 } },
  // Tensor cores that round float32 to 10 bits would make gradients differ from every other provider's.
  cuda: { device: 'gpu (CUDA)', keepsState: false, options: { use_tf32: '0' } },
};

/**
 * The provider "ort-webgpu", "ort-dml", "ort-coreml" or "ort-cuda".
 * @throws device-unavailable when this build of the runtime has no such part, or there is no such device here
 */
export async function createOrtGpuProvider(kind: GpuKind): Promise<Provider> {
  const ort = await loadOrt();
  const offered = ort.listSupportedBackends().map(({ name }) => name);
  if (!offered.includes(kind)) {
    throw new ExpectedError('device-unavailable', `ONNX Runtime has no "${kind}" here; it has ${offered.join(', ')}.`);
  }
  const backend = backends[kind];
  await requireDevice(kind, backend);
  const open = new Set<CompiledGraph>();
  const compileOne = async (graph: Graph, options: CompileOptions = {}): Promise<CompiledGraph> => {
    const compiled = await compile(ort, kind, backend, bindSymbols(graph, options.dims ?? {}), options.state ?? []);
    open.add(compiled);
    return {
      ...compiled,
      async dispose() {
        if (open.delete(compiled)) await compiled.dispose();
      },
    };
  };
  return {
    describe: () => ({
      id: `ort-${kind}`,
      device: backend.device,
      threads: availableParallelism(),
      details: {
        onnxruntime: ort.env.versions.node ?? ort.env.versions.common,
        'state on device': backend.keepsState,
        driver: process.env['VK_ICD_FILENAMES'] ?? process.env['VK_DRIVER_FILES'] ?? 'as the system chooses',
      },
    }),
    compile: compileOne,
    selfTest: async () => [
      ...(await testLayouts((graph) => compileOne(graph), [kind])),
      await testNeighbours((graph) => compileOne(graph)),
    ],
    async dispose() {
      for (const compiled of open) await compiled.dispose();
      open.clear();
    },
  };
}

const executionProvider = (kind: GpuKind, backend: GpuBackend) => ({ name: kind, ...backend.options });

/** A session of one operator: whether there is a device shows when it is made, not before. */
async function requireDevice(kind: GpuKind, backend: GpuBackend): Promise<void> {
  const b = graphBuilder();
  b.input('x', 'float32', [1]);
  b.output(b.node('Neg', ['x'], {}, 'y'), 'float32', [1]);
  try {
    const session = await createSession(writeOnnx(b.build()), {
      threads: 1,
      optimisation: 'all',
      executionProvider: executionProvider(kind, backend),
    });
    await session.release();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const reason = messageOf(cause)
      .replace(/^.*was false\. /, '')
      .split('\n')[0];
    throw new ExpectedError('device-unavailable', `No device for "${kind}": ${reason}`, { cause: error });
  }
}

async function compile(
  ort: Ort,
  kind: GpuKind,
  backend: GpuBackend,
  graph: Graph,
  state: NonNullable<CompileOptions['state']>,
): Promise<CompiledGraph> {
  const infos = stateInputs(graph, state);
  const lowered = needsLowering(graph) ? lowerForGpu(graph, shapesOf(graph)) : graph;
  const stateOutputs = state.map((pair) => pair.output);
  const threads = availableParallelism();
  const kept = backend.keepsState ? stateOutputs : [];
  const session = await createSession(writeOnnx(lowered), {
    threads,
    optimisation: 'all',
    executionProvider: executionProvider(kind, backend),
    ...(kept.length === 0 ? {} : { onDevice: kept }),
  });
  const wanted = graph.outputs.map((output) => output.name).filter((name) => !stateOutputs.includes(name));
  const free = graph.inputs.filter((input) => !infos.has(input.name));
  const slots = new Map<string, OrtTensor>();
  const slot = (name: string): OrtTensor => {
    const value = slots.get(name);
    if (value !== undefined) return value;
    if (infos.has(name)) throw new TypeError(`the state "${name}" was not set before the first run`);
    throw new TypeError(`"${name}" is no state of the graph`);
  };
  const replace = (name: string, next: OrtTensor): void => {
    const before = slots.get(name);
    slots.set(name, next);
    if (before?.location === 'gpu-buffer') before.dispose();
  };
  return {
    async run(feeds) {
      const given: Record<string, OrtTensor> = {};
      for (const input of free) given[input.name] = toOrt(ort, checkedFeed(feeds[input.name], input));
      for (const { input } of state) given[input] = slot(input);
      const fetches = Object.fromEntries([...wanted, ...stateOutputs].map((name) => [name, null]));
      const results = await session.run(given, fetches);
      for (const pair of state) replace(pair.input, results[pair.output]);
      return Object.fromEntries(wanted.map((name) => [name, fromOrt(results[name])]));
    },
    setState(values) {
      for (const [name, value] of Object.entries(values)) {
        const info = infos.get(name);
        if (info === undefined) throw new TypeError(`"${name}" is no state of the graph`);
        const { dtype, dims, data } = checkedFeed(value, info);
        replace(name, toOrt(ort, { dtype, dims, data: data.slice() }));
      }
    },
    getState(names = [...infos.keys()]) {
      const onHost = readBack(
        backend,
        kind,
        names.map((name) => [infos.get(name) as ValueInfo, slot(name)]),
      );
      return Object.fromEntries(names.map((name, index) => [name, onHost[index]]));
    },
    async dispose() {
      for (const value of slots.values()) if (value.location === 'gpu-buffer') value.dispose();
      slots.clear();
      await session.release();
    },
  };
}

/** Ranking has no shape rule in the graph; it needs no lowering either. */
function needsLowering(graph: Graph): boolean {
  return graph.nodes.some((node) => node.domain === INTERNAL_DOMAIN || node.op === 'Conv');
}

function shapesOf(graph: Graph): (value: string) => readonly number[] {
  const shapes = inferShapes(graph, {});
  return (value) => {
    const shaped = shapes.get(value);
    if (shaped === undefined) throw new Error(`the value "${value}" has no shape`);
    return shaped.dims;
  };
}

/** What of the package's native half is needed: a session that runs without waiting for the event loop. */
interface NativeSession {
  loadModel(buffer: ArrayBufferLike, offset: number, length: number, options: object): void;
  run(feeds: object, fetches: object, options: object): Record<string, OrtTensor>;
  dispose(): void;
}

/**
 * Copies of device tensors. The library's own `getData` ends the process, and its sessions answer only later; a session
 * of copies whose outputs are on the host answers at once.
 */
function readBack(backend: GpuBackend, kind: GpuKind, values: readonly (readonly [ValueInfo, OrtTensor])[]): Tensor[] {
  const far = values.filter(([, tensor]) => tensor.location === 'gpu-buffer');
  const near = new Map<OrtTensor, Tensor>();
  if (far.length > 0) {
    const b = graphBuilder();
    far.forEach(([{ dtype, shape }], index) => {
      b.input(`x${index}`, dtype, shape);
      b.output(b.node('Identity', [`x${index}`], {}, `y${index}`), dtype, shape);
    });
    const binding = nativeBinding() as { readonly InferenceSession: new () => NativeSession };
    const session = new binding.InferenceSession();
    try {
      const model = writeOnnx(b.build());
      const options = { executionProviders: [executionProvider(kind, backend)], logSeverityLevel: 4 };
      session.loadModel(model.buffer, model.byteOffset, model.byteLength, options);
      const results = session.run(
        Object.fromEntries(far.map(([, tensor], index) => [`x${index}`, tensor])),
        Object.fromEntries(far.map((_, index) => [`y${index}`, null])),
        {},
      );
      far.forEach(([, tensor], index) => near.set(tensor, fromOrt(results[`y${index}`])));
    } catch (cause) {
      throw providerFailed('ONNX Runtime could not read its state back', cause);
    } finally {
      session.dispose();
    }
  }
  return values.map(([, tensor]) => {
    const copy = near.get(tensor) ?? fromOrt(tensor);
    return { ...copy, data: copy.data.slice() };
  });
}
