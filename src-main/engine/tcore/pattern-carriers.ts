/** Who of a class carries the patterns that groups of it share. No model is asked. */
import { leastPlainness, plainness } from '../evidence/carriers.ts';
import type { residuesAmong } from '../evidence/look-alikes.ts';
import type { Trigger } from '../evidence/trigger.ts';
import { distinctLabels, type PipelineContext } from './context.ts';

/** Samples that are looked at at once. */
const atOnce = 40;

/** A pattern that a model follows, and some of the group it was found in. */
export interface Candidate {
  readonly trigger: Trigger;
  readonly some: Int32Array;
}

/**
 * For each pattern all samples of the class that show it as plainly as the group it is of, ascending. A class is read
 * once for all of them: it may have any number of samples, and who looks like whom is the same for every pattern.
 */
export async function carriersOf(
  context: PipelineContext,
  patterns: readonly Candidate[],
  residuesOf: ReturnType<typeof residuesAmong>,
  without: Int32Array,
  classIndex: number,
): Promise<Int32Array[]> {
  if (patterns.length === 0) return [];
  // Copies speak for nobody; whoever lists carriers lists theirs (`withCopies`).
  const labels = distinctLabels(context);
  const plain = async (triggers: readonly Trigger[], indices: Int32Array): Promise<Float64Array[]> => {
    const all = triggers.map(() => new Float64Array(indices.length));
    // A patch is looked for in the image itself, without its look-alikes.
    const patches = triggers.every(({ form }) => form === 'patch');
    for (let at = 0; at < indices.length; at += atOnce) {
      // A class may have any number of samples: a turn for whoever cancels, or asks whether this still lives.
      await new Promise((next) => setImmediate(next));
      context.signal.throwIfAborted();
      const n = Math.min(atOnce, indices.length - at);
      const pixels = pixelsOf(context, indices.subarray(at, at + n));
      const residue = patches ? pixels : residuesOf(pixels, n).residue;
      for (const [which, trigger] of triggers.entries()) all[which].set(plainness(trigger, pixels, residue, n), at);
    }
    return all;
  };
  const bare = await plain(
    patterns.map(({ trigger }) => trigger),
    without,
  );
  const told: { readonly at: number; readonly trigger: Trigger; readonly least: number }[] = [];
  for (const [at, { trigger, some }] of patterns.entries()) {
    const [group] = await plain([trigger], some);
    const least = leastPlainness(group, bare[at]);
    if (least !== null) told.push({ at, trigger, least });
  }
  const found = patterns.map(() => new Int32Array(0));
  if (told.length === 0) return found;
  const own = Int32Array.from([...labels.keys()].filter((i) => labels[i] === classIndex));
  const how = await plain(
    told.map(({ trigger }) => trigger),
    own,
  );
  for (const [which, { at, least }] of told.entries()) found[at] = own.filter((_, one) => how[which][one] >= least);
  return found;
}

/** Pixels of samples, `[n, C, H, W]` in 0..1. */
export function pixelsOf({ samples }: PipelineContext, indices: Int32Array): Float32Array {
  const pixels = new Float32Array(indices.length * samples.shape[0] * samples.shape[1] * samples.shape[2]);
  samples.read(indices, pixels);
  return pixels;
}
