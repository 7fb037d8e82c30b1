/** Small values end to end as one vector, so that what is done to all of them alike is done once. */
import type { GraphBuilder } from './builder.ts';
import { sizeOf } from './tensors.ts';

/** Values of the shapes `dims` as one vector; a single one as it is. */
export function joined(b: GraphBuilder, values: readonly string[], dims: readonly (readonly number[])[]): string {
  if (values.length === 1) return values[0];
  const flat = values.map((value, at) => (dims[at].length === 1 ? value : b.reshape(value, [sizeOf(dims[at])])));
  return b.concat(flat, 0);
}

/** `joined` undone. */
export function apart(b: GraphBuilder, value: string, dims: readonly (readonly number[])[]): string[] {
  if (dims.length === 1) return [value];
  const parts = b.multi('Split', [value, b.ints(dims.map(sizeOf))], { axis: { type: 'int', value: 0 } }, dims.length);
  return parts.map((part, at) => (dims[at].length === 1 ? part : b.reshape(part, dims[at])));
}
