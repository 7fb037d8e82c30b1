/** Bars: upright columns along an axis of names, and lying bars of stacked parts. */
import { linear, niceDomain, ticks, type Box, type Tick } from './scale.ts';

export interface Column {
  readonly label: string;
  readonly value: number;
}

export interface ColumnChart {
  readonly box: Box;
  readonly yTicks: readonly Tick[];
  readonly columns: readonly {
    readonly label: string;
    readonly value: number;
    readonly x: number;
    readonly y: number;
    readonly width: number;
    readonly height: number;
    /** False where labels stand too close and this one should not be written. */
    readonly labelled: boolean;
  }[];
}

export interface ColumnChartOptions {
  readonly box: Box;
  /** Top of the axis; by default a round number above the data. */
  readonly top?: number;
  /** Share of a column's room that stays empty, 0..1. */
  readonly gap?: number;
  /** Room that a label needs, in the chart's units. */
  readonly labelWidth?: number;
}

/** Values must not be negative; one that is not finite is drawn as nothing. */
export function columnChart(columns: readonly Column[], options: ColumnChartOptions): ColumnChart {
  const { box, gap = 0.3, labelWidth = 24 } = options;
  const largest = columns.reduce((most, one) => (one.value > most ? one.value : most), 0);
  const domain: [number, number] = [0, options.top ?? niceDomain([0, largest], 4)[1]];
  const y = linear(domain, [box.y + box.height, box.y]);
  const room = box.width / Math.max(1, columns.length);
  const width = Math.min(room * (1 - gap), 48);
  const every = Math.max(1, Math.ceil(labelWidth / room));
  return {
    box,
    yTicks: ticks(domain, y, 4),
    columns: columns.map(({ label, value }, i) => {
      const top = y(Number.isFinite(value) ? value : 0);
      return {
        label,
        value,
        x: box.x + room * i + (room - width) / 2,
        y: top,
        width,
        height: box.y + box.height - top,
        labelled: i % every === 0,
      };
    }),
  };
}

export interface StackedBar {
  readonly label: string;
  /** Lengths of the parts, from left to right. */
  readonly parts: readonly number[];
}

export interface StackedBars {
  readonly width: number;
  readonly height: number;
  readonly bars: readonly {
    readonly label: string;
    /** Middle of the bar. */
    readonly y: number;
    readonly parts: readonly {
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly value: number;
    }[];
  }[];
}

/** One row per bar. `normalise`: every bar is as long as the chart, so that shares are compared and not sizes. */
export function stackedBars(
  bars: readonly StackedBar[],
  options: {
    readonly x: number;
    readonly width: number;
    readonly row: number;
    readonly thickness: number;
    readonly normalise: boolean;
  },
): StackedBars {
  const { x, width, row, thickness } = options;
  const total = (bar: StackedBar): number => bar.parts.reduce((sum, part) => sum + part, 0);
  const longest = bars.reduce((most, bar) => Math.max(most, total(bar)), 0);
  return {
    width: x + width,
    height: bars.length * row,
    bars: bars.map((bar, i) => {
      const whole = options.normalise ? total(bar) : longest;
      let at = x;
      const y = i * row + row / 2;
      const parts = bar.parts.map((value) => {
        const length = whole > 0 ? (value / whole) * width : 0;
        const part = { x: at, y: y - thickness / 2, width: length, height: thickness, value };
        at += length;
        return part;
      });
      return { label: bar.label, y, parts };
    }),
  };
}
