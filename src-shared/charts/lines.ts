/** Curves over a common x axis. */
import { coordinate, extent, linear, niceDomain, ticks, type Box, type Tick } from './scale.ts';

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface LineChartOptions {
  readonly box: Box;
  /** Fixed ends of the y axis; by default from zero to a round number above the data. */
  readonly y?: readonly [number, number];
  readonly percent?: boolean;
  readonly xTicks?: number;
  readonly yTicks?: number;
}

export interface LineChart {
  readonly box: Box;
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
  readonly lines: readonly {
    readonly name: string;
    /** SVG path; a gap where a value is missing. */
    readonly path: string;
    readonly points: readonly { readonly x: number; readonly y: number; readonly value: number }[];
  }[];
}

/** @returns null when no series has a finite point. */
export function lineChart(series: readonly Series[], options: LineChartOptions): LineChart | null {
  const { box } = options;
  const xs = extent(series.flatMap((one) => one.points.map((point) => point[0])));
  const ys = extent(series.flatMap((one) => one.points.map((point) => point[1])));
  if (xs === null || ys === null) return null;
  const yDomain = options.y ?? niceDomain([Math.min(0, ys[0]), ys[1]], options.yTicks ?? 4);
  const x = linear(xs, [box.x, box.x + box.width]);
  const y = linear(yDomain, [box.y + box.height, box.y]);
  return {
    box,
    xTicks: ticks(xs, x, options.xTicks ?? 6),
    yTicks: ticks(yDomain, y, options.yTicks ?? 4, options.percent),
    lines: series.map(({ name, points }) => {
      let pen = 'M';
      const parts: string[] = [];
      const places: { x: number; y: number; value: number }[] = [];
      for (const [px, py] of points) {
        if (!Number.isFinite(px) || !Number.isFinite(py)) {
          pen = 'M';
          continue;
        }
        parts.push(`${pen}${coordinate(x(px))},${coordinate(y(py))}`);
        places.push({ x: x(px), y: y(py), value: py });
        pen = 'L';
      }
      return { name, path: parts.join(''), points: places };
    }),
  };
}
