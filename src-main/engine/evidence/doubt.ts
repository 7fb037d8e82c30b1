/** Why a class that shows no refused cluster cannot be called trusted all the same: what was not examined, or not enough. */
import { binomialInterval } from '../../../src-shared/statistics.ts';
import { percent } from './percent.ts';
import { refusedLimit, type ClassRefusals } from './refusals.ts';
import { decides, isFitted, isRefused } from './refused.ts';
import { fewestSharing, refusedGroups } from './suspects.ts';
import type { VerdictEvidence } from './verdict.ts';

/** Refused share of a class from which it is no longer called trusted. */
const doubtfulShare = 0.035;
/** The same of those that are firmly refused, whatever the probe makes of them. Chosen, not calibrated: it can only withhold a word. */
const mostFirm = 0.15;
/** Samples of a class below which its refused share says nothing either way. */
const smallestClass = 50;
/** Share of all samples that the undefended model must be sure of for its refusals to be a comparison at all. */
const leastFitted = 0.25;
/** The same within one class: below this, no cluster of `refusedLimit` would stand out of what it fits. */
const leastFittedInClass = 2 * refusedLimit;
/** Share of a class that the sanitized model must decide, one way or the other: who is never sure refuses nobody. */
const leastDecided = 0.5;
/** Distance of the two groups of a class (in within-group distances) from which the smaller one is worth a look. */
const splitLimit = 2;

/**
 * Accuracy of the sanitized model on the guard (lower end of its interval) below which its refusals mean nothing: half of the way from
 * chance to all, where classes are few.
 */
const leastAccuracy = (classes: number): number => Math.max(0.6, (1 + 1 / classes) / 2);

export const refusedWords = (refused: number): string =>
  refused === 1 ? '1 is refused with its neighbours' : `${refused} are refused with their neighbours`;

/** Of each class, why it cannot be called trusted though it shows no refused cluster; null when nothing speaks against it. */
export function doubtsOf(evidence: VerdictEvidence, refusals: readonly ClassRefusals[]): (string | null)[] {
  const tallies = talliesOf(evidence);
  const count = (of: (tally: Tally) => number): number => tallies.reduce((sum, tally) => sum + of(tally), 0);
  const fitted = shareOf(
    count((tally) => tally.fitted),
    count((tally) => tally.samples),
  );
  const groups = refusedGroups(evidence, evidence.classes.length);
  const asked = new Set(groups.map(([first]) => evidence.labels[first]));
  return tallies.map((tally, c) =>
    doubtAbout(evidence, refusals[c], c, { ...tally, fittedInAll: fitted, asked: asked.has(c) }),
  );
}

function doubtAbout(
  evidence: VerdictEvidence,
  refusals: ClassRefusals,
  c: number,
  of: Tally & { readonly fittedInAll: number; readonly asked: boolean },
): string | null {
  const { classes, sifting, uncertainClasses, outcome } = evidence;
  const name = classes[c];
  const { share, firmShare } = refusals;
  if (share >= doubtfulShare) {
    return `Of ${refusals.samples} samples labelled "${name}", ${refusedWords(refusals.refused)}: more than usual, too few for a cluster.`;
  }
  if (firmShare >= mostFirm) {
    return `The sanitized model firmly refuses ${percent(firmShare)} of the samples labelled "${name}", with their neighbours; that the undefended model is not sure of them either does not clear them.`;
  }
  const facts = sifting.perClass[c];
  if (sifting.taps.every((tap) => !tap.used)) return 'No tap of the encoder tells the classes apart.';
  const { flips, shown } = evidence;
  const ofClass = flips.undefended.target === c ? shown.ofTarget : shown.apart[c];
  if (ofClass > 0) {
    const why = shown.plain
      ? 'too few to tell an accident from poison'
      : 'other images show something like it, so it may be what they picture';
    const own = flips.undefended.target === c ? why : 'it flips images to another class';
    return `Samples labelled "${name}" that show the square which the encoder answers to: ${ofClass} (${own}).`;
  }
  const { guardSamples, sanitizedAccuracy } = outcome;
  if ((binomialInterval(sanitizedAccuracy, guardSamples)?.[0] ?? 0) < leastAccuracy(classes.length)) {
    const met = sanitizedAccuracy === null ? 'unknown' : percent(sanitizedAccuracy);
    return `The sanitized model's accuracy on ${guardSamples} held-out samples (${met}) is too uncertain or too low for its refusals to mean anything.`;
  }
  if (evidence.undecided.includes(c)) {
    return `The sanitized model follows a pattern that samples labelled "${name}" share, and a model without them knows too little of the class to tell whether it should.`;
  }
  const decided = shareOf(of.decided, of.samples);
  if (decided < leastDecided) {
    return `The sanitized model decides only ${percent(decided)} of the samples labelled "${name}", so that it refuses few says nothing.`;
  }
  if (of.refused >= fewestSharing && !of.asked) {
    return `Refused samples labelled "${name}": ${of.refused}; what they share was not asked, for other classes have more.`;
  }
  if (of.fittedInAll < leastFitted) {
    return `The undefended model fits only ${percent(of.fittedInAll)} of the samples, so what it fits and the sanitized one refuses says nothing.`;
  }
  const fittedHere = shareOf(of.fitted, of.samples);
  if (fittedHere < leastFittedInClass) {
    return `The undefended model fits only ${percent(fittedHere)} of the samples labelled "${name}", so that few are refused says nothing.`;
  }
  const samples = facts.samples - of.copies;
  if (samples < smallestClass) {
    const what = of.copies > 0 ? 'samples that are no copies' : 'samples';
    return `Class "${name}" has only ${samples} ${what}, too few for its refused share to say anything.`;
  }
  if (uncertainClasses.includes(c)) {
    return `Class "${name}" is far bigger than the others and its majority may be the poison; it was sifted without the majority rule.`;
  }
  const warning = sifting.warnings.find(({ classIndex, code }) => classIndex === c && code !== 'empty');
  if (warning !== undefined) return warning.message;
  if (facts.separation >= splitLimit && facts.majorityShare < 0.95) {
    return `Class "${name}" falls into two groups far apart (${Math.round(100 * (1 - facts.majorityShare))} % in the smaller one); poison with right labels looks like this, and so do natural sub-kinds.`;
  }
  return null;
}

/** What is counted of one class. */
interface Tally {
  /** Samples that repeat an earlier one: counted here and nowhere else, for copies make no class bigger. */
  copies: number;
  samples: number;
  /** Whose label the undefended model is sure of, which the sanitized one decides one way or the other, and which it refuses. */
  fitted: number;
  decided: number;
  refused: number;
}

/** One pass over the samples, whatever the number of classes. */
function talliesOf(evidence: VerdictEvidence): readonly Tally[] {
  const { labels, duplicates, probe, final } = evidence;
  const tallies = evidence.classes.map((): Tally => ({ copies: 0, samples: 0, fitted: 0, decided: 0, refused: 0 }));
  for (let i = 0; i < labels.length; i++) {
    const tally = tallies[labels[i]];
    if (duplicates.has(i)) {
      tally.copies++;
      continue;
    }
    tally.samples++;
    if (isFitted(probe, i)) tally.fitted++;
    if (decides(final, i)) tally.decided++;
    if (isRefused(evidence, i)) tally.refused++;
  }
  return tallies;
}

const shareOf = (count: number, of: number): number => (of > 0 ? count / of : 0);
