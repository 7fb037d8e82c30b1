/** Geometry of the map that is explored: a view that pans and zooms, and which points lie inside a shape. */

/** Screen = place * k + (x, y). */
export interface View {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

export const wholeView: View = { k: 1, x: 0, y: 0 };
const mostZoom = 64;

/** Zooms by `factor` so that the point under (x, y) stays where it is. */
export function zoomAt(view: View, factor: number, x: number, y: number): View {
  const k = Math.min(mostZoom, Math.max(1, view.k * factor));
  const real = k / view.k;
  return { k, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
}

/** Keeps the picture over the frame: what is dragged out comes back at the edge. */
export function keepInside(view: View, width: number, height: number): View {
  const clamp = (value: number, size: number): number => Math.min(0, Math.max(size - size * view.k, value));
  return { k: view.k, x: clamp(view.x, width), y: clamp(view.y, height) };
}

export type Point = readonly [x: number, y: number];

/** Rows whose place lies inside a polygon, by the even-odd rule; a rectangle is a polygon of four points. */
export function rowsInside(polygon: readonly Point[], placeX: ArrayLike<number>, placeY: ArrayLike<number>): number[] {
  if (polygon.length < 3) return [];
  const xs = polygon.map((point) => point[0]);
  const ys = polygon.map((point) => point[1]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const rows: number[] = [];
  for (let row = 0; row < placeX.length; row++) {
    const x = placeX[row];
    const y = placeY[row];
    if (!(x >= left && x <= right && y >= top && y <= bottom)) continue;
    let within = false;
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
      if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) within = !within;
    }
    if (within) rows.push(row);
  }
  return rows;
}

/** The mean of each of `columns` equal parts of a row of values that was ordered by `order`. */
export function binned(values: Float32Array, order: readonly number[], columns: number): Float32Array {
  const out = new Float32Array(columns);
  for (let c = 0; c < columns; c++) {
    const from = Math.floor((c * order.length) / columns);
    const to = Math.max(from + 1, Math.floor(((c + 1) * order.length) / columns));
    let sum = 0;
    for (let at = from; at < to; at++) sum += values[order[at]];
    out[c] = sum / (to - from);
  }
  return out;
}
