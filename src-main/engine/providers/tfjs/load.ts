/** Where TensorFlow.js comes from: the CUDA build where it loads, and a reason in words where it does not. */
import type * as TfModule from '@tensorflow/tfjs-core';
import { createRequire } from 'node:module';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { messageOf } from '../failed.ts';

export type Tf = typeof TfModule;
export type TfTensor = TfModule.Tensor;

export interface LoadedTf {
  readonly tf: Tf;
  readonly id: 'tfjs-gpu' | 'tfjs-cpu';
  /** e.g. "gpu (CUDA)"; what the library itself says it runs on. */
  readonly device: string;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

const PACKAGE = '@tensorflow/tfjs-node-gpu';

/** What of the package is used beyond TensorFlow.js itself. */
interface NodeBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

let loading: Promise<LoadedTf> | null = null;

/**
 * TensorFlow.js on libtensorflow with CUDA.
 * @throws device-unavailable saying what is missing: the package, its native library, or a GPU it can use
 */
export function loadTfjsGpu(): Promise<LoadedTf> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

function unavailable(what: string, cause?: unknown): ExpectedError {
  return new ExpectedError('device-unavailable', what, { cause });
}

// Electron's file dialogs and Node's loader both keep working with a name that is not a literal, and a bundler does not
// follow it: the package is optional and its native half is there only after `npm run gpu:install`.
async function load(): Promise<LoadedTf> {
  const require = createRequire(import.meta.url);
  // Called by the package and gone since Node 23.
  const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  // Tensor cores that round float32 to 10 bits would make gradients differ from every other provider's.
  process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  let resolved: string;
  try {
    resolved = require.resolve(PACKAGE);
  } catch (cause) {
    throw unavailable(`${PACKAGE} is not installed (it is optional).`, cause);
  }
  let tf: Tf;
  try {
    const module = (await import(resolved)) as { readonly default?: Tf } & Tf;
    tf = module.default ?? module;
    await tf.ready();
  } catch (cause) {
    const [reason] = messageOf(cause).split('\n');
    throw unavailable(`${PACKAGE} is there, its native library is not (npm run gpu:install): ${reason}`, cause);
  }
  const backend = tf.backend() as unknown as NodeBackend;
  if (backend.isUsingGpuDevice !== true) {
    throw unavailable(
      `${PACKAGE} loaded, but TensorFlow found no CUDA device it can use; it would compute on the CPU.`,
    );
  }
  const version = (require(`${PACKAGE}/package.json`) as { readonly version: string }).version;
  return {
    tf,
    id: 'tfjs-gpu',
    device: 'gpu (CUDA through TensorFlow)',
    details: { 'tfjs-node-gpu': version, 'tfjs-core': tf.version_core, tensorflow: backend.binding?.TF_Version ?? '?' },
  };
}
