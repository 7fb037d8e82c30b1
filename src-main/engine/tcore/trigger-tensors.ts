/** A trigger as tensors of a journalled step, and back. */
import type { Trigger } from '../evidence/trigger.ts';
import type { Tensor } from '../graph/ir.ts';
import { vector } from './steps.ts';

export function packTrigger(trigger: Trigger): Record<string, Tensor> {
  return trigger.form === 'patch'
    ? { mask: vector(trigger.mask), pattern: vector(trigger.pattern) }
    : { shift: vector(trigger.shift) };
}

/** @param prefix before the names of the tensors @returns null where the step has none */
export function unpackTrigger(tensors: Readonly<Record<string, Tensor>>, prefix = ''): Trigger | null {
  const has = (name: string): boolean => Object.hasOwn(tensors, prefix + name);
  const floats = (name: string): Float32Array => tensors[prefix + name].data as Float32Array;
  if (has('shift')) return { form: 'overlay', shift: floats('shift') };
  if (has('mask')) return { form: 'patch', mask: floats('mask'), pattern: floats('pattern') };
  return null;
}
