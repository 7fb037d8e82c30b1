/**
 * From evidence to words. No rule needs a known trigger: the dataset is judged by what the sanitized model refuses, class
 * by class (`refusals.ts`); the encoder by the patch scan. "trusted" is said only of what was examined
 * and found clear, and never of an encoder, of which no scan sees every trigger.
 */
import {
  worksAsTrigger,
  type ClassKind,
  type LearntPattern,
  type SiftingFacts,
} from '../../../src-shared/domain/result.ts';
import type { AuditVerdict, Finding, Verdict } from '../../../src-shared/domain/verdict.ts';
import { isKindOfItsOwn } from './kind.ts';
import { learntFinding, learntNumbers, wasUnlearnt } from './learnt.ts';
import { percent } from './percent.ts';
import { judgeEncoder, placeOf, type EncoderEvidence } from './encoder-verdict.ts';
import { doubtsOf, refusedWords } from './doubt.ts';
import { refusalsByClass, refusedLimit, type ClassRefusals } from './refusals.ts';
import type { RefusalEvidence } from './refused.ts';
import { fewestSharing } from './suspects.ts';

export interface VerdictEvidence extends RefusalEvidence, EncoderEvidence {
  readonly sifting: SiftingFacts;
  readonly uncertainClasses: readonly number[];
  readonly suspects: Int32Array;
  /** How many of them are there for showing the trigger of the encoder, not for being refused. */
  readonly marked: number;
  /** How many more for a pattern that a model learnt and they carry. */
  readonly carrying: number;
  /** How many more are there for showing the trigger that was recovered from the others. */
  readonly showing: number;
  readonly outcome: {
    readonly guardSamples: number;
    readonly probeAccuracy: number | null;
    readonly sanitizedAccuracy: number | null;
  };
  /**
   * Who shows the trigger that the scan found: all, those labelled as what it flips images to, and of each class those who were not taught
   * to the sanitized model; and whether they stand apart from images that show something like it.
   */
  readonly shown: {
    readonly samples: number;
    readonly ofTarget: number;
    readonly apart: readonly number[];
    readonly plain: boolean;
  };
  /** What the fitted clusters look like, of classes where that can be asked. */
  readonly kinds: readonly ClassKind[];
  /** Patterns that the sanitized model follows and should not know. */
  readonly learnt: readonly LearntPattern[];
  /** Classes of patterns that it follows, of which nobody could tell whether it should. */
  readonly undecided: readonly number[];
}

/** A fitted cluster that is called natural. */
const naturalKindCode = 'class.natural-kind';

export function judge(evidence: VerdictEvidence): AuditVerdict {
  const refusals = refusalsByClass(evidence, evidence.classes.length);
  const doubts = doubtsOf(evidence, refusals);
  const classes = refusals.map((one, c) => judgeClass(evidence, one, c, doubts[c]));
  return {
    encoder: judgeEncoder(evidence),
    dataset: judgeDataset(evidence, refusals, classes),
    classes,
    notExamined: notExamined(evidence),
  };
}

/** @param doubt why it is not trusted, where nothing makes it suspicious */
function judgeClass(evidence: VerdictEvidence, refusals: ClassRefusals, c: number, doubt: string | null): Finding {
  const name = evidence.classes[c];
  const { refused, samples, share, typical, scattered, scatteredShare, cluster } = refusals;
  const facts = evidence.sifting.perClass[c];
  const common = {
    code: 'class.refused-cluster',
    subject: 'class' as const,
    name,
    evidence: {
      samples,
      refused,
      refusedShare: share,
      typicalShare: typical,
      scatteredShare,
      majorityShare: facts.majorityShare,
      separation: facts.separation,
      ...(evidence.shown.apart[c] > 0 ? { setAside: evidence.shown.apart[c] } : {}),
    },
  };
  if (samples === 0) {
    return {
      ...common,
      verdict: 'not-examined',
      confidence: null,
      claim: `Class "${name}" has no sample.`,
      wouldChange: 'Samples of this class.',
    };
  }
  const learnt = evidence.learnt.find(({ classIndex }) => classIndex === c);
  if (learnt !== undefined && !(cluster !== null && wasUnlearnt(learnt))) {
    return {
      ...common,
      ...learntFinding(learnt, evidence.classes),
      code: 'class.learnt-pattern',
      evidence: { ...common.evidence, ...learntNumbers(learnt) },
    };
  }
  const kind = cluster === 'fitted' && !showsTrigger(evidence, c) ? naturalKind(evidence, c) : null;
  if (kind !== null) {
    const other = evidence.classes[kind.takenFor];
    return {
      ...common,
      code: naturalKindCode,
      evidence: { ...common.evidence, ...estimateNumbers(evidence, c), ...kindNumbers(kind, evidence.classes) },
      verdict: 'inconclusive',
      confidence: null,
      claim: `Of ${samples} samples labelled "${name}", ${refused} are fitted by the undefended model and refused, with their neighbours, by the sanitized one; but it takes most of them for "${other}", they look like their label more than images of "${other}" do (${percent(kind.likeLabel)} of their nearest images have it, ${percent(kind.rivalsLikeLabel)} of those of the others), and what they share does not work as a trigger on all classes: rather a kind of their own than poison.`,
      wouldChange: 'A look at the refused samples: if their labels are wrong, they are poison of one source class.',
    };
  }
  switch (cluster) {
    case 'fitted':
      return {
        ...common,
        evidence: { ...common.evidence, ...estimateNumbers(evidence, c) },
        verdict: 'suspicious',
        confidence: marginOver(share, refusedLimit),
        claim: `Of ${samples} samples labelled "${name}", ${refused} are fitted by the undefended model and refused, with their neighbours, by the sanitized one.`,
        wouldChange:
          'A look at the refused samples: if their labels are right, they are a kind of their own, not poison.',
      };
    case 'scattered':
      return {
        ...common,
        code: 'class.scattered-cluster',
        evidence: { ...common.evidence, scattered, ...estimateNumbers(evidence, c) },
        verdict: 'suspicious',
        confidence: marginOver(scatteredShare, refusedLimit),
        claim: `Of ${samples} samples labelled "${name}", the sanitized model firmly refuses, with their neighbours, ${scattered} that look like classes it does not confuse with this one: no natural confusion goes in so many directions.`,
        wouldChange:
          'A look at the refused samples: if their labels are right, the class is a collection of many kinds; if they are wrong by accident, the labelling of this class is poor.',
      };
    case null:
      break;
  }
  if (showsTrigger(evidence, c)) {
    const { undefended } = evidence.flips;
    const { ofTarget, samples: all } = evidence.shown;
    return {
      ...common,
      code: 'class.encoder-trigger',
      verdict: 'suspicious',
      confidence: undefended.share,
      claim: `Of ${samples} samples labelled "${name}", ${ofTarget} show the square that the encoder answers to (${placeOf(evidence.scan)}), which flips ${percent(undefended.share)} of ${undefended.n} images to that class in the undefended model; of all other samples ${all - ofTarget} show it.`,
      wouldChange: 'A look at these samples: if the square belongs to what they show, it is no trigger.',
      evidence: { ...common.evidence, ...shownNumbers(evidence), setAside: evidence.shown.apart[c] },
    };
  }
  const { estimate } = evidence;
  if (estimate?.target === c && worksAsTrigger(estimate)) {
    const { flippedUndefended, flippedSanitized, n, suspects, strength } = estimate;
    const laid = strength === undefined ? '' : `, laid on ${strength} times as strong,`;
    return {
      ...common,
      code: 'class.estimated-trigger',
      verdict: 'suspicious',
      confidence: flippedUndefended - flippedSanitized,
      claim: `What ${suspects} refused samples labelled "${name}" have in common${laid} flips ${percent(flippedUndefended)} of ${n} other images to that class in the undefended model, ${percent(flippedSanitized)} in the sanitized one.`,
      wouldChange: 'A sanitized model that follows the same pattern would make it a natural feature of the class.',
      evidence: { ...common.evidence, ...estimateNumbers(evidence, c) },
    };
  }
  if (doubt !== null) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: doubt,
      wouldChange: 'A few images of this class whose labels you can vouch for, or more samples.',
    };
  }
  return {
    ...common,
    verdict: 'trusted',
    confidence: marginUnder(share, refusedLimit),
    claim: `Of ${samples} samples labelled "${name}", ${refusedWords(refused)} by the sanitized model.`,
    wouldChange: 'Poison with right labels that forms no group of its own would not be seen here.',
  };
}

/**
 * What a class's fitted cluster looks like, where that is a kind of its own and what they share was tried and does not work as a
 * trigger. An overlay that works on the class they are taken for alone says no more than that the two are alike.
 */
function naturalKind({ kinds, estimate }: VerdictEvidence, c: number): ClassKind | null {
  const kind = kinds.find(({ classIndex }) => classIndex === c);
  if (kind === undefined || !isKindOfItsOwn(kind) || estimate?.target !== c) return null;
  if (!worksAsTrigger(estimate)) return kind;
  return estimate.form === 'overlay' && estimate.from === kind.takenFor ? kind : null;
}

function kindNumbers({ takenFor, ...kind }: ClassKind, classes: readonly string[]): Finding['evidence'] {
  const { directions, likeLabel, rivalsLikeLabel } = kind;
  return { takenFor: classes[takenFor], directions, likeLabel, rivalsLikeLabel };
}

/** Whether so many of a class show the encoder's trigger, which turns images into it, that it is no accident. */
function showsTrigger({ flips, shown }: VerdictEvidence, c: number): boolean {
  return flips.undefended.target === c && shown.ofTarget >= fewestSharing && shown.plain;
}

/** Who shows the encoder's trigger, where anybody does. */
function shownNumbers({ shown, flips }: VerdictEvidence): Finding['evidence'] {
  if (shown.samples === 0) return {};
  return {
    shownByTarget: shown.ofTarget,
    shownByOthers: shown.samples - shown.ofTarget,
    setAside: shown.apart.reduce((sum, one) => sum + one, 0),
    flippedUndefended: flips.undefended.share,
    flippedSanitized: flips.sanitized.share,
    flipsOf: flips.undefended.n,
  };
}

/** The flips of the estimated trigger, where it is one of this class. */
function estimateNumbers({ estimate }: VerdictEvidence, c: number): Finding['evidence'] {
  if (estimate?.target !== c) return {};
  const { flippedUndefended, flippedSanitized, flippedControl, n, strength } = estimate;
  return {
    flippedUndefended,
    flippedSanitized,
    ...(flippedControl === undefined ? {} : { flippedControl }),
    ...(strength === undefined ? {} : { strength }),
    flipsOf: n,
  };
}

function judgeDataset(
  evidence: VerdictEvidence,
  refusals: readonly ClassRefusals[],
  classes: readonly Finding[],
): Finding {
  const { marked, carrying, showing } = evidence;
  const refused = evidence.suspects.length - marked - carrying - showing;
  const of = (verdict: Verdict): readonly Finding[] => classes.filter((finding) => finding.verdict === verdict);
  const common = {
    code: 'dataset.refused-cluster',
    subject: 'dataset' as const,
    name: null,
    evidence: {
      suspects: evidence.suspects.length,
      refused,
      ...(marked > 0 ? { marked } : {}),
      ...(carrying > 0 ? { carrying } : {}),
      ...(showing > 0 ? { showing } : {}),
      samples: evidence.labels.length,
      refusedShares: refusals.map(({ share }) => share),
    },
  };
  const bad = of('suspicious');
  const standing = refusals.filter(({ cluster }, c) => cluster !== null && classes[c].code !== naturalKindCode);
  const clusters = standing.length > 0;
  const learnt = evidence.learnt.find((one) => !(clusters && wasUnlearnt(one)));
  if (learnt !== undefined) {
    return {
      ...common,
      ...learntFinding(learnt, evidence.classes),
      code: 'dataset.learnt-pattern',
      evidence: { ...common.evidence, ...learntNumbers(learnt) },
    };
  }
  const { estimate } = evidence;
  const { target } = evidence.flips.undefended;
  if (bad.length > 0 && !clusters && showsTrigger(evidence, target)) {
    const { ofTarget, samples } = evidence.shown;
    const numbers = shownNumbers(evidence);
    const all = numbers['setAside'] === samples;
    return {
      ...common,
      code: 'dataset.encoder-trigger',
      evidence: { ...common.evidence, ...numbers, shownIn: evidence.classes[target] },
      verdict: 'suspicious',
      confidence: evidence.flips.undefended.share,
      claim: `${ofTarget} samples labelled "${evidence.classes[target]}" show the square that the encoder answers to (${placeOf(evidence.scan)}); ${all ? 'whoever shows it was' : `of the ${samples} that show it ${String(numbers['setAside'])} were`} not taught to the sanitized model.`,
      wouldChange: classes[target].wouldChange,
    };
  }
  if (bad.length > 0 && !clusters && estimate !== null) {
    const { suspects, target } = estimate;
    return {
      ...common,
      code: 'dataset.estimated-trigger',
      evidence: { ...common.evidence, ...estimateNumbers(evidence, target) },
      verdict: 'suspicious',
      confidence: bad[0].confidence,
      claim: `No class holds a refused cluster, but what ${suspects} refused samples labelled "${evidence.classes[target]}" have in common works as a trigger in the undefended model, and not in the sanitized one.`,
      wouldChange: bad[0].wouldChange,
    };
  }
  if (bad.length > 0) {
    const crowded = refusals.flatMap(({ cluster }, c) =>
      cluster !== null && bad.includes(classes[c]) ? [classes[c]] : [],
    );
    const names = (crowded.length > 0 ? crowded : bad).map((finding) => `"${finding.name}"`).join(', ');
    const scattered = standing.every(({ cluster }) => cluster !== 'fitted');
    const what = scattered
      ? 'are firmly refused, with their neighbours, by the sanitized model, and many look like classes it does not confuse with their label'
      : 'are fitted by the undefended model and refused, with their neighbours, by the sanitized one';
    return {
      ...common,
      ...(scattered ? { code: 'dataset.scattered-cluster' } : {}),
      verdict: 'suspicious',
      confidence: Math.max(...bad.map((finding) => finding.confidence ?? 0)),
      claim: [
        `${refused} of ${evidence.labels.length} samples ${what}; they crowd in ${names}.`,
        ...(marked > 0
          ? [`${marked} more ${marked === 1 ? 'shows' : 'show'} the square that the encoder answers to.`]
          : []),
        ...(carrying > 0
          ? [`${carrying} more ${carrying === 1 ? 'carries' : 'carry'} a pattern that a first model had learnt.`]
          : []),
        ...(showing > 0
          ? [
              `${showing} more ${showing === 1 ? 'shows' : 'show'} the trigger that was recovered from the other suspects.`,
            ]
          : []),
      ].join(' '),
      wouldChange: 'A look at the suspects: a group of rightly labelled samples of an unusual kind can look like this.',
    };
  }
  const kind = classes.find(({ code }) => code === naturalKindCode);
  if (kind !== undefined) {
    const { takenFor, likeLabel, rivalsLikeLabel } = kind.evidence;
    return {
      ...common,
      code: 'dataset.natural-kind',
      evidence: { ...common.evidence, crowdedIn: String(kind.name), takenFor, likeLabel, rivalsLikeLabel },
      verdict: 'inconclusive',
      confidence: null,
      claim: `Samples that are fitted by the undefended model and refused, with their neighbours, by the sanitized one crowd in "${kind.name}"; they look like their label more than the images of "${String(takenFor)}" do that they are taken for, and what they share does not work as a trigger on all classes: rather a kind of their own than poison.`,
      wouldChange: kind.wouldChange,
    };
  }
  const open = [...of('inconclusive'), ...of('not-examined')];
  if (open.length > 0) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `No class holds a refused cluster, but ${open.length} of ${classes.length} classes could not be judged. ${open[0].claim}`,
      wouldChange: open[0].wouldChange,
    };
  }
  return {
    ...common,
    verdict: 'trusted',
    confidence: Math.min(...classes.map((finding) => finding.confidence ?? 0)),
    claim: 'No class holds a cluster of samples that the undefended model fits and the sanitized one refuses.',
    wouldChange:
      'Poison in less than 3.5 % of each class, or with right labels and no group of its own, would not be seen.',
  };
}

/** Kinds of triggers that no scan of the encoder looked for. */
function unscanned(
  overlay: VerdictEvidence['overlay'],
  texture: VerdictEvidence['texture'],
): AuditVerdict['notExamined'][number] {
  const textures =
    'scan' in texture
      ? [
          'patches that no part of them leads to',
          `, for patches of ${texture.scan.size} x ${texture.scan.size} pixels of any picture`,
        ]
      : ['textured patches', ''];
  const overlays =
    'scan' in overlay
      ? [
          'overlays that no faint one leads to',
          `, and for overlays that change no pixel by more than ${percent(overlay.scan.budget)} of its range`,
        ]
      : ['blends and frequencies', ''];
  return {
    what: `Encoder: warping, ${textures[0]}, and ${overlays[0]}`,
    reason: 'no-scan',
    detail: `The scans look for solid squares${textures[1]}${overlays[1]}.`,
  };
}

function notExamined({ classes, sifting, overlay, texture }: VerdictEvidence): AuditVerdict['notExamined'] {
  const empty = sifting.warnings.filter((warning) => warning.code === 'empty');
  return [
    unscanned(overlay, texture),
    {
      what: 'Encoder: pre-training data',
      reason: 'not-available',
      detail: 'Only the finished weights were given.',
    },
    ...empty.map(({ classIndex, message }) => ({
      what: `Class "${classes[classIndex]}"`,
      reason: 'no-sample',
      detail: message,
    })),
  ];
}

/** 0 at the limit, towards 1 far above it. */
function marginOver(value: number, limit: number): number {
  return limit > 0 ? Math.max(0, 1 - limit / value) : 1;
}

/** 1 at zero, 0 at the limit. */
function marginUnder(value: number, limit: number): number {
  return Math.max(0, 1 - value / limit);
}
