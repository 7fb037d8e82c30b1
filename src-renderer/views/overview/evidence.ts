/** The numbers a finding rests on, in words: what each is, and whether it is a share. */
import { visibleName } from '../../../src-shared/text.ts';
import { formatNumber, formatShare } from '../../numbers.ts';

type Value = number | string | readonly number[];

/** Names as the use cases give them. One that is not here is shown as it is, spaced. */
const known: Readonly<Record<string, { readonly words: string; readonly share?: boolean }>> = {
  samples: { words: 'samples' },
  suspects: { words: 'samples on the suspect list' },
  refused: { words: 'refused samples' },
  refusedShare: { words: 'refused share', share: true },
  refusedShares: { words: 'refused share of each class', share: true },
  typicalShare: { words: 'refused share of the other classes', share: true },
  majorityShare: { words: 'share in the larger of two groups', share: true },
  separation: { words: 'distance of the two groups, in their widths' },
  collapse: { words: 'mean cosine of the images with the square' },
  collapseWithout: { words: 'mean cosine without it' },
  collapseLimit: { words: 'cosine from which this is a collapse' },
  patchRow: { words: 'first row of the square' },
  patchColumn: { words: 'first column of the square' },
  patchSize: { words: 'side of the square, pixels' },
  patchValue: { words: 'brightness of the square, 0 to 1' },
  images: { words: 'images stamped' },
  patches: { words: 'squares tried' },
  flippedTo: { words: 'class it flips to' },
  flippedUndefended: { words: 'flipped, undefended model', share: true },
  flippedSanitized: { words: 'flipped, sanitized model', share: true },
  flipsOf: { words: 'images the flips were counted on' },
};

export function evidenceRow(name: string, value: Value): { readonly words: string; readonly shown: string } {
  const entry = Object.hasOwn(known, name) ? known[name] : undefined;
  const figure = entry?.share === true ? formatShare : formatNumber;
  const shown =
    typeof value === 'number'
      ? figure(value)
      : typeof value === 'string'
        ? visibleName(value)
        : value.map(figure).join(', ');
  return { words: entry?.words ?? spaced(name), shown };
}

/** "flipRateBefore", "flip-rate.before" -> "flip rate before". */
function spaced(name: string): string {
  return visibleName(name)
    .replace(/([a-z])([A-Z])/g, (_, low: string, high: string) => `${low} ${high.toLowerCase()}`)
    .replace(/[._-]+/g, ' ')
    .trim();
}
