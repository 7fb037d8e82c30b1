/** A pattern that the sanitized model learnt from samples of one class, in words and numbers: for the alarm and the verdict. */
import type { LearntPattern } from '../../../src-shared/domain/result.ts';
import type { Finding } from '../../../src-shared/domain/verdict.ts';
import { percent } from './percent.ts';

const namedSamples = 8;

/** Of the share that the sanitized model turns, the most that a model without the group may turn; and the most of the group that it may accept. */
const leftOver = 0.5;
const accepted = 0.4;
/** Least of the rest of the class that such a model must know: one that learnt nothing follows nothing and accepts nothing. */
const known = 0.7;

/** Turned share from which the class is suspicious; below it, it is only not trusted. */
const surely = 0.5;

export function isSurelyLearnt({ turned }: LearntPattern): boolean {
  return turned >= surely;
}

/** Of the patterns that the sanitized model follows, those that the rest of their class does not explain: the worst of each class. */
export function unexplained(followed: readonly LearntPattern[]): LearntPattern[] {
  const worst = new Map<number, LearntPattern>();
  for (const one of followed) {
    const says = one.knownWithout >= known;
    if (!says || one.turnedWithout > leftOver * one.turned || one.acceptedWithout > accepted) continue;
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
    ...(isSurelyLearnt(learnt)
      ? { verdict: 'suspicious', confidence: margin(learnt) }
      : { verdict: 'inconclusive', confidence: null }),
    claim: learntClaim(learnt, classes),
    wouldChange:
      'A look at these samples: if they all show what their label says, the pattern is a feature of a kind of its own.',
  };
}

export function learntClaim(learnt: LearntPattern, classes: readonly string[]): string {
  const { classIndex, form, samples, turned, n, turnedWithout, acceptedWithout, knownWithout } = learnt;
  const name = classes[classIndex];
  const named = [...samples.subarray(0, namedSamples)].join(', ');
  return (
    `The sanitized model itself follows a pattern (${form}) that ${samples.length} samples labelled "${name}" share ` +
    `(${named}${samples.length > namedSamples ? ', …' : ''}): laid over ${n} images of other classes, it turns ${percent(turned)} of them into that class. ` +
    `In a model that never saw these samples it turns ${percent(turnedWithout)}, and that model, which knows ${percent(knownWithout)} of the rest of the class, takes ${percent(1 - acceptedWithout)} of them for another. ` +
    `Poison may have been learnt: do not use the sanitized model before you looked at these samples.`
  );
}

export function learntNumbers(learnt: LearntPattern): Finding['evidence'] {
  return {
    sharing: learnt.samples.length,
    turnedSanitized: learnt.turned,
    turnedWithout: learnt.turnedWithout,
    turnedOf: learnt.n,
    acceptedWithout: learnt.acceptedWithout,
    knownWithout: learnt.knownWithout,
  };
}
