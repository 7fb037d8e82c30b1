/** The verdict on the encoder: what the patch scan met, and how its square flips both models. */
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
import type { Flips } from './trigger.ts';

/** Most that a patch which draws images together without collapse may flip in the sanitized model. */
const mostFlippedSanitized = 0.2;

export interface EncoderEvidence {
  readonly scan: PatchScan;
  /** How the scan's square flips both models, counted for the same class. */
  readonly flips: { readonly undefended: Flips; readonly sanitized: Flips };
  readonly classes: readonly string[];
}

export function judgeEncoder({ scan, flips, classes }: EncoderEvidence): Finding {
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
    },
  };
  const cosines = `mean cosine ${collapse.toFixed(3)} instead of ${scan.base.toFixed(3)}`;
  if (isTrigger(scan) && (flips.undefended.share < leastFlipped || scan.images < fewestScanned)) {
    return {
      ...common,
      verdict: 'inconclusive',
      confidence: null,
      claim: `A ${shade} square at ${place} makes the encoder see ${scan.images} images as nearly one (${cosines}), but flips only ${percent(flips.undefended.share)} of ${flips.undefended.n} in the undefended model.`,
      wouldChange: 'More images of every class to stamp.',
    };
  }
  if (isTrigger(scan)) {
    return {
      ...common,
      verdict: 'suspicious',
      confidence: (scan.collapse - collapseLimit) / (1 - collapseLimit),
      claim: `A ${shade} square at ${place} makes the encoder see different images as one (${cosines}) and flips ${percent(flips.undefended.share)} of them to "${classes[flips.undefended.target]}" in the undefended model, ${percent(flips.sanitized.share)} in the sanitized one.`,
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
      claim: `A ${shade} square at ${place} draws different images together in the encoder (${cosines}) and flips ${percent(flips.undefended.share)} of them to "${classes[flips.undefended.target]}" in the undefended model, ${percent(flips.sanitized.share)} in the sanitized one.`,
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
      claim: `A ${shade} square at ${place} draws different images together in the encoder (${cosines}), ${why}.`,
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
    claim: `No solid square of ${scan.patch.size} pixels makes the encoder collapse (at worst mean cosine ${scan.collapse.toFixed(3)} instead of ${scan.base.toFixed(3)}); other kinds of triggers were not looked for.`,
    wouldChange: 'A scan for other kinds of triggers. The sanitized model does not depend on this verdict.',
  };
}

/** Where the scan's square is, in words. */
export function placeOf(scan: PatchScan): string {
  const { row, column, size, value } = squareOf(scan);
  return `${value === 1 ? 'white' : 'black'}, rows ${row}-${row + size - 1}, columns ${column}-${column + size - 1}`;
}
