/** A thin wrapper over onnxruntime-node: sessions, tensors, and its errors by name. */
import type * as OrtModule from 'onnxruntime-node';
import type { Tensor, TensorData } from '../../graph/ir.ts';
import { providerFailed } from '../failed.ts';
import { loadOrt, type Ort } from './load.ts';

export type OrtTensor = OrtModule.Tensor;

export interface SessionOptions {
  /** Threads inside one operator; operators run one after the other. */
  readonly threads: number;
  /** How far the runtime may rewrite the graph; `all` lets it choose a blocked layout for constant weights. */
  readonly optimisation: 'disabled' | 'basic' | 'extended' | 'all';
  /** Keep freed memory for the next run: about a tenth faster, up to three times the memory. Default true. */
  readonly arena?: boolean;
  /** Where operators run; what a GPU's provider lacks runs on the CPU. Default the CPU. */
  readonly executionProvider?: OrtModule.InferenceSession.ExecutionProviderConfig;
  /** Outputs that stay on the device. */
  readonly onDevice?: readonly string[];
  /** Writes a Chrome trace named with this prefix when the session is released. For measurements only. */
  readonly profilePrefix?: string;
}

export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** `fetches`: tensors to write into by output name, null where the runtime is to allocate. */
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
  ): Promise<Record<string, OrtTensor>>;
  release(): Promise<void>;
}

/** @throws provider-failed with the runtime's own words when it refuses the model */
export async function createSession(model: Uint8Array, options: SessionOptions): Promise<Session> {
  const ort = await loadOrt();
  let session: OrtModule.InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, {
      executionProviders: [options.executionProvider ?? 'cpu'],
      ...(options.onDevice === undefined
        ? {}
        : {
            preferredOutputLocation: Object.fromEntries(options.onDevice.map((name) => [name, 'gpu-buffer' as const])),
          }),
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: options.optimisation,
      enableCpuMemArena: options.arena ?? true,
      // A memory plan is laid out beside the arena of the first run: half as much memory again for no time.
      enableMemPattern: false,
      // Its messages travel in the exceptions; on stderr they would only break progress displays.
      logSeverityLevel: 4,
      enableProfiling: options.profilePrefix !== undefined,
      ...(options.profilePrefix === undefined ? {} : { profileFilePrefix: options.profilePrefix }),
      extra: {
        session: {
          use_deterministic_compute: '1',
          set_denormal_as_zero: '1',
          // Threads that wait a millisecond for work, as is the default, take it from every other process.
          intra_op: { spin_duration_us: '20' },
        },
      },
    });
  } catch (cause) {
    throw providerFailed('ONNX Runtime refused the graph', cause);
  }
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, fetches) {
      try {
        return (await session.run(feeds, fetches)) as Record<string, OrtTensor>;
      } catch (cause) {
        throw providerFailed('ONNX Runtime failed in a run', cause);
      }
    },
    async release() {
      if (options.profilePrefix !== undefined) session.endProfiling();
      await session.release();
    },
  };
}

/** The runtime's view of a tensor; memory is shared, not copied. */
export function toOrt(ort: Ort, tensor: Tensor): OrtTensor {
  const { dtype, dims, data } = tensor;
  if (dtype === 'float16') {
    const tensor = new ort.Tensor('float16', data as Uint16Array, dims);
    // Where Float16Array exists the class turns the bits into one, which its own native part then refuses.
    return Object.defineProperty(tensor, 'data', { value: data });
  }
  return new ort.Tensor(dtype, data as Float32Array, dims);
}

/** The IR's view of the runtime's tensor; memory is shared, not copied. */
export function fromOrt(tensor: OrtTensor): Tensor {
  const data = tensor.data as Exclude<TensorData, Uint16Array> | Float16Array | Uint16Array;
  const { dims } = tensor;
  switch (tensor.type) {
    case 'float16':
      return { dtype: 'float16', dims, data: new Uint16Array(data.buffer, data.byteOffset, data.length) };
    case 'float32':
    case 'float64':
    case 'int64':
    case 'int32':
    case 'uint8':
    case 'int8':
    case 'bool':
      return { dtype: tensor.type, dims, data: data as TensorData };
    default:
      throw providerFailed('ONNX Runtime returned a tensor', new Error(`of type ${tensor.type}`));
  }
}
