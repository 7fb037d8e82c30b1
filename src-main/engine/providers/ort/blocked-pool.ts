/** Pooling and its gradients on blocked values. */
import type { PoolGeometry } from '../../graph/ops/geometry.ts';
import {
  imageView,
  labelDims,
  nchwcOp,
  padded,
  reshape,
  standard,
  type Blocked,
  type BlockedContext,
} from './blocked.ts';
import { convGradInput, interleave, joinPhases, phasesOf, zeroPhase, type Filter } from './blocked-conv.ts';
import { tightAfter, windowShares } from './geometry.ts';

export function poolForward(
  context: BlockedContext,
  op: 'MaxPool' | 'AveragePool',
  x: Blocked,
  geometry: PoolGeometry,
  ceil: boolean,
): Blocked {
  const image = standard(context, x);
  const name = nchwcOp(context, op, [image.name], {
    kernel_shape: geometry.kernel,
    strides: geometry.strides,
    dilations: geometry.dilations,
    pads: geometry.pads,
    ceil_mode: ceil ? 1 : 0,
    ...(op === 'AveragePool' ? { count_include_pad: geometry.countPadding ? 1 : 0 } : {}),
  });
  return { ...image, name, height: geometry.out[0], width: geometry.out[1] };
}

/**
 * Each output gradient goes to the first position of its window that holds the maximum. Tap by tap: does this tap hold
 * it, and did no earlier one? Then every input position collects from the taps that can have met it.
 */
export function maxPoolGrad(
  context: BlockedContext,
  images: Blocked,
  maxima: Blocked,
  gradient: Blocked,
  geometry: PoolGeometry,
): Blocked {
  const { emitter, block } = context;
  const { kernel, strides, dilations, pads, out } = geometry;
  const x = standard(context, images);
  const outer = x.batch * (padded(context, x.channels) / block);
  const after = tightAfter(geometry, [x.height, x.width]);
  const view = (value: Blocked): string => {
    const image = standard(context, value);
    return reshape(context, image.name, [outer, image.height, image.width, block]);
  };
  const lowest = emitter.floats([], [-3.4028234663852886e38]);
  const amounts = [0, pads[0], pads[1], 0, 0, after[0], after[1], 0];
  const framed = amounts.every((pad) => pad === 0)
    ? view(x)
    : emitter.op('Pad', [view(x), emitter.ints(amounts), lowest], { mode: 'constant' });
  const best = view(maxima);
  const dy = view(gradient);

  const shares: string[] = [];
  let open: string | null = null;
  for (let row = 0; row < kernel[0]; row += 1) {
    for (let column = 0; column < kernel[1]; column += 1) {
      const start = [row * dilations[0], column * dilations[1]];
      const end = start.map((first, axis) => first + (out[axis] - 1) * strides[axis] + 1);
      const tap = emitter.op('Slice', [
        framed,
        emitter.ints(start),
        emitter.ints(end),
        emitter.ints([1, 2]),
        emitter.ints(strides),
      ]);
      const equal = emitter.op('Cast', [emitter.op('Equal', [tap, best])], { to: 1 });
      const taken: string = open === null ? equal : emitter.op('Mul', [equal, open]);
      shares.push(emitter.op('Mul', [taken, dy]));
      if (row * kernel[1] + column + 1 < kernel[0] * kernel[1]) {
        open = emitter.op('Sub', [open ?? emitter.floats([], [1]), taken]);
      }
    }
  }
  return collect(context, shares, x, geometry);
}

/** Sums what windows sent to each input position; `shares` has one [outer, oh, ow, b] value per tap. */
function collect(context: BlockedContext, shares: readonly string[], x: Blocked, geometry: PoolGeometry): Blocked {
  const { emitter, block } = context;
  const { kernel, strides, pads, out } = geometry;
  const size = [x.height, x.width];
  const axes = size.map((length, axis) => phasesOf(length, kernel[axis], strides[axis], pads[axis], out[axis]));
  const part = { ...x, height: Math.ceil(size[0] / strides[0]), width: Math.ceil(size[1] / strides[1]) };
  const outer = x.batch * (padded(context, x.channels) / block);
  const phases = axes[0].map((rows) =>
    axes[1].map((columns) => {
      const met = rows.taps.flatMap((row, down) =>
        columns.taps.map((column, across) => {
          // Tap number m of the reversed list meets window j - before + m.
          const top = rows.before - down;
          const left = columns.before - across;
          const bottom = part.height - out[0] - top;
          const right = part.width - out[1] - left;
          const name = shares[row * kernel[1] + column];
          const pads = [top, left, bottom, right];
          if (pads.every((pad) => pad === 0)) return name;
          const amounts = emitter.ints([0, top, left, 0, 0, bottom, right, 0]);
          return emitter.op('Pad', [name, amounts], { mode: 'constant' });
        }),
      );
      if (met.length === 0) return zeroPhase(context, part);
      const sum = met.length === 1 ? met[0] : emitter.op('Sum', met);
      return reshape(context, sum, [outer, part.height, part.width, block]);
    }),
  );
  return interleave(context, phases, x);
}

/** Every window spreads its gradient evenly over its positions. */
export function averagePoolGrad(
  context: BlockedContext,
  gradient: Blocked,
  geometry: PoolGeometry,
  dims: readonly number[],
): Blocked {
  const { emitter } = context;
  const dy = standard(context, gradient);
  const shares = windowShares(geometry);
  const view = imageView(context, dy);
  const spread = emitter.op('Mul', [reshape(context, dy.name, view), emitter.floats([1, 1, shares.length, 1], shares)]);
  const scaled = { ...dy, name: reshape(context, spread, labelDims(context, dy)) };
  const channels = padded(context, dy.channels);
  const taps = geometry.kernel[0] * geometry.kernel[1];
  const ones = emitter.floats([channels, 1, ...geometry.kernel], new Float32Array(channels * taps).fill(1));
  const filter: Filter = { name: ones, dims: [dy.channels, 1, ...geometry.kernel], depthwise: true };
  const made = convGradInput(context, scaled, filter, ones, geometry, dims.slice(2));
  return 'parts' in made ? joinPhases(context, made) : made;
}
