/** The map of samples as pixels: who is drawn alike, and all of them painted into one picture. */
import type { SampleTable } from '../../src-shared/contract.ts';
import type { ColourBy } from './colours.ts';
import type { View } from './explore.ts';
import { drawingOrder, standingCodes, type Standing } from './standing.ts';
import { makeStamp, paint, type Pixels, type Rgb, type StampShape } from './stamps.ts';

interface Look {
  readonly role: string;
  readonly shape: StampShape;
  readonly grow: number;
  readonly alpha: number;
}

const looks: Readonly<Record<Standing, Look>> = {
  open: { role: 'class-other', shape: 'dot', grow: 0.85, alpha: 0.6 },
  admitted: { role: 'class-other', shape: 'dot', grow: 0.85, alpha: 0.6 },
  refused: { role: 'inconclusive', shape: 'square', grow: 1, alpha: 1 },
  pool: { role: 'class-1', shape: 'ring', grow: 1.15, alpha: 1 },
  seed: { role: 'trusted', shape: 'dot', grow: 1.3, alpha: 1 },
  suspect: { role: 'suspicious', shape: 'triangle', grow: 1.7, alpha: 1 },
};
const fadedAlpha = 0.16;

/** Rows that look the same. */
export interface MarkGroup {
  readonly standing: Standing;
  /** Colour role. */
  readonly role: string;
  readonly faded: boolean;
  readonly rows: Int32Array;
}

/**
 * Groups all rows, in the order in which they are drawn.
 * @param colours colour number per class, null for "other"
 * @param chosen rows that stand out; when there are any, all others fade, whatever `onlyClass` says
 */
export function groupMarks(
  table: SampleTable,
  colourBy: ColourBy,
  colours: readonly (number | null)[],
  chosen: ReadonlySet<number>,
  onlyClass: number | null,
): readonly MarkGroup[] {
  const codes = standingCodes(table);
  const { label } = table.columns;
  const slots = Math.max(0, ...colours.map((colour) => (colour ?? -1) + 1)) + 1;
  const slotOf = Int32Array.from(colours, (colour) => (colour === null ? 0 : colour + 1));
  const byColour = colourBy === 'class';
  const fading = chosen.size > 0;
  // Faded ones first, then by standing, then by colour: counted, then put where they belong.
  const places = new Uint16Array(codes.length);
  const counts = new Int32Array(2 * drawingOrder.length * slots);
  for (let row = 0; row < codes.length; row++) {
    const faded = fading ? !chosen.has(row) : onlyClass !== null && onlyClass !== label[row];
    const slot = byColour ? slotOf[label[row]] : 0;
    const place = ((faded ? 0 : 1) * drawingOrder.length + codes[row]) * slots + slot;
    places[row] = place;
    counts[place] += 1;
  }
  const groups = Array.from(counts, (count) => new Int32Array(count));
  counts.fill(0);
  for (let row = 0; row < places.length; row++) groups[places[row]][counts[places[row]]++] = row;
  return groups.flatMap((rows, place) => {
    if (rows.length === 0) return [];
    const slot = place % slots;
    const standing = drawingOrder[Math.floor(place / slots) % drawingOrder.length];
    const role = byColour ? (slot === 0 ? 'class-other' : `class-${slot}`) : looks[standing].role;
    return [{ standing, role, faded: place < drawingOrder.length * slots, rows }];
  });
}

export interface MapPlaces {
  /** Frame pixels at no zoom, one per row; NaN where a row has none. */
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/** Radius of an ordinary mark, in frame pixels: the more there are, the smaller. */
function markRadius(rows: number, zoom: number): number {
  const plain = rows > 20_000 ? 1.5 : rows > 5_000 ? 2 : 2.8;
  return plain * Math.min(2, 0.8 + 0.2 * zoom);
}

let spare: ArrayBuffer | null = null;

/**
 * Pixels of a picture, of whatever colour. Memory that was given back is used again: memory that nobody has touched yet is
 * slow to write to, and the picture of a map is the largest thing that a view makes.
 */
export function takePixels(width: number, height: number): ImageData {
  const bytes = 4 * width * height;
  const buffer = spare !== null && spare.byteLength >= bytes ? spare : new ArrayBuffer(bytes);
  spare = null;
  return new ImageData(new Uint8ClampedArray(buffer, 0, bytes), width, height);
}

/** Says that nobody reads or writes these pixels any more. */
export function returnPixels({ data: { buffer } }: ImageData): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > (spare?.byteLength ?? 0)) spare = buffer;
}

/** Marks that are painted before whoever has the map painted can do something else. */
const marksPerPart = 4096;

/**
 * Paints the whole map over `pixels`, part by part: what is asked for next is the next part.
 * @param view of the picture: what lies at place p is painted at p * k + (x, y), in frame pixels
 * @param ratio picture pixels per frame pixel
 * @param palette by colour role; `raised` is the ground
 */
export function* paintMap(
  pixels: Pixels,
  places: MapPlaces,
  groups: readonly MarkGroup[],
  view: View,
  ratio: number,
  palette: ReadonlyMap<string, Rgb>,
): Generator<void> {
  const [red, green, blue] = palette.get('raised') ?? [255, 255, 255];
  const { buffer, byteOffset, byteLength } = pixels.data;
  new Uint32Array(buffer, byteOffset, byteLength / 4).fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
  const rows = places.x.length;
  const seen = { k: view.k * ratio, x: view.x * ratio, y: view.y * ratio };
  const radius = markRadius(rows, view.k) * ratio;
  for (const group of groups) {
    const { shape, grow, alpha } = looks[group.standing];
    const stamp = makeStamp(shape, radius * grow);
    const colour = palette.get(group.role) ?? [0, 0, 0];
    for (let from = 0; from < group.rows.length; from += marksPerPart) {
      const part = group.rows.subarray(from, from + marksPerPart);
      paint(pixels, stamp, colour, group.faded ? fadedAlpha : alpha, part, places, seen);
      yield;
    }
  }
}
