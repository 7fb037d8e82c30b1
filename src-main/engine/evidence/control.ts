/**
 * Random patterns as strong as a recovered trigger: what they flip, any change of that place or size flips, so a trigger
 * has to flip far more. They are cut from credible images. A scrambled trigger would be no control: a model that was
 * taught a noise picture takes other noise for it, too (docs/efficacy.md).
 */
import { randomStream } from '../math/random.ts';
import type { Trigger } from './trigger.ts';

/**
 * For a patch: the same pixels of a credible image. For an overlay: the difference of two credible images, scaled to the
 * same Euclidean norm.
 * @param pixels `[n, C, H, W]` of at least two credible images @param count how many patterns
 */
export function controlsFor(trigger: Trigger, pixels: Float32Array, seed: number, count: number): Trigger[] {
  const random = randomStream(seed, 'evidence/control');
  const size = trigger.form === 'patch' ? trigger.pattern.length : trigger.shift.length;
  const n = pixels.length / size;
  if (n < 2) throw new RangeError(`controls need at least 2 credible images, met ${n}`);
  const image = (at: number): Float32Array => pixels.slice(at * size, (at + 1) * size);
  return Array.from({ length: count }, () => {
    const [first, second] = random.permutation(n);
    switch (trigger.form) {
      case 'patch':
        return { form: 'patch', mask: trigger.mask, pattern: image(first) };
      case 'overlay': {
        const other = image(second);
        const difference = image(first).map((value, at) => value - other[at]);
        const length = norm(difference);
        const scale = length > 0 ? norm(trigger.shift) / length : 0;
        return { form: 'overlay', shift: difference.map((value) => value * scale) };
      }
    }
  });
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
