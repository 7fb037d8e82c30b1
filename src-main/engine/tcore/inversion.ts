/**
 * The alarm for an inverted run. Seeds come from the larger group of every class, so right after the warm-up the smaller
 * group must be the harder one. Where it is the easier one, something of it was among the seeds, or it is learnt without
 * being taught: poison whose trigger is simpler than the class. From there on every score that the model gives is
 * confident and upside down, and nothing later would notice.
 */
import type { Tensor } from '../graph/ir.ts';
import { median } from '../math/statistics.ts';

export interface Inverted {
  readonly classIndex: number;
  /** Samples in the smaller group outside pool and guard, and the median losses of both groups there. */
  readonly minority: number;
  readonly minorityLoss: number;
  readonly majorityLoss: number;
}

const tensorName = 'inverted';

/** For the journal; nothing when no class is inverted. */
export function invertedTensor(inverted: readonly Inverted[]): Record<string, Tensor> {
  if (inverted.length === 0) return {};
  const rows = inverted.flatMap((one) => [one.classIndex, one.minority, one.minorityLoss, one.majorityLoss]);
  return { [tensorName]: { dtype: 'float32', dims: [inverted.length, 4], data: Float32Array.from(rows) } };
}

export function readInverted(tensors: Readonly<Record<string, Tensor>>): Inverted[] {
  const data = (tensors[tensorName]?.data ?? new Float32Array(0)) as Float32Array;
  return Array.from({ length: data.length / 4 }, (_, row) => {
    const [classIndex, minority, minorityLoss, majorityLoss] = data.subarray(4 * row, 4 * row + 4);
    return { classIndex, minority, minorityLoss, majorityLoss };
  });
}

/** Fewest samples of a smaller group that are compared, as a number and as a share of the class. */
const fewest = 8;
const fewestShare = 0.02;
/** Median loss of the smaller group as a share of the larger one's below which the run counts as inverted. */
const limit = 0.8;

/**
 * @param loss cross entropy against the given label after the warm-up, `[samples]`
 * @param majority mean over deciding taps of the 2-means membership, 0..1 (1 = larger group), `[samples]`
 * @param taught samples that the model was or must never be trained on: pool and guard
 */
export function invertedClasses(
  loss: Float32Array,
  majority: Float32Array,
  labels: Int32Array,
  classes: number,
  taught: ReadonlySet<number>,
): Inverted[] {
  const groups = Array.from({ length: classes }, () => ({ minor: [] as number[], major: [] as number[], size: 0 }));
  labels.forEach((label, i) => {
    groups[label].size++;
    if (!taught.has(i)) (majority[i] < 0.5 ? groups[label].minor : groups[label].major).push(loss[i]);
  });
  return groups.flatMap(({ minor, major, size }, classIndex) => {
    if (minor.length < Math.max(fewest, fewestShare * size) || major.length < fewest) return [];
    const [minorityLoss, majorityLoss] = [median(minor), median(major)];
    return minorityLoss < limit * majorityLoss
      ? [{ classIndex, minority: minor.length, minorityLoss, majorityLoss }]
      : [];
  });
}
