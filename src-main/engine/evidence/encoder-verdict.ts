/** The verdict on the encoder: what the scans met that draws different images together in it, and how that flips both models. */
import type { RecoveredTrigger } from '../../../src-shared/domain/result.ts';
import type { Finding } from '../../../src-shared/domain/verdict.ts';
import {
  baseLimit,
  collapseLimit,
  drawnLimit,
  drawsTogether,
  fewestScanned,
  isTrigger,
  leastFlipped,
  squareOf,
  type PatchScan,
} from './patch-scan.ts';
import { percent } from './percent.ts';
import type { SearchFailure } from './gradient-search.ts';
import type { OverlayScan } from './overlay-scan.ts';
import type { TextureScan } from './texture-scan.ts';
import type { Flips } from './trigger.ts';

/**
 * Least by which a search must bring images nearer to its answer than to any other: 0.26 and more in the encoders it was chosen on, 0.20 and
 * 0.23 in two it was not; at most 0.16 in clean nets that give way to anything (docs/efficacy.md).
 */
const leastAlone = 0.2;
/** Most that a patch which draws images together without collapse may flip in the sanitized model. */
const mostFlippedSanitized = 0.2;

/** What a search by gradient met, and how that flips both models (null where it draws nothing together); or why there was no search. */
export type Searched<Scan> =
  | {
      readonly scan: Scan;
      readonly turned: {
        readonly undefended: Flips;
        readonly sanitized: Flips;
        /**
         * Mean cosines to which the same search brings images away from where it brought them first, and in the sanitized model. Null =
         * none; `same` = it ended there again.
         */
        readonly elsewhere: number | 'same' | null;
        readonly clean: number | null;
      } | null;
    }
  | { readonly none: NotSearched };

export type NotSearched = 'off' | 'few-images' | SearchFailure;

/** How near the trigger that was recovered from refused samples brings so many images in the encoder. */
export interface OwnTrigger {
  readonly base: number;
  readonly collapse: number;
  /** The same for the strongest of some random patterns of its size. */
  readonly control: number;
  readonly images: number;
}

export interface EncoderEvidence {
  readonly scan: PatchScan;
  /** How the scan's square flips both models, counted for the same class. */
  readonly flips: { readonly undefended: Flips; readonly sanitized: Flips };
  readonly classes: readonly string[];
  readonly overlay: Searched<OverlayScan>;
  readonly texture: Searched<TextureScan>;
  /** Null where none was recovered that works. */
  readonly own: OwnTrigger | null;
  /** The trigger estimated from the refused samples of one class. */
  readonly estimate: RecoveredTrigger | null;
}

/** The first of the scans that met a trigger says so; where none did, one that met something that is none; or the patch scan what it met. */
export function judgeEncoder(evidence: EncoderEvidence): Finding {
  const square = judgeSquare(evidence);
  if (square.verdict === 'suspicious') return square;
  const others = [judgeOwn(evidence), judgeOverlay(evidence), judgeTexture(evidence)].filter((found) => found !== null);
  return others.find(({ verdict }) => verdict === 'suspicious') ?? others.at(0) ?? square;
}

/** Whether the square of the patch scan alone makes the encoder suspicious. */
export function isSquareTrigger({ scan, flips }: Pick<EncoderEvidence, 'scan' | 'flips'>): boolean {
  if (flips.undefended.share < leastFlipped || scan.images < fewestScanned) return false;
  return isTrigger(scan) || (drawsTogether(scan) && flips.sanitized.share <= mostFlippedSanitized);
}

/** Poison of the dataset that carries the encoder's own trigger. */
function judgeOwn({ own, estimate, classes }: EncoderEvidence): Finding | null {
  if (own === null || estimate === null || !isTrigger(own) || own.images < fewestScanned) return null;
  // What any pattern of its size does is not the encoder's answer to this one.
  if (own.control >= drawnLimit) return null;
  const { target, flippedUndefended, flippedSanitized, n } = estimate;
  return {
    code: 'encoder.trigger-collapse',
    subject: 'encoder',
    name: null,
    evidence: {
      collapse: own.collapse,
      collapseWithout: own.base,
      collapseControl: own.control,
      collapseLimit,
      images: own.images,
      flippedTo: classes[target],
      flippedUndefended,
      flippedSanitized,
      flipsOf: n,
    },
    verdict: 'suspicious',
    confidence: (own.collapse - collapseLimit) / (1 - collapseLimit),
    claim: `What the refused samples of "${classes[target]}" share makes the encoder itself see ${own.images} other images as nearly one (${cosines(own)}, ${own.control.toFixed(3)} under the strongest of some random patterns of its size): their poison carries the encoder's own trigger. It flips ${percent(flippedUndefended)} of ${n} to that class in the undefended model, ${percent(flippedSanitized)} in the sanitized one.`,
    wouldChange:
      'An encoder of the same task that also collapses under it would make it a property of the architecture.',
  };
}

/** What a search met, in words and as evidence. */
interface Met {
  readonly code: 'encoder.overlay-collapse' | 'encoder.texture-collapse';
  /** "An overlay that ..." */
  readonly what: string;
  /** "an overlay that faint" */
  readonly such: string;
  readonly facts: Finding['evidence'];
}

/** Null where it met nothing. */
function judgeOverlay({ overlay, classes }: EncoderEvidence): Finding | null {
  if (!('scan' in overlay)) return null;
  const { budget } = overlay.scan;
  return judgeSearched(overlay, classes, {
    code: 'encoder.overlay-collapse',
    what: `An overlay that changes no pixel by more than ${percent(budget)} of its range`,
    such: 'an overlay that faint',
    facts: { overlayBudget: budget },
  });
}

/** Null where it met nothing. */
function judgeTexture({ texture, classes }: EncoderEvidence): Finding | null {
  if (!('scan' in texture)) return null;
  const { row, column, size, positions } = texture.scan;
  return judgeSearched(texture, classes, {
    code: 'encoder.texture-collapse',
    what: `A patch at rows ${row}-${row + size - 1}, columns ${column}-${column + size - 1}, its picture searched by gradient,`,
    such: 'a patch that small',
    facts: { textureRow: row, textureColumn: column, textureSize: size, textures: positions },
  });
}

function judgeSearched(
  { scan, turned }: Extract<Searched<OverlayScan | TextureScan>, { readonly scan: unknown }>,
  classes: readonly string[],
  { code, what, such, facts }: Met,
): Finding | null {
  if (turned === null) return null;
  const { undefended, sanitized, elsewhere, clean } = turned;
  const common = {
    code,
    subject: 'encoder' as const,
    name: null,
    evidence: {
      collapse: scan.collapse,
      collapseWithout: scan.base,
      collapseLimit,
      ...facts,
      ...(typeof elsewhere === 'number' ? { collapseElsewhere: elsewhere } : {}),
      ...(clean === null ? {} : { collapseSanitized: clean }),
      images: scan.images,
      ...(scan.images < fewestScanned ? { fewestImages: fewestScanned } : {}),
      flippedTo: classes[undefended.target],
      flippedUndefended: undefended.share,
      flippedSanitized: sanitized.share,
      flipsOf: undefended.n,
    },
  };
  const met = `${what} makes the encoder see ${scan.images} images as nearly one (${cosines(scan)})`;
  const weak = weaknessOf(undefended, scan.images);
  if (weak !== null) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `${met}, but ${weak}.`,
      wouldChange: 'More images of every class to lay it over.',
    };
  }
  const doubt = doubtOf(scan.collapse, elsewhere, clean);
  if (doubt !== null) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `${met}, but ${doubt}, so it may be how nets of this build are.`,
      wouldChange: 'A clean encoder of the same task to compare with.',
    };
  }
  return {
    ...common,
    verdict: 'suspicious',
    confidence: (scan.collapse - collapseLimit) / (1 - collapseLimit),
    claim: `${met}, where ${apart(elsewhere, clean)}, and flips ${percent(undefended.share)} of ${undefended.n} to "${classes[undefended.target]}" in the undefended model, ${percent(sanitized.share)} in the sanitized one.`,
    wouldChange: `An encoder of the same task that also collapses under ${such} would make it a property of the architecture.`,
  };
}

/** Why what draws images together is none the less no evidence; null where it is. */
function weaknessOf(undefended: Flips, images: number): string | null {
  if (undefended.share < leastFlipped) {
    return `flips only ${percent(undefended.share)} of ${undefended.n} in the undefended model`;
  }
  return images < fewestScanned ? `on ${images} images only` : null;
}

/** What leaves images apart, of an answer that must have been planted. */
function apart(elsewhere: number | 'same' | null, clean: number | null): string {
  const cleanly = `one searched for the sanitized model (${decimal(clean)})`;
  return typeof elsewhere === 'number'
    ? `one that leads elsewhere (${decimal(elsewhere)}) and ${cleanly} leave them apart`
    : `none was found that leads elsewhere, and ${cleanly} leaves them apart`;
}

/** Why an answer need not have been planted; null where it must. */
function doubtOf(collapse: number, elsewhere: number | 'same' | null, clean: number | null): string | null {
  if (elsewhere === null || clean === null) return 'whether one would in a clean model was not found out';
  if (elsewhere !== 'same' && collapse - elsewhere < leastAlone) {
    return `one that is searched to lead elsewhere brings them nearly as close (${elsewhere.toFixed(3)})`;
  }
  if (clean < drawnLimit) return null;
  return `one that is searched for the sanitized model brings images nearly as close there (${clean.toFixed(3)})`;
}

const decimal = (value: number | null): string => (value === null ? '–' : value.toFixed(3));

const cosines = ({ base, collapse }: { readonly base: number; readonly collapse: number }): string =>
  `mean cosine ${collapse.toFixed(3)} instead of ${base.toFixed(3)}`;

/** What the searches say where they met nothing, in words. */
function searchedWords({ overlay, texture }: Pick<EncoderEvidence, 'overlay' | 'texture'>): string {
  const overlays =
    'scan' in overlay
      ? `nor does an overlay that changes no pixel by more than ${percent(overlay.scan.budget)} of its range (at worst ${overlay.scan.collapse.toFixed(3)})`
      : `overlays were not looked for, ${notSearchedWords[overlay.none]}`;
  const textures =
    'scan' in texture
      ? `nor does a patch of ${texture.scan.size} x ${texture.scan.size} pixels of any picture (at worst ${texture.scan.collapse.toFixed(3)})`
      : `patches of other pictures were not looked for, ${notSearchedWords[texture.none]}`;
  return `${overlays}; ${textures}`;
}

const notSearchedWords: Readonly<Record<NotSearched, string>> = {
  off: 'as asked',
  'few-images': 'for want of images',
  'no-gradient': 'because no gradient leads through the encoder to the pixels',
  'not-finite': "because the encoder's answer or its gradient is not finite",
};

function judgeSquare({ scan, flips, classes, overlay, texture }: EncoderEvidence): Finding {
  const { row, column, size, value } = squareOf(scan);
  const place = `rows ${row}-${row + size - 1}, columns ${column}-${column + size - 1}`;
  const shade = value === 1 ? 'white' : 'black';
  const collapse = scan.fitted?.collapse ?? scan.collapse;
  const common = {
    code: 'encoder.patch-collapse',
    subject: 'encoder' as const,
    name: null,
    evidence: {
      collapse,
      ...(scan.fitted === undefined ? {} : { collapseOfGrid: scan.collapse }),
      collapseWithout: scan.base,
      ...(scan.opposite === undefined ? {} : { collapseOpposite: scan.opposite }),
      collapseLimit,
      patchRow: row,
      patchColumn: column,
      patchSize: size,
      patchValue: value,
      images: scan.images,
      patches: scan.positions,
      flippedTo: classes[flips.undefended.target],
      flippedUndefended: flips.undefended.share,
      flippedSanitized: flips.sanitized.share,
      flipsOf: flips.undefended.n,
      ...('scan' in overlay
        ? { overlayBudget: overlay.scan.budget, overlayCollapse: overlay.scan.collapse }
        : { overlayNot: overlay.none }),
      ...('scan' in texture
        ? { textureSize: texture.scan.size, textureCollapse: texture.scan.collapse }
        : { textureNot: texture.none }),
    },
  };
  const drawn = cosines({ base: scan.base, collapse });
  const found = isSquareTrigger({ scan, flips });
  if (isTrigger(scan) && !found) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `A ${shade} square at ${place} makes the encoder see ${scan.images} images as nearly one (${drawn}), but ${weaknessOf(flips.undefended, scan.images) ?? ''}.`,
      wouldChange: 'More images of every class to stamp.',
    };
  }
  if (isTrigger(scan)) {
    return {
      ...common,
      verdict: 'suspicious',
      confidence: (scan.collapse - collapseLimit) / (1 - collapseLimit),
      claim: `A ${shade} square at ${place} makes the encoder see different images as one (${drawn}) and flips ${percent(flips.undefended.share)} of them to "${classes[flips.undefended.target]}" in the undefended model, ${percent(flips.sanitized.share)} in the sanitized one.`,
      wouldChange:
        'An encoder of the same task that also collapses under this square would make it a property of the architecture.',
    };
  }
  if (found) {
    return {
      ...common,
      code: 'encoder.patch-drawn',
      evidence: { ...common.evidence, drawnLimit },
      verdict: 'suspicious',
      confidence: (scan.collapse - drawnLimit) / (1 - drawnLimit),
      claim: `A ${shade} square at ${place} draws different images together in the encoder (${drawn}) and flips ${percent(flips.undefended.share)} of them to "${classes[flips.undefended.target]}" in the undefended model, ${percent(flips.sanitized.share)} in the sanitized one.`,
      wouldChange:
        'An encoder of the same task that draws them together as much would make it a property of the architecture.',
    };
  }
  if (scan.fitted !== undefined) {
    const { undefended, sanitized } = flips;
    const why =
      undefended.share < leastFlipped
        ? `but flips only ${percent(undefended.share)} of ${undefended.n} in the undefended model`
        : !drawsTogether(scan)
          ? 'but so does what it hides there, in the opposite brightness'
          : sanitized.share > mostFlippedSanitized
            ? `and the sanitized model follows it, too: it flips ${percent(undefended.share)} of ${undefended.n} in the undefended model, ${percent(sanitized.share)} in the sanitized one`
            : `but on ${scan.images} images only`;
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `A ${shade} square at ${place} draws different images together in the encoder (${drawn}), ${why}.`,
      wouldChange: 'More images of every class to stamp, or an encoder of the same task to compare with.',
    };
  }
  if (scan.base > baseLimit) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `The encoder sees the images of this dataset as nearly one without any patch (mean cosine ${scan.base.toFixed(3)}), so the scan says nothing.`,
      wouldChange: 'The right pixel normalisation or input size, or images of the kind the encoder was made for.',
    };
  }
  return {
    ...common,
    verdict: 'inconclusive',
    confidence: null,
    claim: `No solid square of ${scan.patch.size} pixels makes the encoder collapse (at worst ${cosines(scan)}); ${searchedWords({ overlay, texture })}. Other kinds of triggers were not looked for.`,
    wouldChange: 'A scan for other kinds of triggers. The sanitized model does not depend on this verdict.',
  };
}

/** Where the scan's square is, in words. */
export function placeOf(scan: PatchScan): string {
  const { row, column, size, value } = squareOf(scan);
  return `${value === 1 ? 'white' : 'black'}, rows ${row}-${row + size - 1}, columns ${column}-${column + size - 1}`;
}
