/** The charts of the shared geometry, drawn as inline SVG. Colour never stands alone: shapes, dashes and words say the same. */
import type { Column, ColumnChart, StackedBar } from '../../../src-shared/charts/bars.ts';
import { columnChart, stackedBars } from '../../../src-shared/charts/bars.ts';
import { lineChart, type Series } from '../../../src-shared/charts/lines.ts';
import { coordinate as c, type Box, type Tick } from '../../../src-shared/charts/scale.ts';
import { marksPath, scatterPlaces } from '../../../src-shared/charts/scatter.ts';
import type { Verdict } from '../../../src-shared/domain/verdict.ts';
import type { MarkNames } from '../document/blocks.ts';
import { scatterMarks } from '../document/marks.ts';
import type { Scatter } from '../record.ts';
import { html, trusted, type Markup } from './markup.ts';

/** Shape, word and colour of a verdict. */
export function badge(verdict: Verdict, word: string, size = 14): Markup {
  return html`<span class="badge ${verdict}">${verdictShape(verdict, size)}${word}</span>`;
}

function verdictShape(verdict: Verdict, size: number): Markup {
  const inside: Readonly<Record<Verdict, string>> = {
    trusted:
      '<circle cx="8" cy="8" r="7.5" fill="currentColor"/><path d="M4.5 8.3l2.4 2.4 4.6-5" fill="none" stroke="var(--surface)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/>',
    suspicious: '<path d="M8 .8l7.6 14H.4z" fill="currentColor"/>',
    inconclusive:
      '<circle cx="8" cy="8" r="7" fill="none" stroke="currentColor" stroke-width="1.6"/><path d="M8 1a7 7 0 0 0 0 14z" fill="currentColor"/>',
    'not-examined':
      '<path d="M1 1h14v14H1zM1 8l7-7M1 15L15 1M8 15l7-7" fill="none" stroke="currentColor" stroke-width="1.4"/>',
  };
  return trusted(
    `<svg width="${size}" height="${size}" viewBox="0 0 16 16" aria-hidden="true">${inside[verdict]}</svg>`,
  );
}

/** `label` says in one sentence what the picture shows. */
function picture(width: number, height: number, label: string, content: readonly Markup[]): Markup {
  return html`<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${content}</svg>`;
}

function yAxis(box: Box, ticks: readonly Tick[]): Markup {
  return html`${ticks.map(
    (tick) =>
      html`<path class="grid" d="M${c(box.x)},${c(tick.at)}h${c(box.width)}" /><text
          x="${c(box.x - 6)}"
          y="${c(tick.at + 4)}"
          text-anchor="end"
          >${tick.label}</text
        >`,
  )}`;
}

function xAxis(box: Box, ticks: readonly Tick[], name: string): Markup {
  const bottom = box.y + box.height;
  return html`<path class="axis" d="M${c(box.x)},${c(bottom)}h${c(box.width)}" />${ticks.map(
      (tick) => html`<text x="${c(tick.at)}" y="${c(bottom + 15)}" text-anchor="middle">${tick.label}</text>`,
    )}<text x="${c(box.x + box.width)}" y="${c(bottom + 30)}" text-anchor="end">${name}</text>`;
}

/** How each kind of mark is drawn. */
const strokesOfMarks: Readonly<Record<keyof MarkNames, string>> = {
  admitted: 'class="dots" stroke-width="3.2"',
  open: 'class="s-inconclusive" stroke-width="1.1"',
  seed: 'class="f-trusted"',
  suspicious: 'class="f-suspicious"',
};

/** Samples on two principal components: dots, rings, diamonds and triangles. */
export function scatterPicture(scatter: Scatter, names: MarkNames, label: string): Markup {
  const [width, height] = [1000, 460];
  const places = scatterPlaces(scatter.x, scatter.y, { x: 8, y: 8, width: width - 16, height: height - 16 });
  const groups = scatterMarks(scatter).map((mark) => ({
    ...mark,
    name: names[mark.id],
    draw: strokesOfMarks[mark.id],
  }));
  const frame = html`<rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6" class="grid" />`;
  const drawn = groups.map(({ shape, radius, draw, which }) =>
    trusted(`<path ${draw} d="${marksPath(shape, places, which, radius)}"/>`),
  );
  const one = { x: Float64Array.of(7), y: Float64Array.of(7) };
  return html`<ul class="legend">
      ${groups.map(
        ({ name, shape, radius, draw, which }) =>
          html`<li>
            ${trusted(`<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path ${draw} d="${marksPath(shape, one, [0], radius * 1.3)}"/></svg>`)}${name}
            (${which.length.toLocaleString('en-US')})
          </li>`,
      )}
    </ul>
    ${picture(width, height, label, [frame, ...drawn])}`;
}

/** Columns with their value above; columns in `marked` are drawn in the accent colour. */
export function columnPicture(columns: readonly Column[], axis: string, label: string, top?: number): Markup {
  const box = { x: 52, y: 20, width: 440, height: 170 };
  const chart: ColumnChart = columnChart(columns, { box, ...(top === undefined ? {} : { top }), labelWidth: 30 });
  const bars = chart.columns.map(
    (column) =>
      html`<rect
          x="${c(column.x)}"
          y="${c(column.y)}"
          width="${c(column.width)}"
          height="${c(column.height)}"
          class="f-accent"
        />${
          column.labelled
            ? html`<text x="${c(column.x + column.width / 2)}" y="${c(box.y + box.height + 15)}" text-anchor="middle"
                >${column.label}</text
              >`
            : null
        }${
          column.labelled && columns.length <= 16
            ? html`<text class="name" x="${c(column.x + column.width / 2)}" y="${c(column.y - 5)}" text-anchor="middle"
                >${column.value.toLocaleString('en-US')}</text
              >`
            : null
        }`,
  );
  return picture(500, 226, label, [yAxis(box, chart.yTicks), ...bars, xAxis(box, [], axis)]);
}

const strokes = [
  'class="s-accent"',
  'class="s-second" stroke-dasharray="6 3"',
  'class="s-inconclusive" stroke-dasharray="2 3"',
];

/** Up to three curves, told apart by dash and name as well as by colour; null when there is nothing to draw. */
export function linePicture(
  series: readonly Series[],
  axis: string,
  label: string,
  options: { readonly y?: readonly [number, number]; readonly percent?: boolean } = {},
): Markup | null {
  const box = { x: 52, y: 20, width: 440, height: 170 };
  const chart = lineChart(series.slice(0, strokes.length), { box, ...options });
  if (chart === null) return null;
  const lines = chart.lines.map((line, k) => {
    const dots = line.points.length <= 24 ? line.points : [];
    const points = dots.map((point) => `M${c(point.x)},${c(point.y)}h0`).join('');
    return trusted(
      `<path ${strokes[k]} stroke-width="1.8" stroke-linejoin="round" d="${line.path}"/><path ${strokes[k].replace(/ stroke-dasharray="[^"]*"/, '')} stroke-width="5" stroke-linecap="round" d="${points}"/>`,
    );
  });
  const legend =
    series.length < 2
      ? null
      : html`<ul class="legend">
          ${chart.lines.map(
            (line, k) =>
              html`<li>
                ${trusted(`<svg width="28" height="8" viewBox="0 0 28 8" aria-hidden="true"><path ${strokes[k]} stroke-width="2" d="M0,4h28"/></svg>`)}${line.name}
              </li>`,
          )}
        </ul>`;
  return html`${legend}${picture(500, 226, label, [yAxis(box, chart.yTicks), ...lines, xAxis(box, chart.xTicks, axis)])}`;
}

export interface BarRow extends StackedBar {
  /** Written at the end of the row. */
  readonly note: string;
}

/** Rows of two parts: the first solid in the accent colour, the second pale. Words are HTML, so that they never shrink. */
export function barsPicture(rows: readonly BarRow[], label: string, normalise: boolean): Markup {
  const chart = stackedBars(rows, { x: 0, width: 100, row: 10, thickness: 10, normalise });
  const drawn = chart.bars.map((bar, i) => {
    const parts = bar.parts.map(
      (part, k) =>
        `<rect x="${c(part.x)}" y="0" width="${c(part.width)}" height="10" class="${k === 0 ? 'f-accent' : 'f-part'}"/>`,
    );
    const drawing = `<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">${parts.join('')}</svg>`;
    return html`<span>${shortened(bar.label, 44)}</span>${trusted(drawing)}<span class="note">${rows[i].note}</span>`;
  });
  return html`<div class="bars" role="group" aria-label="${label}">${drawn}</div>`;
}

/** At most `length` characters, without cutting one in two. */
export function shortened(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
