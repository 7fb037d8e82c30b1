/** From values to places on a chart, and round numbers for its axes. Pure numbers; drawn by the page and the reports. */

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Tick {
  /** Place along the axis, in the chart's units. */
  readonly at: number;
  readonly label: string;
}

export type Scale = (value: number) => number;

/** Straight map of `[d0, d1]` to `[r0, r1]`; a domain of one value maps to the middle. */
export function linear([d0, d1]: readonly [number, number], [r0, r1]: readonly [number, number]): Scale {
  if (d0 === d1) return () => (r0 + r1) / 2;
  return (value) => r0 + ((value - d0) / (d1 - d0)) * (r1 - r0);
}

/** Smallest and largest finite value; null when there is none. */
export function extent(values: Iterable<number>): [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** Step of 1, 2 or 5 times a power of ten that divides `span` into about `count` parts. */
export function niceStep(span: number, count: number): number {
  if (!(span > 0)) return 1;
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const times = rough / power;
  return power * (times < 1.5 ? 1 : times < 3.5 ? 2 : times < 7.5 ? 5 : 10);
}

/** Round values within `[low, high]`, both ends included. */
export function niceValues([low, high]: readonly [number, number], count: number): number[] {
  const step = niceStep(high - low, count);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first) + 1 }, (_, i) => (first + i) * step || 0);
}

/** The domain widened to round values. */
export function niceDomain([low, high]: readonly [number, number], count: number): [number, number] {
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
  const step = niceStep(high - low, count);
  return [Math.floor(low / step + 1e-9) * step || 0, Math.ceil(high / step - 1e-9) * step || 0];
}

export function ticks(domain: readonly [number, number], scale: Scale, count: number, percent = false): Tick[] {
  const values = niceValues(domain, count);
  const step = values.length > 1 ? values[1] - values[0] : 1;
  return values.map((value) => ({ at: scale(value), label: percent ? percentLabel(value, step) : label(value, step) }));
}

function label(value: number, step: number): string {
  const digits = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function percentLabel(value: number, step: number): string {
  return `${label(value * 100, step * 100)}%`;
}

/** A coordinate in an SVG path: two digits after the point are a hundredth of a pixel. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100);
}
