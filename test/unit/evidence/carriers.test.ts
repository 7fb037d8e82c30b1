/** Who carries a pattern: told from the images alone. */
import { describe, expect, it } from 'vitest';
import { leastPlainness, plainness } from '../../../src-main/engine/evidence/carriers.ts';
import { residuesAmong } from '../../../src-main/engine/evidence/look-alikes.ts';
import { applyTrigger, type Trigger } from '../../../src-main/engine/evidence/trigger.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';

const shape = [2, 8, 8] as const;
const size = 2 * 8 * 8;

/** Images of two kinds, dark on the left or on the right, with noise. */
function images(n: number, name: string): Float32Array {
  const random = randomStream(3, name);
  return Float32Array.from({ length: n * size }, (_, at) => {
    const left = at % 8 < 4 === (Math.floor(at / size) % 2 === 0);
    return (left ? 0.2 : 0.6) + 0.1 * random.uniform();
  });
}

const random = randomStream(3, 'shift');
const triggers: readonly Trigger[] = [
  {
    form: 'patch',
    mask: Float32Array.from({ length: 64 }, (_, at) => (at % 8 < 2 && at < 16 ? 1 : 0)),
    pattern: new Float32Array(size).fill(1),
  },
  { form: 'overlay', shift: Float32Array.from({ length: size }, () => 0.3 * (random.uniform() - 0.5)) },
];

describe.each(triggers)('carriers of the $form', (trigger) => {
  const [n, m] = [12, 30];
  const bare = images(n, 'bare');
  const carrying = images(n, 'carrying');
  applyTrigger(carrying, trigger);
  const others = images(m, 'others');
  const residuesOf = residuesAmong(others, m, shape);
  const plain = (pixels: Float32Array): Float64Array => plainness(trigger, pixels, residuesOf(pixels, n).residue, n);

  it('are all told, and none of those that have it not', () => {
    const least = leastPlainness(plain(carrying), plain(images(n, 'without')));
    expect(least).not.toBeNull();
    const found = (values: Float64Array): number => values.filter((value) => value >= (least ?? NaN)).length;
    expect(found(plain(carrying))).toBeGreaterThanOrEqual(n - 2);
    expect(found(plain(bare))).toBe(0);
  });

  it('are not told where the group shows it no more plainly than others', () => {
    expect(leastPlainness(plain(bare), plain(images(n, 'without')))).toBeNull();
  });
});

it('an image of one colour, and a pattern of nothing, have no plainness of an overlay', () => {
  const flat = new Float32Array(2 * size).fill(0.5);
  const zero: Trigger = { form: 'overlay', shift: new Float32Array(size) };
  const { residue } = residuesAmong(images(3, 'others'), 3, shape)(flat, 2);
  expect([...plainness(zero, flat, residue, 2)]).toEqual([0, 0]);
});
