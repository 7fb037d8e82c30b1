/** The one door to ONNX Runtime: its native library starts silenced, or not at all. */
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

let loading: Promise<Ort> | null = null;

/**
 * The runtime, loaded at first use.
 * @throws provider-failed when its native library cannot be loaded on this machine
 */
export function loadOrt(): Promise<Ort> {
  // For whoever computes in a process of their own making. A thread's environment is a copy: the process has it already.
  Object.assign(process.env, silence);
  loading ??= import('onnxruntime-node').then(
    (module) => ('default' in module ? (module.default as Ort) : module),
    (cause: unknown) => {
      loading = null;
      throw providerFailed('ONNX Runtime could not be loaded', cause);
    },
  );
  return loading;
}

/** The library below the runtime's own classes. Only after `loadOrt`. */
export function nativeBinding(): unknown {
  const require = createRequire(import.meta.url);
  return (require('onnxruntime-node/dist/binding.js') as { readonly binding: unknown }).binding;
}
