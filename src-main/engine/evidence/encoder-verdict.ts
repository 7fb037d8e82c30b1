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
import type { NoOverlay, OverlayScan } from './overlay-scan.ts';
import type { Flips } from './trigger.ts';

/** Most that a patch which draws images together without collapse may flip in the sanitized model. */
const mostFlippedSanitized = 0.2;

/** What the overlay scan met, and how its overlay flips both models (null where it draws nothing together); or why there was no scan. */
export type Overlay =
  | {
      readonly scan: OverlayScan;
      /** With the mean cosine to which an overlay searched for the sanitized model brings images there; null = not searched. */
      readonly turned: { readonly undefended: Flips; readonly sanitized: Flips; readonly clean: number | null } | null;
    }
  | { readonly none: 'off' | 'few-images' | NoOverlay };

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
  readonly overlay: Overlay;
  /** Null where none was recovered that works. */
  readonly own: OwnTrigger | null;
  /** The trigger estimated from the refused samples of one class. */
  readonly estimate: RecoveredTrigger | null;
}

/** The first of the scans that met a trigger says so; where none did, the patch scan says what it met. */
export function judgeEncoder(evidence: EncoderEvidence): Finding {
  const square = judgeSquare(evidence);
  if (square.verdict === 'suspicious') return square;
  return judgeOwn(evidence) ?? judgeOverlay(evidence) ?? square;
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

/** Null where it met nothing. */
function judgeOverlay({ overlay, classes }: EncoderEvidence): Finding | null {
  if (!('scan' in overlay) || overlay.turned === null) return null;
  const { scan, turned } = overlay;
  const { undefended, sanitized, clean } = turned;
  const common = {
    code: 'encoder.overlay-collapse',
    subject: 'encoder' as const,
    name: null,
    evidence: {
      collapse: scan.collapse,
      collapseWithout: scan.base,
      collapseLimit,
      overlayBudget: scan.budget,
      ...(clean === null ? {} : { collapseSanitized: clean }),
      images: scan.images,
      flippedTo: classes[undefended.target],
      flippedUndefended: undefended.share,
      flippedSanitized: sanitized.share,
      flipsOf: undefended.n,
    },
  };
  const met = `An overlay that changes no pixel by more than ${percent(scan.budget)} of its range makes the encoder see ${scan.images} images as nearly one (${cosines(scan)})`;
  if (undefended.share < leastFlipped || scan.images < fewestScanned) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `${met}, but flips only ${percent(undefended.share)} of ${undefended.n} in the undefended model.`,
      wouldChange: 'More images of every class to lay it over.',
    };
  }
  if (clean === null || clean >= drawnLimit) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `${met}, but ${clean === null ? 'whether one would in a clean model was not found out' : `one that is searched for the sanitized model brings images nearly as close there (${clean.toFixed(3)})`}, so it may be how nets of this build are.`,
      wouldChange: 'A clean encoder of the same task to compare with.',
    };
  }
  return {
    ...common,
    verdict: 'suspicious',
    confidence: (scan.collapse - collapseLimit) / (1 - collapseLimit),
    claim: `${met}, where one searched for the sanitized model leaves them apart (${clean.toFixed(3)}), and flips ${percent(undefended.share)} of ${undefended.n} to "${classes[undefended.target]}" in the undefended model, ${percent(sanitized.share)} in the sanitized one.`,
    wouldChange:
      'An encoder of the same task that also collapses under an overlay that faint would make it a property of the architecture.',
  };
}

const cosines = ({ base, collapse }: { readonly base: number; readonly collapse: number }): string =>
  `mean cosine ${collapse.toFixed(3)} instead of ${base.toFixed(3)}`;

/** What the overlay scan says where it met nothing, in words. */
function overlayWords(overlay: Overlay): string {
  if ('scan' in overlay) {
    const { scan } = overlay;
    return `nor does an overlay that changes no pixel by more than ${percent(scan.budget)} of its range (at worst ${scan.collapse.toFixed(3)})`;
  }
  switch (overlay.none) {
    case 'off':
      return 'overlays were not looked for, as asked';
    case 'few-images':
      return 'overlays were not looked for, for want of images';
    case 'no-gradient':
      return 'overlays were not looked for, because the encoder has an operator without a gradient';
    case 'not-finite':
      return 'overlays were not looked for, because what the encoder answers is not finite';
  }
}

function judgeSquare({ scan, flips, classes, overlay }: EncoderEvidence): Finding {
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
    },
  };
  const apart = cosines({ base: scan.base, collapse });
  if (isTrigger(scan) && (flips.undefended.share < leastFlipped || scan.images < fewestScanned)) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `A ${shade} square at ${place} makes the encoder see ${scan.images} images as nearly one (${apart}), but flips only ${percent(flips.undefended.share)} of ${flips.undefended.n} in the undefended model.`,
      wouldChange: 'More images of every class to stamp.',
    };
  }
  if (isTrigger(scan)) {
    return {
      ...common,
      verdict: 'suspicious',
      confidence: (scan.collapse - collapseLimit) / (1 - collapseLimit),
      claim: `A ${shade} square at ${place} makes the encoder see different images as one (${apart}) and flips ${percent(flips.undefended.share)} of them to "${classes[flips.undefended.target]}" in the undefended model, ${percent(flips.sanitized.share)} in the sanitized one.`,
      wouldChange:
        'An encoder of the same task that also collapses under this square would make it a property of the architecture.',
    };
  }
  const setsApart = flips.undefended.share >= leastFlipped && flips.sanitized.share <= mostFlippedSanitized;
  if (drawsTogether(scan) && setsApart && scan.images >= fewestScanned) {
    return {
      ...common,
      code: 'encoder.patch-drawn',
      evidence: { ...common.evidence, drawnLimit },
      verdict: 'suspicious',
      confidence: (scan.collapse - drawnLimit) / (1 - drawnLimit),
      claim: `A ${shade} square at ${place} draws different images together in the encoder (${apart}) and flips ${percent(flips.undefended.share)} of them to "${classes[flips.undefended.target]}" in the undefended model, ${percent(flips.sanitized.share)} in the sanitized one.`,
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
      claim: `A ${shade} square at ${place} draws different images together in the encoder (${apart}), ${why}.`,
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
    claim: `No solid square of ${scan.patch.size} pixels makes the encoder collapse (at worst ${cosines(scan)}); ${overlayWords(overlay)}. Other kinds of triggers were not looked for.`,
    wouldChange: 'A scan for other kinds of triggers. The sanitized model does not depend on this verdict.',
  };
}

/** Where the scan's square is, in words. */
export function placeOf(scan: PatchScan): string {
  const { row, column, size, value } = squareOf(scan);
  return `${value === 1 ? 'white' : 'black'}, rows ${row}-${row + size - 1}, columns ${column}-${column + size - 1}`;
}
