/** The one door to ONNX Runtime, whose native library has to be silenced before it starts. */
import { createRequire } from 'node:module';
import type * as OrtModule from 'onnxruntime-node';
import { providerFailed } from '../failed.ts';

export type Ort = typeof OrtModule;

/**
 * Belongs into the environment of a process before the library starts in it. From 1.29 on the official builds for Linux
 * and macOS report to their maker by default: what machine it is, a lasting number for it, and of each model its producer, name and file.
 * With this they make no such number, keep no events and open no connection
 * (https://github.com/microsoft/onnxruntime/pull/27379). On Windows they hand events to the system's own tracing,
 * which nothing here can turn off.
 */
export const silence = { ORT_DISABLE_TELEMETRY: '1' } as const;

/**
 * For a process that was started without it. Only from the main thread: the environment of a thread is a copy that the
 * library does not read.
 */
export function silenceRuntime(): void {
  Object.assign(process.env, silence);
}

let loading: Promise<Ort> | null = null;

/**
 * The runtime, loaded at first use.
 * @throws provider-failed when its native library cannot be loaded on this machine
 */
export function loadOrt(): Promise<Ort> {
  silenceRuntime();
  loading ??= import('onnxruntime-node').then(
    (module) => ('default' in module ? (module.default as Ort) : module),
    (cause: unknown) => {
      loading = null;
      throw providerFailed('ONNX Runtime could not be loaded', cause);
    },
  );
  return loading;
}

/** The library below the runtime's own classes, once `loadOrt` was called. */
export function nativeBinding(): unknown {
  if (loading === null) throw new Error('ONNX Runtime was not loaded.');
  const require = createRequire(import.meta.url);
  return (require('onnxruntime-node/dist/binding.js') as { readonly binding: unknown }).binding;
}
