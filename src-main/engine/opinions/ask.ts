/** Asks the detectors one after the other and brings their words into one form. */
import type { Opinion, OpinionExtent, OpinionId, OpinionReason } from '../../../src-shared/domain/opinion.ts';
import { opinionIds } from '../../../src-shared/domain/opinion.ts';
import { CancelledError } from '../../../src-shared/failure.ts';
import { activationClusteringDetector } from './activation-clustering.ts';
import { agreement } from './agreement.ts';
import { beatrixDetector } from './beatrix.ts';
import { clpDetector } from './clp.ts';
import { decreeDetector } from './decree.ts';
import { noDefenseDetector } from './no-defense.ts';
import type { ChannelJudgement, Detector, EncoderJudgement, OpinionInput, SampleJudgement } from './opinion.ts';
import { scanDetector } from './scan.ts';
import { spectralSignaturesDetector } from './spectral-signatures.ts';
import { spectreDetector } from './spectre.ts';
import { stripDetector } from './strip.ts';

/** In the order in which they are asked; the ids without one are not built. */
export const detectors: readonly Detector[] = [
  noDefenseDetector,
  spectralSignaturesDetector,
  activationClusteringDetector,
  scanDetector,
  spectreDetector,
  beatrixDetector,
  stripDetector,
  clpDetector,
  decreeDetector,
];

export interface Asked {
  /** One for every id, in the order of `opinionIds`. */
  readonly opinions: readonly Opinion[];
  /** Of the detectors of samples that ran: `[samples]`, NaN = not scored. */
  readonly scores: ReadonlyMap<OpinionId, { readonly score: Float32Array; readonly flagged: Uint8Array }>;
}

/**
 * @param extent "cheap" leaves the dear detectors out @param untrusted per layer of the encoder, 1 = the channel was not
 * kept; null where channels were not filtered
 */
export async function askOpinions(
  input: Omit<OpinionInput, 'onProgress'>,
  extent: Exclude<OpinionExtent, 'none'>,
  untrusted: readonly Uint8Array[] | null,
  onProgress: (done: number, total: number) => void,
): Promise<Asked> {
  const chosen = detectors.filter(({ cost }) => extent === 'all' || cost === 'cheap');
  const told = new Map<OpinionId, Opinion>();
  const scores = new Map<OpinionId, { score: Float32Array; flagged: Uint8Array }>();
  const suspect = new Uint8Array(input.samples.count);
  for (const i of input.suspects) suspect[i] = 1;
  for (const [at, detector] of chosen.entries()) {
    if (input.signal.aborted) throw new CancelledError();
    const judged = await detector.judge({
      ...input,
      // Of each detector a hundredth at most is told: the bar counts detectors.
      onProgress: (done, total) => onProgress(Math.round(100 * (at + done / Math.max(1, total))), 100 * chosen.length),
    });
    onProgress(100 * (at + 1), 100 * chosen.length);
    if (judged.subject === 'none') {
      told.set(detector.id, notRun(detector.id, detector.subject, judged.reason));
      continue;
    }
    switch (judged.subject) {
      case 'samples': {
        const spread = spreadOut(judged, input.samples.count);
        scores.set(detector.id, spread);
        told.set(detector.id, ofSamples(detector.id, judged, spread, suspect, input));
        break;
      }
      case 'channels':
        told.set(detector.id, ofChannels(detector.id, judged, untrusted));
        break;
      case 'encoder':
        told.set(detector.id, ofEncoder(detector.id, judged));
        break;
    }
  }
  const opinions = opinionIds.map((id) => {
    const known = told.get(id);
    if (known !== undefined) return known;
    const built = detectors.find((detector) => detector.id === id);
    return notRun(id, built?.subject ?? 'encoder', built === undefined ? 'not-built' : 'not-asked');
  });
  return { opinions, scores };
}

function notRun(id: OpinionId, subject: Opinion['subject'], reason: OpinionReason): Opinion {
  return {
    id,
    state: 'not-run',
    reason,
    subject,
    scored: 0,
    of: 0,
    flagged: 0,
    quota: null,
    alarm: null,
    numbers: {},
    classes: [],
    agreement: null,
  };
}

function spreadOut(judged: SampleJudgement, count: number): { score: Float32Array; flagged: Uint8Array } {
  const score = new Float32Array(count).fill(NaN);
  const flagged = new Uint8Array(count);
  judged.indices.forEach((sample, at) => {
    score[sample] = judged.score[at];
    flagged[sample] = judged.flagged[at];
  });
  return { score, flagged };
}

function ofSamples(
  id: OpinionId,
  judged: SampleJudgement,
  { score, flagged }: { readonly score: Float32Array; readonly flagged: Uint8Array },
  suspect: Uint8Array,
  { samples }: Pick<OpinionInput, 'samples'>,
): Opinion {
  const scored = new Int32Array(samples.classes.length);
  const hits = new Int32Array(samples.classes.length);
  score.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    scored[samples.labels[i]]++;
    hits[samples.labels[i]] += flagged[i];
  });
  const alarms = judged.classes?.some((one) => one.alarm) ?? false;
  return {
    ...notRun(id, 'samples', 'not-asked'),
    state: 'run',
    reason: null,
    scored: scored.reduce((sum, value) => sum + value, 0),
    of: samples.count,
    flagged: hits.reduce((sum, value) => sum + value, 0),
    quota: judged.quota,
    alarm: alarmsOfClasses.has(id) ? alarms : null,
    numbers: judged.numbers,
    classes: samples.classes.map((_, c) => ({
      classIndex: c,
      scored: scored[c],
      flagged: hits[c],
      score: judged.classes?.[c]?.score ?? null,
      alarm: judged.classes?.[c]?.alarm ?? false,
    })),
    agreement: agreement('suspects', score, flagged, suspect),
  };
}

/** Detectors whose rule is about a class as a whole. */
const alarmsOfClasses: ReadonlySet<OpinionId> = new Set(['activation-clustering', 'scan']);

function ofChannels(id: OpinionId, judged: ChannelJudgement, untrusted: readonly Uint8Array[] | null): Opinion {
  const layers = judged.layers.flatMap((layer, at) => (layer === null ? [] : [{ ...layer, at }]));
  const joined = <T extends Float32Array | Uint8Array>(parts: readonly T[], into: T): T => {
    let to = 0;
    for (const part of parts) {
      into.set(part, to);
      to += part.length;
    }
    return into;
  };
  const channels = layers.reduce((sum, { score }) => sum + score.length, 0);
  // Bounds of different layers have different scales: ranked by how far above its layer's mean a channel is.
  const score = joined(
    layers.map(({ score: own }) => inDeviations(own)),
    new Float32Array(channels),
  );
  const flagged = joined(
    layers.map((layer) => layer.flagged),
    new Uint8Array(channels),
  );
  return {
    ...notRun(id, 'channels', 'not-asked'),
    state: 'run',
    reason: null,
    scored: channels,
    of: channels,
    flagged: flagged.reduce((sum, flag) => sum + flag, 0),
    numbers: { ...judged.numbers, layers: layers.length },
    agreement:
      untrusted === null
        ? null
        : agreement(
            'untrusted',
            score,
            flagged,
            joined(
              layers.map(({ at }) => untrusted[at]),
              new Uint8Array(channels),
            ),
          ),
  };
}

function inDeviations(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (deviation > 0 ? (value - mean) / deviation : 0));
}

function ofEncoder(id: OpinionId, judged: EncoderJudgement): Opinion {
  return {
    ...notRun(id, 'encoder', 'not-asked'),
    state: 'run',
    reason: null,
    scored: 1,
    of: 1,
    flagged: judged.alarm ? 1 : 0,
    alarm: judged.alarm,
    numbers: judged.numbers,
  };
}
