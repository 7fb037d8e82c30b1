/** Window geometry of convolutions and pools, with every default and `auto_pad` written out. */
import { intAttribute, intsAttribute, textAttribute } from '../../graph/attributes.ts';
import type { GraphNode } from '../../graph/ir.ts';

export interface WindowGeometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after, per spatial axis; `after` may be negative where the last columns are never read. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Spatial size of the result. */
  readonly out: readonly number[];
}

/** Geometry of a Conv or pool node over `size` (spatial dims of the input) with windows of `kernel`. */
export function windowGeometry(node: GraphNode, size: readonly number[], kernel: readonly number[]): WindowGeometry {
  const ones = size.map(() => 1);
  const strides = intsAttribute(node, 'strides') ?? ones;
  const dilations = intsAttribute(node, 'dilations') ?? ones;
  const span = kernel.map((length, axis) => (length - 1) * dilations[axis] + 1);
  const automatic = textAttribute(node, 'auto_pad', 'NOTSET');
  const pads = intsAttribute(node, 'pads') ?? size.flatMap(() => [0, 0]);
  let before = pads.slice(0, size.length);
  let after = pads.slice(size.length);
  if (automatic === 'VALID') {
    before = size.map(() => 0);
    after = before;
  } else if (automatic.startsWith('SAME')) {
    const total = size.map((length, axis) => {
      const windows = Math.ceil(length / strides[axis]);
      return Math.max(0, (windows - 1) * strides[axis] + span[axis] - length);
    });
    const less = total.map((pad) => Math.floor(pad / 2));
    const more = total.map((pad, axis) => pad - less[axis]);
    [before, after] = automatic === 'SAME_LOWER' ? [more, less] : [less, more];
  }
  const round = intAttribute(node, 'ceil_mode', 0) === 1 ? Math.ceil : Math.floor;
  const out = size.map((length, axis) => {
    const steps = round((length + before[axis] + after[axis] - span[axis]) / strides[axis]);
    // A window that would start in the padding after the image is left out.
    const outside = steps * strides[axis] >= length + before[axis] && round === Math.ceil;
    return steps + (outside ? 0 : 1);
  });
  return { kernel, strides, dilations, before, after, out };
}

/** Padding after that makes the windows end exactly at the last one used. */
export function tightAfter(geometry: WindowGeometry, size: readonly number[]): number[] {
  const { kernel, strides, dilations, before, out } = geometry;
  return size.map(
    (length, axis) =>
      (out[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - before[axis] - length,
  );
}
