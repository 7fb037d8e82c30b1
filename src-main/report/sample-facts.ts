/** What the record says of the samples: counts, suspects, the scatter, the spread of losses, and thinned curves. */
import { histogram, type Bin } from '../../src-shared/charts/histogram.ts';
import type { SampleColumns } from '../../src-shared/domain/result.ts';
import { lossReduction, sampleVerdict } from '../../src-shared/domain/sample.ts';
import type { Verdict } from '../../src-shared/domain/verdict.ts';
import type { CurvePoint, LossHistogram, ReportInput, ReportRecord, Scatter } from './record.ts';

export function countVerdicts(columns: SampleColumns, classVerdicts: readonly Verdict[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { trusted: 0, suspicious: 0, inconclusive: 0, 'not-examined': 0 };
  for (let i = 0; i < columns.label.length; i += 1) counts[sampleVerdict(columns, i, classVerdicts).verdict] += 1;
  return counts;
}

export function suspects(input: ReportInput, limit: number): ReportRecord['samples']['suspects'] {
  const { columns, result, names } = input;
  const classes = result.dataset.classes.map((one) => one.name);
  const className = (i: number): string => classes[i] ?? `class ${i}`;
  const ranked: number[] = [];
  const byClass = classes.map(() => 0);
  columns.suspectRank.forEach((rank, i) => {
    if (rank < 0) return;
    ranked.push(i);
    byClass[columns.label[i]] = (byClass[columns.label[i]] ?? 0) + 1;
  });
  ranked.sort((a, b) => columns.suspectRank[a] - columns.suspectRank[b]);
  const listed = ranked.slice(0, limit).map((i) => ({
    rank: columns.suspectRank[i] + 1,
    index: columns.index[i],
    name: names[i],
    className: className(columns.label[i]),
    predictedClass: className(columns.predicted[i]),
    majority: rounded(columns.majority[i]),
    consistency: rounded(columns.consistency[i]),
    probeLoss: rounded(columns.probeLoss[i]),
    finalLoss: rounded(columns.finalLoss[i]),
    lossReduction: rounded(lossReduction(columns, i)),
    discrepancy: rounded(columns.discrepancy[i]),
    admittedRound: columns.admittedRound[i] < 0 ? null : columns.admittedRound[i],
    reason: sampleVerdict(columns, i, []).reason,
  }));
  return { total: ranked.length, listed, byClass };
}

export function scatter(columns: SampleColumns, classVerdicts: readonly Verdict[], limit: number): Scatter {
  const total = columns.label.length;
  const marked: number[] = [];
  for (let i = 0; i < total; i += 1) if (columns.seed[i] === 1 || columns.suspectRank[i] >= 0) marked.push(i);
  const chosen = new Set(evenly(marked, Math.floor(limit / 2)));
  const rest = Array.from({ length: total }, (_, i) => i).filter((i) => !chosen.has(i));
  for (const i of evenly(rest, limit - chosen.size)) chosen.add(i);
  const drawn = [...chosen]
    .filter((i) => Number.isFinite(columns.scatterX[i]) && Number.isFinite(columns.scatterY[i]))
    .sort((a, b) => a - b);
  return {
    drawn: drawn.length,
    of: total,
    index: drawn.map((i) => columns.index[i]),
    x: drawn.map((i) => rounded(columns.scatterX[i]) ?? 0),
    y: drawn.map((i) => rounded(columns.scatterY[i]) ?? 0),
    verdict: drawn.map((i) => sampleVerdict(columns, i, classVerdicts).verdict),
    seed: drawn.map((i) => columns.seed[i] === 1),
  };
}

const lossBins = 30;

export function lossHistogram(columns: SampleColumns): LossHistogram | null {
  const known = columns.finalLoss.filter(Number.isFinite).sort();
  // A few samples with a huge loss would press all others into one part.
  const high = known.length === 0 ? 0 : known[Math.floor(0.995 * (known.length - 1))];
  if (!(high > 0)) return null;
  const of = (suspects: boolean): Bin[] => {
    const values = columns.finalLoss.filter((_, i) => columns.suspectRank[i] >= 0 === suspects);
    return histogram(
      values.map((value) => Math.min(high, value)),
      [0, high],
      lossBins,
    );
  };
  const suspects = of(true);
  const edges = [...suspects.map((bin) => bin.from), high].map((edge) => rounded(edge) ?? 0);
  return { edges, suspects: suspects.map((bin) => bin.count), others: of(false).map((bin) => bin.count) };
}

function evenly<T>(items: readonly T[], limit: number): T[] {
  if (items.length <= limit) return [...items];
  return Array.from({ length: limit }, (_, k) => items[Math.floor((k * items.length) / limit)]);
}

/** Every curve keeps its first and last point. */
export function thinCurves(points: readonly CurvePoint[], limit: number): CurvePoint[] {
  const curves = Map.groupBy(points, (point) => `${point.stage}/${point.name}`);
  return [...curves.values()].flatMap((curve) => {
    const ordered = curve.toSorted((a, b) => a.at - b.at);
    if (ordered.length <= limit) return ordered;
    return [...evenly(ordered.slice(0, -1), limit - 1), ...ordered.slice(-1)];
  });
}

/** Float32 columns to six significant digits; null where a number is unknown. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}
