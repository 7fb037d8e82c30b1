/**
 * 2-means clustering (Lloyd) of one class's activations: the majority group and the rest.
 *
 * Starts come from the geometry (each of the first coordinates cut at 0, and the farthest row against the rest), so the
 * result does not depend on the order of the rows. Rows are expected centred, leading components first (`pca.ts`).
 */

export interface TwoMeans {
  /** 1 where the row belongs to the larger cluster; ties go to the cluster nearer to the overall mean. */
  readonly inMajority: Uint8Array;
  /** Share of rows in the larger cluster, 0.5..1. */
  readonly majorityShare: number;
  /** Distance of the two centroids over the mean within-cluster distance; 0 when the rows are all equal. */
  readonly separation: number;
  /** `[2, d]` and which of the two is the majority's. */
  readonly centres: Float64Array;
  readonly majority: 0 | 1;
}

/** Whether a row (`[d]`) lies nearer to the majority's centre. */
export function isNearerToMajority(clusters: TwoMeans, row: Float64Array): boolean {
  const d = row.length;
  const zero = squaredDistance(row, 0, clusters.centres, 0, d);
  const one = squaredDistance(row, 0, clusters.centres, d, d);
  return (one < zero ? 1 : 0) === clusters.majority;
}

const startCoordinates = 5;

/** @param rows `[n, d]` row-major, n >= 1 */
export function twoMeans(rows: ArrayLike<number>, n: number, d: number): TwoMeans {
  if (n < 2) {
    const centres = new Float64Array(2 * d);
    for (let j = 0; j < d * n; j++) centres[j] = centres[d + j] = rows[j];
    return { inMajority: new Uint8Array(n).fill(1), majorityShare: 1, separation: 0, centres, majority: 0 };
  }
  let best: { inertia: number; assignment: Uint8Array; centres: Float64Array } | null = null;
  for (const centres of startCentres(rows, n, d)) {
    const run = lloyd(rows, n, d, centres);
    if (best === null || run.inertia < best.inertia * (1 - 1e-9)) best = { ...run, centres };
  }
  const { assignment, centres } = best as NonNullable<typeof best>;
  let ones = 0;
  for (let i = 0; i < n; i++) ones += assignment[i];
  const majority: 0 | 1 = ones * 2 > n ? 1 : ones * 2 < n ? 0 : nearerToMean(rows, n, d, centres);
  const inMajority = Uint8Array.from(assignment, (cluster) => (cluster === majority ? 1 : 0));
  const size = majority === 1 ? ones : n - ones;
  let within = 0;
  for (let i = 0; i < n; i++) within += Math.sqrt(squaredDistance(rows, i * d, centres, assignment[i] * d, d)) / n;
  const between = Math.sqrt(squaredDistance(centres, 0, centres, d, d));
  return { inMajority, majorityShare: size / n, separation: within > 0 ? between / within : 0, centres, majority };
}

function startCentres(rows: ArrayLike<number>, n: number, d: number): Float64Array[] {
  const starts: Float64Array[] = [];
  for (let axis = 0; axis < Math.min(d, startCoordinates); axis++) {
    starts.push(meansOfParts(rows, n, d, (i) => (rows[i * d + axis] > 0 ? 1 : 0)));
  }
  const origin = new Float64Array(d);
  let farthest = 0;
  let distance = -1;
  for (let i = 0; i < n; i++) {
    const own = squaredDistance(rows, i * d, origin, 0, d);
    if (own > distance) {
      distance = own;
      farthest = i;
    }
  }
  const extreme = new Float64Array(2 * d);
  for (let j = 0; j < d; j++) extreme[d + j] = rows[farthest * d + j];
  starts.push(extreme);
  return starts;
}

/** Mean of the rows of part 0 and of part 1, `[2, d]`; an empty part keeps the origin. */
function meansOfParts(rows: ArrayLike<number>, n: number, d: number, part: (i: number) => number): Float64Array {
  const centres = new Float64Array(2 * d);
  const counts = [0, 0];
  for (let i = 0; i < n; i++) counts[part(i)]++;
  for (let i = 0; i < n; i++) {
    const own = part(i);
    for (let j = 0; j < d; j++) centres[own * d + j] += rows[i * d + j] / counts[own];
  }
  return centres;
}

/** Moves `centres` in place. */
function lloyd(
  rows: ArrayLike<number>,
  n: number,
  d: number,
  centres: Float64Array,
): { inertia: number; assignment: Uint8Array } {
  const assignment = new Uint8Array(n);
  let inertia = Infinity;
  for (let iteration = 0; iteration < 100; iteration++) {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const zero = squaredDistance(rows, i * d, centres, 0, d);
      const one = squaredDistance(rows, i * d, centres, d, d);
      assignment[i] = one < zero ? 1 : 0;
      sum += Math.min(zero, one);
    }
    if (sum >= inertia) break;
    inertia = sum;
    const occupied = assignment.some((own) => own !== assignment[0]);
    if (!occupied) break;
    centres.set(meansOfParts(rows, n, d, (i) => assignment[i]));
  }
  return { inertia, assignment };
}

function nearerToMean(rows: ArrayLike<number>, n: number, d: number, centres: Float64Array): 0 | 1 {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j] += rows[i * d + j] / n;
  return squaredDistance(mean, 0, centres, d, d) < squaredDistance(mean, 0, centres, 0, d) ? 1 : 0;
}

function squaredDistance(a: ArrayLike<number>, aAt: number, b: ArrayLike<number>, bAt: number, d: number): number {
  let sum = 0;
  for (let j = 0; j < d; j++) {
    const difference = a[aAt + j] - b[bAt + j];
    sum += difference * difference;
  }
  return sum;
}
