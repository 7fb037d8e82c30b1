/**
 * The one record of a finished audit, as plain JSON. Every report is written from it and from nothing else, so that no
 * two of them can disagree. Fields follow what auditors ask for: identity, subject, scope, method, environment, log,
 * findings, outcome, verdict, outputs, integrity.
 */
import type { Opinion } from '../../src-shared/domain/opinion.ts';
import type { AuditResult, SampleColumns } from '../../src-shared/domain/result.ts';
import type { AuditRequest, Mode, RunSummary } from '../../src-shared/domain/run.ts';
import type { Verdict } from '../../src-shared/domain/verdict.ts';
import { opinionSources, opinionWordsEn } from '../../src-shared/opinion-words.ts';
import { binomialInterval, type Interval } from '../../src-shared/statistics.ts';
import { noDeclarations, type Declarations } from '../../src-shared/domain/declarations.ts';
import { mappings, type MappingRow } from './mappings.ts';
import { countVerdicts, lossHistogram, scatter, suspects, thinCurves } from './sample-facts.ts';
import { taxonomies, type Taxonomy } from './taxonomies.ts';

/** Raised when a field changes its meaning or goes away, or a new one is required. Schema: `schemas/report.schema.json`. */
export const recordSchema = 'urn:coresift:schema:report:2';

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
  readonly pictures?: Pictures;
  readonly declarations?: Declarations;
}

/** Pictures of samples, each a PNG in base64, from the pixels that were audited. */
export interface Pictures {
  readonly suspects: readonly { readonly index: number; readonly png: string }[];
  /** A sample that is not under suspicion, bare and with the square that the scan of the encoder found. */
  readonly patch: { readonly index: number; readonly bare: string; readonly stamped: string } | null;
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
  /** Number in the journal. */
  readonly id?: number;
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
  readonly steps: readonly { readonly name: string; readonly digest: string }[];
}

/** A rule of a file reader that met something, with the place in the file. */
export interface FileFinding {
  readonly rule: string;
  readonly severity: 'note' | 'warning' | 'error';
  readonly file: string;
  /** Byte offset, where the reader knows it. */
  readonly offset: number | null;
  readonly detail: string;
}

/** How an earlier record of the same subject compares; findings by `<code>/<name>`. */
export interface Baseline {
  readonly reportId: string;
  readonly createdAt: string;
  /** SHA-256 of the earlier record's canonical JSON. */
  readonly sha256: string;
  readonly sameEncoder: boolean;
  readonly sameDataset: boolean;
  readonly findings: readonly { readonly key: string; readonly verdict: Verdict }[];
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

/** What a detector says, where it was published, and what it cannot see. */
export interface OpinionRecord extends Opinion {
  readonly name: string;
  readonly source: string;
  readonly means: { readonly score: string; readonly rule: string; readonly blind: string };
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
  readonly document: {
    /** Names and paths were replaced; digests still are those of the real files. */
    readonly redacted: boolean;
    readonly locale: 'en';
  };
  readonly declarations: Declarations;
  readonly tool: ReportInput['tool'];
  readonly run: ReportInput['run'] & Pick<AuditRequest, 'mode' | 'preset' | 'seed' | 'device'>;
  readonly subject: Pick<AuditResult, 'encoder' | 'dataset'>;
  readonly scope: {
    readonly examined: readonly string[];
    readonly notExamined: AuditResult['verdict']['notExamined'];
    readonly assumptions: readonly string[];
  };
  readonly threatModel: {
    /** Attacks that the method answers to, as the paper names them. */
    readonly threats: readonly ('poisoned-encoder' | 'poisoned-dataset' | 'adaptive')[];
    /** In the words of NIST AI 100-2. */
    readonly attacker: {
      readonly stage: readonly string[];
      readonly goal: readonly string[];
      readonly capability: readonly string[];
      readonly knowledge: string;
    };
    readonly taxonomies: readonly Taxonomy[];
  };
  readonly method: {
    readonly name: string;
    readonly reference: string;
    readonly precision: string;
    readonly stopping: string;
    readonly request: AuditRequest;
    readonly parameters: AuditResult['parameters'];
  };
  readonly environment: ReportInput['environment'];
  readonly log: readonly LogLine[];
  readonly decisions: readonly DecisionLine[];
  readonly fileFindings: readonly FileFinding[];
  readonly sifting: AuditResult['sifting'];
  readonly channels: AuditResult['channels'];
  readonly rounds: AuditResult['rounds'];
  readonly triggers: AuditResult['triggers'];
  /** Second opinions, in words of their own so that the record stands alone; null where none were asked for. */
  readonly opinions: readonly OpinionRecord[] | null;
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
  readonly pictures: Pictures;
  readonly residualRisk: {
    /** Codes; the reports spell them out. */
    readonly limits: readonly RiskCode[];
    readonly recommendations: readonly RecommendationCode[];
    readonly reauditWhen: readonly ReauditCode[];
  };
  readonly mappings: readonly MappingRow[];
  readonly baseline: Baseline | null;
  readonly outputs: readonly OutputFile[];
  readonly journal: JournalFacts;
  readonly integrity: {
    readonly canonicalisation: 'RFC 8785';
    readonly digest: 'SHA-256';
    readonly chain: string;
  };
  readonly reproduction: {
    readonly command: string;
    /** What a replay on the same provider and thread count must give again. */
    readonly expects: readonly { readonly what: string; readonly sha256: string }[];
  };
  readonly verification: readonly { readonly what: string; readonly command: string }[];
}

export type RiskCode = 'majority-poison' | 'clean-label' | 'unseen-trigger' | 'availability' | 'accuracy-loss';
export type RecommendationCode =
  | 'look-at-suspects'
  | 'use-sanitized'
  | 'do-not-use-encoder'
  | 'vouch-for-class'
  | 'ask-supplier'
  | 'measure-on-own-data';
export type ReauditCode = 'inputs-change' | 'expiry' | 'new-version' | 'new-attack';

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
    document: { redacted: false, locale: 'en' },
    declarations: input.declarations ?? noDeclarations,
    tool: input.tool,
    run: { ...input.run, mode: request.mode, preset: request.preset, seed: request.seed, device: request.device },
    subject: { encoder: result.encoder, dataset: result.dataset },
    scope: { examined: examined(result, total), notExamined: result.verdict.notExamined, assumptions },
    threatModel,
    method: {
      ...methods[request.mode],
      precision: 'float32',
      stopping:
        'Growth ends at the last planned share, at grow.cap, or when the held-out accuracy falls by guard.drop.',
      request,
      parameters: result.parameters,
    },
    environment: input.environment,
    log: input.log,
    decisions: input.decisions,
    fileFindings: fileFindings(result),
    sifting: result.sifting,
    channels: result.channels,
    rounds: result.rounds,
    triggers: result.triggers,
    opinions: opinionRecords(result),
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
    pictures: input.pictures ?? { suspects: [], patch: null },
    residualRisk: residualRisk(result),
    mappings,
    baseline: null,
    outputs: input.outputs,
    journal: input.journal,
    integrity: {
      canonicalisation: 'RFC 8785',
      digest: 'SHA-256',
      chain: 'Every entry holds the SHA-256 of the entry before; the first, that of the project id.',
    },
    reproduction: {
      command: 'coresift replay report.json --encoder <file> --dataset <path> --out <folder>',
      expects: [
        { what: 'work', sha256: input.journal.runDigest },
        ...input.outputs
          .filter((file) => reproducible.has(file.path))
          .map(({ path, sha256 }) => ({ what: path, sha256 })),
      ],
    },
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

/** Outputs that equal inputs, parameters, seed, provider and threads give again to the byte. */
export const reproducible: ReadonlySet<string> = new Set(['sanitized.onnx', 'sanitized.safetensors', 'sifted-set.csv']);

/** Threats I to III of the paper; the attacker in the words of NIST AI 100-2 E2025. */
const threatModel: ReportRecord['threatModel'] = {
  threats: ['poisoned-encoder', 'poisoned-dataset', 'adaptive'],
  attacker: {
    stage: ['training'],
    goal: ['integrity'],
    capability: ['training-data control', 'model control', 'testing-data control'],
    knowledge: 'white-box: the attacker may know the method',
  },
  taxonomies,
};

function fileFindings(result: AuditResult): FileFinding[] {
  const severities = { danger: 'error', warning: 'warning', note: 'note' } as const;
  return [
    ...result.encoder.scan.map(({ rule, severity, title, where, detail }) => ({
      rule,
      severity: severities[severity],
      file: result.encoder.file,
      offset: null,
      detail: `${title} (${where}). ${detail}`.trim(),
    })),
    ...result.dataset.unreadable.map(({ name, reason }) => ({
      rule: 'file.unreadable',
      severity: 'warning' as const,
      file: name,
      offset: null,
      detail: reason,
    })),
  ];
}

function opinionRecords({ opinions }: AuditResult): readonly OpinionRecord[] | null {
  return (
    opinions?.map((opinion) => {
      const { name, ...means } = opinionWordsEn[opinion.id];
      return { ...opinion, name, source: opinionSources[opinion.id], means };
    }) ?? null
  );
}

function residualRisk({ verdict, outcome }: AuditResult): ReportRecord['residualRisk'] {
  const recommendations: RecommendationCode[] = [];
  const { probeAccuracy, sanitizedAccuracy } = outcome;
  if (verdict.dataset.verdict === 'suspicious') recommendations.push('look-at-suspects');
  if (verdict.encoder.verdict === 'suspicious') recommendations.push('do-not-use-encoder', 'ask-supplier');
  recommendations.push('use-sanitized', 'measure-on-own-data');
  if (verdict.classes.some((one) => one.verdict === 'inconclusive')) recommendations.push('vouch-for-class');
  const limits: RiskCode[] = ['majority-poison', 'clean-label', 'unseen-trigger', 'availability'];
  if (probeAccuracy !== null && sanitizedAccuracy !== null && sanitizedAccuracy < probeAccuracy)
    limits.push('accuracy-loss');
  return { limits, recommendations, reauditWhen: ['inputs-change', 'expiry', 'new-version', 'new-attack'] };
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
