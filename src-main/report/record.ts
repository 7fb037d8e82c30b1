/**
 * The one record of a finished audit, as plain JSON. Every report is written from it and from nothing else, so that no
 * two of them can disagree. Fields follow what auditors ask for: identity, subject, scope, method, environment, log,
 * findings, outcome, verdict, outputs, integrity.
 */
import { histogram, type Bin } from '../../src-shared/charts/histogram.ts';
import type { AuditResult, SampleColumns } from '../../src-shared/domain/result.ts';
import { lossReduction, sampleVerdict } from '../../src-shared/domain/sample.ts';
import type { AuditRequest, Mode, RunSummary } from '../../src-shared/domain/run.ts';
import type { Verdict } from '../../src-shared/domain/verdict.ts';
import { binomialInterval, type Interval } from '../../src-shared/statistics.ts';

/** Raised when a field changes its meaning or goes away; new fields leave it as it is. */
export const recordSchema = 'urn:coresift:schema:report:1';

/** What a report is made of. Arrays of samples are indexed as the columns are. */
export interface ReportInput {
  /** UUID of the report. */
  readonly reportId: string;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
  readonly tool: { readonly name: string; readonly version: string };
  readonly run: Pick<RunSummary, 'id' | 'number' | 'startedAt'>;
  readonly request: AuditRequest;
  readonly result: AuditResult;
  readonly columns: SampleColumns;
  /** Name of every sample: its path below the dataset, or "file#index". */
  readonly names: readonly string[];
  /** Version, platform, processor, provider, threads …, by name. */
  readonly environment: Readonly<Record<string, string | number | boolean | null>>;
  readonly log: readonly LogLine[];
  readonly curves: readonly CurvePoint[];
  readonly decisions: readonly DecisionLine[];
  /** Every file written beside the report, the report's own files left out. */
  readonly outputs: readonly OutputFile[];
  readonly journal: JournalFacts;
}

export interface LogLine {
  /** RFC 3339, UTC. */
  readonly at: string;
  /** "started", "resumed", "stage", "warning", … */
  readonly what: string;
  readonly detail: string;
  /** Duration, where the line is about something that took time. */
  readonly seconds: number | null;
}

export interface CurvePoint {
  readonly stage: string;
  readonly name: string;
  /** Epoch, or round and share of it. */
  readonly at: number;
  readonly value: number;
}

export interface DecisionLine {
  readonly at: string;
  readonly who: string;
  readonly subject: string;
  readonly key: string;
  readonly act: string;
  readonly value: string;
  readonly reason: string;
}

export interface OutputFile {
  /** Name below the output folder. */
  readonly path: string;
  /** What it is for, in a few words. */
  readonly what: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface JournalFacts {
  readonly projectId: string;
  /** Last entry when the report was written. */
  readonly head: { readonly seq: number; readonly hash: string };
  /** SHA-256 over the digests of the run's steps: equal for equal work. */
  readonly runDigest: string;
}

export interface SuspectLine {
  readonly rank: number;
  readonly index: number;
  readonly name: string;
  readonly className: string;
  readonly predictedClass: string;
  readonly majority: number | null;
  readonly consistency: number | null;
  readonly probeLoss: number | null;
  readonly finalLoss: number | null;
  readonly lossReduction: number | null;
  /** Distilled mode: 1 - cosine of the sanitized model's and the encoder's representation; null in paper mode. */
  readonly discrepancy: number | null;
  /** Round of admission; null = never. */
  readonly admittedRound: number | null;
  readonly reason: string;
}

/** Samples on the plane of the two first principal components. */
export interface Scatter {
  /** Samples drawn; evenly spaced through the dataset, every seed and suspect among them where they fit. */
  readonly drawn: number;
  readonly of: number;
  readonly index: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Verdict on each. */
  readonly verdict: readonly Verdict[];
  readonly seed: readonly boolean[];
}

export interface LossHistogram {
  /** Edges of the parts, one more than there are parts; the last part also holds what lies beyond. */
  readonly edges: readonly number[];
  readonly suspects: readonly number[];
  readonly others: readonly number[];
}

export interface ReportRecord {
  readonly $schema: string;
  readonly reportId: string;
  readonly createdAt: string;
  readonly tool: ReportInput['tool'];
  readonly run: ReportInput['run'] & Pick<AuditRequest, 'mode' | 'preset' | 'seed' | 'device'>;
  readonly subject: Pick<AuditResult, 'encoder' | 'dataset'>;
  readonly scope: {
    readonly examined: readonly string[];
    readonly notExamined: AuditResult['verdict']['notExamined'];
    readonly assumptions: readonly string[];
  };
  readonly method: {
    readonly name: string;
    readonly reference: string;
    readonly request: AuditRequest;
    readonly parameters: AuditResult['parameters'];
  };
  readonly environment: ReportInput['environment'];
  readonly log: readonly LogLine[];
  readonly decisions: readonly DecisionLine[];
  readonly sifting: AuditResult['sifting'];
  readonly channels: AuditResult['channels'];
  readonly rounds: AuditResult['rounds'];
  readonly triggers: AuditResult['triggers'];
  readonly curves: readonly CurvePoint[];
  readonly samples: {
    readonly total: number;
    readonly byVerdict: Readonly<Record<Verdict, number>>;
    readonly suspects: {
      readonly total: number;
      readonly listed: readonly SuspectLine[];
      readonly byClass: readonly number[];
    };
    readonly scatter: Scatter;
    /** Final loss of suspects and of all others; null when no final loss is known. */
    readonly finalLoss: LossHistogram | null;
  };
  readonly outcome: AuditResult['outcome'] & {
    /** 95 % Wilson intervals. */
    readonly probeInterval: Interval | null;
    readonly sanitizedInterval: Interval | null;
  };
  readonly verdict: AuditResult['verdict'];
  readonly outputs: readonly OutputFile[];
  readonly journal: JournalFacts;
  readonly verification: readonly { readonly what: string; readonly command: string }[];
}

export interface RecordLimits {
  /** Suspects listed one by one; `sifted-set.csv` has them all. */
  readonly suspects: number;
  readonly scatter: number;
  /** Points per curve. */
  readonly curve: number;
}

export const defaultLimits: RecordLimits = { suspects: 200, scatter: 3000, curve: 400 };

/** Builds the record; the same input gives the same record. @throws RangeError when columns and names differ in length. */
export function buildRecord(input: ReportInput, limits: RecordLimits = defaultLimits): ReportRecord {
  const { result, columns, request } = input;
  const total = columns.label.length;
  for (const [name, column] of [...Object.entries(columns), ['names', input.names] as const]) {
    if (column.length !== total) throw new RangeError(`${name} must have ${total} entries, met ${column.length}`);
  }
  const { guardSamples: n, probeAccuracy, sanitizedAccuracy } = result.outcome;
  const classVerdicts = result.verdict.classes.map((finding) => finding.verdict);
  return {
    $schema: recordSchema,
    reportId: input.reportId,
    createdAt: input.createdAt,
    tool: input.tool,
    run: { ...input.run, mode: request.mode, preset: request.preset, seed: request.seed, device: request.device },
    subject: { encoder: result.encoder, dataset: result.dataset },
    scope: { examined: examined(result, total), notExamined: result.verdict.notExamined, assumptions },
    method: {
      ...methods[request.mode],
      request,
      parameters: result.parameters,
    },
    environment: input.environment,
    log: input.log,
    decisions: input.decisions,
    sifting: result.sifting,
    channels: result.channels,
    rounds: result.rounds,
    triggers: result.triggers,
    curves: thinCurves(input.curves, limits.curve),
    samples: {
      total,
      byVerdict: countVerdicts(columns, classVerdicts),
      suspects: suspects(input, limits.suspects),
      scatter: scatter(columns, classVerdicts, limits.scatter),
      finalLoss: lossHistogram(columns),
    },
    outcome: {
      ...result.outcome,
      probeInterval: binomialInterval(probeAccuracy, n),
      sanitizedInterval: binomialInterval(sanitizedAccuracy, n),
    },
    verdict: result.verdict,
    outputs: input.outputs,
    journal: input.journal,
    verification: [
      {
        what: 'Every file of this folder against its digest, and this report against the journal',
        command: 'coresift verify <this folder>',
      },
      { what: 'The digests alone, without Coresift', command: 'sha256sum --check MANIFEST.sha256' },
      { what: "The project's journal, entry by entry", command: 'coresift verify <project folder>' },
    ],
  };
}

const methods: Readonly<Record<Mode, { readonly name: string; readonly reference: string }>> = {
  paper: {
    name: 'T-Core bootstrapping (Trusted Core)',
    reference: 'Zhang et al., IEEE Symposium on Security and Privacy 2025',
  },
  distilled: {
    name: 'T-Core sifting, then distillation: a model made anew learns the encoder’s answers to credible, uncorrupted samples',
    reference:
      'Sifting after Zhang et al., IEEE Symposium on Security and Privacy 2025; the distillation is not part of that paper',
  },
};

const assumptions: readonly string[] = [
  'No clean hold-out set and no known trigger were used; nothing was trusted but the agreement of samples with their own class.',
  'Accuracies are measured on held-out samples of the clean pool, whose labels the audit itself chose to trust.',
  'Of every class, more samples are clean than poisoned alike; a class poisoned above one half may look clean.',
  '"Trusted" says that nothing examined spoke against it. It is not a proof of absence.',
];

function examined(result: AuditResult, total: number): string[] {
  const { encoder, sifting, channels } = result;
  const used = sifting.taps.filter((tap) => tap.used);
  return [
    `${grouped(total)} decoded samples in ${result.dataset.classes.length} classes`,
    `${grouped(encoder.nodes)} graph nodes and ${grouped(encoder.parameters)} parameters of the encoder, read as ${encoder.format}`,
    `activations at ${used.length} of ${sifting.taps.length} taps${used.length === 0 ? '' : `: ${used.map((tap) => tap.label).join(', ')}`}`,
    ...(channels.used
      ? [
          `${grouped(channels.layers.reduce((sum, layer) => sum + layer.channels, 0))} channels in ${channels.layers.length} layers`,
        ]
      : []),
  ];
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

function countVerdicts(columns: SampleColumns, classVerdicts: readonly Verdict[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { trusted: 0, suspicious: 0, inconclusive: 0, 'not-examined': 0 };
  for (let i = 0; i < columns.label.length; i += 1) counts[sampleVerdict(columns, i, classVerdicts).verdict] += 1;
  return counts;
}

function suspects(input: ReportInput, limit: number): ReportRecord['samples']['suspects'] {
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

function scatter(columns: SampleColumns, classVerdicts: readonly Verdict[], limit: number): Scatter {
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

function lossHistogram(columns: SampleColumns): LossHistogram | null {
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
function thinCurves(points: readonly CurvePoint[], limit: number): CurvePoint[] {
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
