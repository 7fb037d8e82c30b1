/** A trigger as the audit makes one: how it is put on images, and how often it flips a classifier. */
import type { Graph } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { evaluateClassifier } from '../tcore/evaluate.ts';

export type Trigger =
  /** x (1 - mask) + pattern x mask: `mask` `[H, W]` in 0..1, `pattern` `[C, H, W]` in 0..1. */
  | { readonly form: 'patch'; readonly mask: Float32Array; readonly pattern: Float32Array }
  /** x + shift, cut off at 0 and 1: `shift` `[C, H, W]` in -1..1. */
  | { readonly form: 'overlay'; readonly shift: Float32Array };

/** Puts the trigger on every image of `pixels` `[n, C, H, W]` in place. */
export function applyTrigger(pixels: Float32Array, trigger: Trigger): void {
  switch (trigger.form) {
    case 'patch': {
      const { mask, pattern } = trigger;
      for (let i = 0; i < pixels.length; i++) {
        const m = mask[i % mask.length];
        pixels[i] = pixels[i] * (1 - m) + pattern[i % pattern.length] * m;
      }
      return;
    }
    case 'overlay': {
      const { shift } = trigger;
      for (let i = 0; i < pixels.length; i++) {
        pixels[i] = Math.min(1, Math.max(0, pixels[i] + shift[i % shift.length]));
      }
    }
  }
}

/** The same samples with the trigger on each. */
export function triggeredSource(samples: SampleSource, trigger: Trigger): SampleSource {
  const size = samples.shape[0] * samples.shape[1] * samples.shape[2];
  return {
    ...samples,
    read(indices, out) {
      samples.read(indices, out);
      applyTrigger(out.subarray(0, indices.length * size), trigger);
    },
  };
}

export interface Flips {
  /** Class that most triggered images of other classes are called. */
  readonly target: number;
  /** Share (0..1) of images not called that without the trigger which are called that with it, and how many those are. */
  readonly share: number;
  readonly n: number;
}

/**
 * How many of the samples a trigger flips to one class under a classifier.
 * @param triggered the same samples with the trigger @param target class to count; null = the commonest
 */
export async function countFlips(
  provider: Provider,
  classifier: Graph,
  samples: SampleSource,
  triggered: SampleSource,
  indices: Int32Array,
  target: number | null,
  options: { batch: number; signal: AbortSignal },
): Promise<Flips> {
  const before = await evaluateClassifier(provider, classifier, samples, indices, options);
  const after = await evaluateClassifier(provider, classifier, triggered, indices, options);
  const counts = new Int32Array(samples.classes.length);
  after.predicted.forEach((called, i) => {
    if (before.predicted[i] !== called) counts[called]++;
  });
  const chosen = target ?? counts.indexOf(Math.max(...counts));
  const open = [...before.predicted.keys()].filter((i) => before.predicted[i] !== chosen);
  const flipped = open.filter((i) => after.predicted[i] === chosen).length;
  return { target: chosen, share: open.length > 0 ? flipped / open.length : 0, n: open.length };
}
