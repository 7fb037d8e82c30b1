/** What a stage gets from the outside, and what the whole pipeline gives back. */
import type { Opinion } from '../../../src-shared/domain/opinion.ts';
import type { Mode, RunEvent, Stage, PoolRound } from '../../../src-shared/domain/run.ts';
import type { ChannelFacts, SampleColumns, SiftingFacts, TriggerEvidence } from '../../../src-shared/domain/result.ts';
import type { AuditVerdict } from '../../../src-shared/domain/verdict.ts';
import type { Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import type { StepJournal } from '../journal.ts';
import { randomStream } from '../math/random.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import type { WorkSizes } from './memory.ts';
import type { MethodParameters } from './parameters.ts';

export interface EncoderOptions {
  readonly inputSize: readonly [number, number] | null;
  readonly mean: readonly number[] | null;
  readonly std: readonly number[] | null;
  readonly representation: string | null;
}

export interface PipelineContext {
  readonly provider: Provider;
  /** The stranger's file, imported. */
  readonly graph: Graph;
  readonly encoderOptions: EncoderOptions;
  readonly samples: SampleSource;
  /**
   * The first sample with the same pixels and label, `[samples]`; default every sample itself. The others are copies: they
   * have their original's scores, are suspects if it is one, and are never taught nor counted.
   */
  readonly originals?: Int32Array;
  /** Samples whose pixels stand under another label, too; default none. */
  readonly conflicts?: Int32Array;
  readonly mode: Mode;
  readonly parameters: MethodParameters;
  /** How much is worked on at once: set by `bootstrapAudit`, read through `sizesOf`. */
  readonly sizes?: WorkSizes;
  /** Benches and tests only: samples forced into the first pool, to see what poison there does. */
  readonly forcedLeak?: Int32Array;
  readonly seed: number;
  readonly journal: StepJournal;
  /** Rounds that were played before: of a model that is grown once more. */
  readonly roundsBefore?: number;
  readonly inputDigests: { readonly encoder: string; readonly dataset: string };
  emit(event: RunEvent): void;
  /** Milliseconds, without those for which the run was paused; default: the machine's. */
  readonly now?: () => number;
  readonly signal: AbortSignal;
}

export interface EncoderSummary {
  readonly family: string;
  readonly input: { readonly channels: number; readonly height: number; readonly width: number };
  readonly representation: { readonly tensor: string; readonly dim: number; readonly how: string };
  readonly taps: readonly { readonly id: string; readonly label: string; readonly channels: number }[];
  readonly restoredNorms: number;
}

export interface Recovered {
  /** The patch scan of the encoder, its overlay scan, or what refused samples share. */
  readonly by: 'scan' | 'overlay' | 'texture' | 'suspects';
  readonly trigger: Trigger;
  /** Whether the audit calls it a trigger. */
  readonly announced: boolean;
  readonly flippedUndefended: number;
  readonly flippedSanitized: number;
  /** Null where no random pattern was tried. */
  readonly flippedControl: number | null;
  readonly n: number;
}

export interface PipelineResult {
  readonly encoder: EncoderSummary;
  readonly sifting: SiftingFacts;
  readonly channels: ChannelFacts;
  readonly rounds: readonly PoolRound[];
  readonly triggers: TriggerEvidence;
  /** Null when the audit asked for none. */
  readonly opinions: readonly Opinion[] | null;
  /** What the audit takes for triggers, in full size: the scan's square, and what the suspects share. */
  readonly recovered: readonly Recovered[];
  readonly columns: SampleColumns;
  /** Seeds and first pool as sifted, and whoever any growth admitted, whatever was left of them; for the bench. Ascending. */
  readonly picked: { readonly seeds: Int32Array; readonly pool: Int32Array; readonly ever: Int32Array };
  /** How often the model was grown. */
  readonly growths: number;
  readonly outcome: {
    readonly guardSamples: number;
    readonly probeAccuracy: number | null;
    readonly sanitizedAccuracy: number | null;
  };
  readonly verdict: AuditVerdict;
  /** The "No Defense" model, for comparison: same input and output. Never exported. */
  readonly undefended: Graph;
  /** Input `pixels` [N,C,H,W] in 0..1, output `logits` [N,classes]; ready to be written. */
  readonly sanitized: Graph;
  /** Digest of the last committed step. */
  readonly digest: string;
}

/** The same run growing its model once more: its steps are called `<name>/again`, its rounds are counted on. */
export function anotherTime(context: PipelineContext, roundsBefore: number): PipelineContext {
  const { journal } = context;
  return {
    ...context,
    roundsBefore,
    journal: { step: (spec, compute) => journal.step({ ...spec, name: `${spec.name}/again` }, compute) },
  };
}

/**
 * The place of each sample in an order that settles ties and draws parts of the dataset: drawn from the run's seed and the
 * dataset's digest, so that the order of a file decides nothing. Who knows the seed beforehand can still try
 * many files for a lucky draw (docs/efficacy.md).
 */
export function sampleOrder({
  samples,
  seed,
  inputDigests,
}: {
  readonly samples: Pick<SampleSource, 'count'>;
  readonly seed: number;
  readonly inputDigests: Pick<PipelineContext['inputDigests'], 'dataset'>;
}): Int32Array {
  return Int32Array.from(randomStream(seed, `order/${inputDigests.dataset}`).permutation(samples.count));
}

/** Samples that repeat an earlier one, label and all. */
export function copiesOf({ originals }: Pick<PipelineContext, 'originals'>): ReadonlySet<number> {
  const copies = new Set<number>();
  originals?.forEach((original, i) => {
    if (original !== i) copies.add(i);
  });
  return copies;
}

/** The given labels, -1 for copies: nobody who is taught or counted. */
export function distinctLabels({ samples, originals }: Pick<PipelineContext, 'samples' | 'originals'>): Int32Array {
  return originals === undefined ? samples.labels : samples.labels.map((label, i) => (originals[i] === i ? label : -1));
}

/** The given labels, -1 for copies and for whoever is never taught: quotas are shares of those who can be. */
export function teachableLabels(
  context: Pick<PipelineContext, 'samples' | 'originals'>,
  never: Int32Array,
): Int32Array {
  const labels = distinctLabels(context).slice();
  for (const i of never) labels[i] = -1;
  return labels;
}

/** The samples with all copies of them: whoever throws one away has to throw these away, too. */
export function withCopies({ originals }: Pick<PipelineContext, 'originals'>, list: Iterable<number>): number[] {
  const members = new Set(list);
  originals?.forEach((original, i) => {
    if (members.has(original)) members.add(i);
  });
  return [...members];
}

/** Reports done/total of a stage with rate and time left, from a clock that never runs backwards. */
export function progressOf(
  context: Pick<PipelineContext, 'emit' | 'now'>,
  stage: Stage,
  unit: string,
): (done: number, total: number) => void {
  const now = context.now ?? (() => performance.now());
  const start = now();
  return (done, total) => {
    const seconds = (now() - start) / 1000;
    const rate = done > 0 && seconds > 0.2 ? done / seconds : null;
    context.emit({
      type: 'progress',
      stage,
      done,
      total,
      unit,
      rate,
      etaSeconds: rate === null ? null : (total - done) / rate,
    });
  };
}
