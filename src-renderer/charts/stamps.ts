/**
 * Marks painted straight into pixels: a stamp per shape and size, blended where it lands. A canvas path per mark takes
 * a frame for some thousand marks; this takes a few milliseconds for fifty thousand.
 */
import type { View } from './explore.ts';

export type StampShape = 'dot' | 'ring' | 'square' | 'triangle';

export interface Stamp {
  /** Offsets from the middle and how much of that pixel is covered, 0..255. */
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  readonly cover: Uint8Array;
}

/** Colour as 0..255 each. */
export type Rgb = readonly [red: number, green: number, blue: number];

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** RGBA, as `ImageData.data`. */
  readonly data: Uint8ClampedArray;
}

const samplesPerSide = 4;

/** @param radius of the shape in device pixels */
export function makeStamp(shape: StampShape, radius: number): Stamp {
  const reach = Math.ceil(radius + 1);
  const dx: number[] = [];
  const dy: number[] = [];
  const cover: number[] = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      let hits = 0;
      for (let sy = 0; sy < samplesPerSide; sy++) {
        for (let sx = 0; sx < samplesPerSide; sx++) {
          if (inside(shape, x + (sx + 0.5) / samplesPerSide - 0.5, y + (sy + 0.5) / samplesPerSide - 0.5, radius))
            hits++;
        }
      }
      if (hits === 0) continue;
      dx.push(x);
      dy.push(y);
      cover.push(Math.round((255 * hits) / samplesPerSide ** 2));
    }
  }
  return { dx: Int16Array.from(dx), dy: Int16Array.from(dy), cover: Uint8Array.from(cover) };
}

function inside(shape: StampShape, x: number, y: number, r: number): boolean {
  const far = x * x + y * y;
  switch (shape) {
    case 'dot':
      return far <= r * r;
    case 'ring': {
      const hole = r - Math.max(1, 0.42 * r);
      return far <= r * r && (hole <= 0 || far >= hole * hole);
    }
    case 'square':
      return Math.abs(x) <= 0.85 * r && Math.abs(y) <= 0.85 * r;
    case 'triangle':
      // Point up; the base at 0.8 r below the middle.
      return y <= 0.8 * r && y >= -r && Math.abs(x) <= ((y + r) / 1.8) * 1.05;
  }
}

/**
 * Blends `stamp` in `colour` at every row of `rows` that lies within the picture.
 * @param alpha 0..1
 * @param places of all rows; NaN where a row has none
 * @param view a place p is painted at p * k + (x, y), in pixels of the picture
 */
export function paint(
  pixels: Pixels,
  stamp: Stamp,
  colour: Rgb,
  alpha: number,
  rows: ArrayLike<number>,
  places: { readonly x: ArrayLike<number>; readonly y: ArrayLike<number> },
  view: View,
): void {
  const { width, height, data } = pixels;
  const { dx, dy, cover } = stamp;
  const [red, green, blue] = colour;
  const parts = dx.length;
  const share = Float32Array.from(cover, (covered) => (covered / 255) * alpha);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at];
    const x = Math.round(places.x[row] * view.k + view.x);
    const y = Math.round(places.y[row] * view.k + view.y);
    // Also passes over places that are no number.
    if (!(x > -32 && y > -32 && x < width + 32 && y < height + 32)) continue;
    for (let part = 0; part < parts; part++) {
      const px = x + dx[part];
      const py = y + dy[part];
      if (px < 0 || py < 0 || px >= width || py >= height) continue;
      const to = 4 * (py * width + px);
      const a = share[part];
      data[to] += (red - data[to]) * a;
      data[to + 1] += (green - data[to + 1]) * a;
      data[to + 2] += (blue - data[to + 2]) * a;
    }
  }
}

/** "rgb(1, 2, 3)", "rgba(…)" or "color(srgb 0.1 0.2 0.3)", as a browser resolves a colour. */
export function parseColour(text: string): Rgb {
  const numbers = text.match(/-?[\d.]+(?:e-?\d+)?/g)?.map(Number) ?? [];
  const scale = text.startsWith('color(') ? 255 : 1;
  return [0, 1, 2].map((at) => Math.round((numbers[at] ?? 0) * scale)) as unknown as Rgb;
}
