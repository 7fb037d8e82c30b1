/** A pattern that a grown model learnt from samples of one class, in words and numbers: for the alarm and the verdict. */
import { isUnlearnt, turnedByChance, type LearntPattern } from '../../../src-shared/domain/result.ts';
import type { Finding } from '../../../src-shared/domain/verdict.ts';
import { percent } from './percent.ts';

const namedSamples = 8;

/** Of the share that the sanitized model turns, the most that a model without the group may turn. */
const leftOver = 0.5;
/** The most of the group that such a model may accept, and the most as a part of what it knows of the rest of the class. */
const [accepted, acceptedOfKnown] = [0.4, 0.5];
/** Least of that rest that it must know: one that learnt nothing follows nothing and accepts nothing. */
const known = 1 / 3;

/** Whether the model was grown anew without the samples, and does not follow the pattern any more. */
export function wasUnlearnt({ turned, turnedAgain }: LearntPattern): boolean {
  return turnedAgain !== null && isUnlearnt(turned, turnedAgain);
}

/** Whether the model made without the samples knows enough of the rest of the class to judge the pattern. */
export function canJudge({ knownWithout }: LearntPattern): boolean {
  return knownWithout >= known;
}

/** Of the patterns that the sanitized model follows, those that the rest of their class does not explain: the worst of each class. */
export function unexplained<T extends LearntPattern>(followed: readonly T[]): T[] {
  const worst = new Map<number, T>();
  for (const one of followed) {
    const mostAccepted = Math.min(accepted, acceptedOfKnown * one.knownWithout);
    const mostTurned = Math.max(turnedByChance, leftOver * one.turned);
    if (!canJudge(one) || one.turnedWithout > mostTurned || one.acceptedWithout > mostAccepted) continue;
    const before = worst.get(one.classIndex);
    if (before === undefined || margin(one) > margin(before)) worst.set(one.classIndex, one);
  }
  return [...worst.values()].sort((a, b) => a.classIndex - b.classIndex);
}

function margin({ turned, turnedWithout }: LearntPattern): number {
  return turned - turnedWithout;
}

/** What a finding about a learnt pattern says; the subject and its other numbers are the caller's. */
export function learntFinding(
  learnt: LearntPattern,
  classes: readonly string[],
): Pick<Finding, 'verdict' | 'confidence' | 'claim' | 'wouldChange'> {
  return {
    verdict: 'suspicious',
    confidence: margin(learnt),
    claim: learntClaim(learnt, classes),
    wouldChange:
      'A look at these samples: if they all show what their label says, the pattern is a feature of a kind of its own.',
  };
}

export function learntClaim(learnt: LearntPattern, classes: readonly string[]): string {
  const { classIndex, form, samples, turned, n, turnedWithout, acceptedWithout, knownWithout, turnedAgain } = learnt;
  const name = classes[classIndex];
  const named = [...samples.subarray(0, namedSamples)].join(', ');
  const shared = `a pattern (${form}) that ${samples.length} samples labelled "${name}" share (${named}${samples.length > namedSamples ? ', …' : ''})`;
  const effect = `laid over ${n} images of other classes, it turns ${percent(turned)} of them into that class`;
  const without =
    `In a model that never saw these samples it turns ${percent(turnedWithout)}, and that model, which knows ` +
    `${percent(knownWithout)} of the rest of the class, takes ${percent(1 - acceptedWithout)} of them for another.`;
  const [who, end] =
    turnedAgain === null
      ? ['The sanitized model itself follows', `Poison may have been learnt: ${beware}`]
      : [
          'A model that was grown before follows',
          `So it was grown once more without these samples, and ${
            wasUnlearnt(learnt)
              ? `the sanitized model is that later one: there it turns ${percent(turnedAgain)}.`
              : `still it turns ${percent(turnedAgain)}: ${beware}`
          }`,
        ];
  return `${who} ${shared}: ${effect}. ${without} ${end}`;
}

const beware = 'do not use the sanitized model before you looked at these samples.';

export function learntNumbers(learnt: LearntPattern): Readonly<Record<string, number>> {
  return {
    sharing: learnt.samples.length,
    ...(learnt.turnedAgain === null
      ? { turnedSanitized: learnt.turned }
      : { turnedFirst: learnt.turned, turnedSanitized: learnt.turnedAgain }),
    turnedWithout: learnt.turnedWithout,
    turnedOf: learnt.n,
    acceptedWithout: learnt.acceptedWithout,
    knownWithout: learnt.knownWithout,
  };
}
