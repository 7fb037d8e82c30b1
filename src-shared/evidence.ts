/** The numbers a finding rests on, in words, the same in every report and view: what each is, and whether it is a share. */
import { visibleName } from './text.ts';

type Value = number | string | readonly number[];

/** Names as the use cases give them. One that is not here is shown as it is, spaced. */
const known: Readonly<Record<string, { readonly words: string; readonly share?: boolean }>> = {
  samples: { words: 'samples' },
  suspects: { words: 'samples on the suspect list' },
  refused: { words: 'refused samples' },
  marked: { words: 'samples that show the trigger of the encoder' },
  carrying: { words: 'samples that carry a pattern which a model learnt' },
  showing: { words: 'other samples that show the recovered trigger' },
  refusedShare: { words: 'refused share', share: true },
  refusedShares: { words: 'refused share of each class', share: true },
  typicalShare: { words: 'refused share of the other classes', share: true },
  scattered: { words: 'samples firmly refused that look like classes not confused with this one' },
  scatteredShare: { words: 'share firmly refused that looks like classes not confused with this one', share: true },
  majorityShare: { words: 'share in the larger of two groups', share: true },
  separation: { words: 'distance of the two groups, in their widths' },
  collapse: { words: 'mean cosine of the images with the pattern' },
  collapseOfGrid: { words: 'mean cosine with the nearest of the squares tried' },
  collapseWithout: { words: 'mean cosine without it' },
  collapseOpposite: { words: 'mean cosine with the square of opposite brightness' },
  collapseControl: { words: 'mean cosine with the strongest of some random patterns of its size' },
  collapseElsewhere: { words: 'mean cosine with what was searched to lead elsewhere' },
  collapseSanitized: { words: 'mean cosine in the sanitized model, with what was searched for it' },
  overlayCollapse: { words: 'mean cosine with the worst faint overlay' },
  overlayBudget: { words: 'most that an overlay changes a pixel', share: true },
  overlayNot: { words: 'why no overlay was searched' },
  textureCollapse: { words: 'mean cosine with the worst patch of any picture' },
  textureRow: { words: 'first row of the patch' },
  textureColumn: { words: 'first column of the patch' },
  textureSize: { words: 'side of the patch, pixels' },
  textures: { words: 'places of the patch tried' },
  textureNot: { words: 'why no patch of any picture was searched' },
  collapseLimit: { words: 'cosine from which this is a collapse' },
  drawnLimit: { words: 'cosine from which it counts where the square turns images in the undefended model alone' },
  patchRow: { words: 'first row of the square' },
  patchColumn: { words: 'first column of the square' },
  patchSize: { words: 'side of the square, pixels' },
  patchValue: { words: 'brightness of the square, 0 to 1' },
  images: { words: 'images stamped' },
  fewestImages: { words: 'fewest images from which it counts' },
  patches: { words: 'squares tried' },
  flippedTo: { words: 'class it flips to' },
  flippedUndefended: { words: 'flipped, undefended model', share: true },
  flippedSanitized: { words: 'flipped, sanitized model', share: true },
  shownIn: { words: 'class of those that show the trigger of the encoder' },
  shownByTarget: { words: 'of that class, samples that show it' },
  shownByOthers: { words: 'of the other classes, samples that show it' },
  setAside: { words: 'samples that show it and were not taught to the sanitized model' },
  flippedControl: { words: 'flipped by a random pattern of its size, undefended model', share: true },
  strength: { words: 'times as strong as it was estimated, laid on' },
  sharing: { words: 'samples that share the pattern' },
  turnedFirst: { words: 'turned into the class by it, model grown before', share: true },
  turnedSanitized: { words: 'turned into the class by it, sanitized model', share: true },
  turnedWithout: { words: 'turned, model without these samples', share: true },
  turnedOf: { words: 'images it was laid over' },
  acceptedWithout: { words: 'of these samples, accepted by that model', share: true },
  knownWithout: { words: 'of the rest of the class, accepted by that model', share: true },
  crowdedIn: { words: 'class they crowd in' },
  takenFor: { words: 'class most of them are taken for' },
  directions: { words: 'taken for one of two classes', share: true },
  likeLabel: { words: 'of the images nearest to them, those with their label', share: true },
  rivalsLikeLabel: { words: 'the same of images of the class they are taken for', share: true },
  flipsOf: { words: 'images the flips were counted on' },
};

/** How a language writes numbers and shares. */
export interface EvidenceFigures {
  number(value: number): string;
  share(value: number): string;
}

/** @param figures English ones unless others are given; the words are English and have translations as terms. */
export function evidenceRow(
  name: string,
  value: Value,
  figures: EvidenceFigures = { number: numberText, share: shareText },
): { readonly words: string; readonly shown: string } {
  const entry = Object.hasOwn(known, name) ? known[name] : undefined;
  const figure = entry?.share === true ? figures.share : figures.number;
  const shown =
    typeof value === 'number' ? figure(value) : typeof value === 'string' ? visibleName(value) : list(value, figure);
  return { words: entry?.words ?? spaced(name), shown };
}

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });

/** Three significant digits; "–" for what is not known. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Number.isInteger(value) ? whole.format(value) : short.format(value);
}

/** A share 0..1 as "42 %" or, below 10 %, "4.2 %". */
export function shareText(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const percent = share * 100;
  return `${percent !== 0 && Math.abs(percent) < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** The first twelve, and how many there are. */
function list(values: readonly number[], figure: (value: number) => string): string {
  const first = values.slice(0, 12).map(figure).join(', ');
  return values.length > 12 ? `${first}, … (${values.length} values)` : first;
}

/** "flipRateBefore", "flip-rate.before" -> "flip rate before". */
function spaced(name: string): string {
  return visibleName(name)
    .replace(/([a-z])([A-Z])/g, (_, low: string, high: string) => `${low} ${high.toLowerCase()}`)
    .replace(/[._-]+/g, ' ')
    .trim();
}
