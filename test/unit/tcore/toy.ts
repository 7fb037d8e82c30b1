/** Toy activations with a known truth: Gaussian classes, and a clump of poison inside one of them. */
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { fitMajority, ownClassShare, type RuleScores } from '../../../src-main/engine/tcore/sift.ts';

export interface ToyTap {
  readonly rows: Float32Array;
  readonly d: number;
}

/** Rows drawn around one centre per sample. */
export function gaussianTap(
  centres: readonly (readonly number[])[],
  spread: number,
  seed: number,
  name: string,
): ToyTap {
  const random = randomStream(seed, name);
  const d = centres[0].length;
  const rows = new Float32Array(centres.length * d);
  centres.forEach((centre, i) => centre.forEach((value, j) => (rows[i * d + j] = value + spread * random.normal())));
  return { rows, d };
}

/** Exact neighbours by brute force, ties by index, self excluded. */
export function bruteForceNeighbours(tap: ToyTap, n: number, k: number): Int32Array {
  const result = new Int32Array(n * k);
  for (let i = 0; i < n; i++) {
    const distances: [number, number][] = [];
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      let sum = 0;
      for (let c = 0; c < tap.d; c++) sum += (tap.rows[i * tap.d + c] - tap.rows[j * tap.d + c]) ** 2;
      distances.push([sum, j]);
    }
    distances.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (let j = 0; j < k; j++) result[i * k + j] = distances[j][1];
  }
  return result;
}

/** Both rules for all taps, with their 2-means splits. */
export function scoreToy(
  taps: readonly ToyTap[],
  labels: Int32Array,
  classes: number,
  k: number,
): { scores: RuleScores; splits: { share: number; separation: number }[][] } {
  const n = labels.length;
  const sizes = new Float64Array(classes);
  for (const label of labels) sizes[label]++;
  const consistency: Float32Array[] = [];
  const majority: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  const splits: { share: number; separation: number }[][] = [];
  for (const tap of taps) {
    const neighbours = bruteForceNeighbours(tap, n, k);
    consistency.push(
      Float32Array.from(labels, (label, i) =>
        ownClassShare(
          Array.from(neighbours.subarray(i * k, (i + 1) * k), (j) => labels[j]),
          label,
          sizes,
        ),
      ),
    );
    const groups = Array.from({ length: classes }, (_, c) => {
      const members = [...labels.keys()].filter((i) => labels[i] === c);
      const rows = new Float32Array(members.length * tap.d);
      members.forEach((i, at) => rows.set(tap.rows.subarray(i * tap.d, (i + 1) * tap.d), at * tap.d));
      return fitMajority(rows, members.length, tap.d);
    });
    majority.push(Uint8Array.from(labels, (label, i) => (groups[label].inLarger(tap.rows, i * tap.d) ? 1 : 0)));
    central.push(Uint8Array.from(labels, (label, i) => (groups[label].isCentral(tap.rows, i * tap.d) ? 1 : 0)));
    splits.push(groups.map(({ share, separation }) => ({ share, separation })));
  }
  return { scores: { consistency, majority, central, late: taps.map(() => true) }, splits };
}
