/** The charts of the shared geometry as vectors of the PDF, as `html/pictures.ts` draws them for the page. */
import { columnChart, stackedBars } from '../../../src-shared/charts/bars.ts';
import { lineChart } from '../../../src-shared/charts/lines.ts';
import type { Box, Tick } from '../../../src-shared/charts/scale.ts';
import { marksPath, scatterPlaces } from '../../../src-shared/charts/scatter.ts';
import type { Chart, MarkNames } from '../document/blocks.ts';
import { scatterMarks } from '../document/marks.ts';
import { colours, shownIn } from './fonts.ts';

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

const scatterSize = { width: 1000, height: 460, legend: 28 };
const chartSize = { width: 500, height: 226, legend: 16 };
const barRow = 13;

/** Height on the page for a width; 0 when there is nothing to draw. */
export function chartHeight(chart: Chart, width: number): number {
  switch (chart.kind) {
    case 'scatter':
      return ((scatterSize.height + scatterSize.legend) / scatterSize.width) * width;
    case 'bars':
      return chart.rows.length * barRow;
    case 'columns':
      return (chartSize.height / chartSize.width) * width;
    case 'lines':
      if (lineChart(chart.series, { box }) === null) return 0;
      return ((chartSize.height + (chart.series.length > 1 ? chartSize.legend : 0)) / chartSize.width) * width;
  }
}

export function drawChart(doc: PDFKit.PDFDocument, chart: Chart, place: Place): void {
  doc.save();
  switch (chart.kind) {
    case 'scatter':
      drawScatter(doc, chart, place);
      break;
    case 'bars':
      drawBars(doc, chart, place);
      break;
    case 'columns':
      inUnits(doc, place, chartSize.width, () => drawColumns(doc, chart));
      break;
    case 'lines':
      inUnits(doc, place, chartSize.width, () => drawLines(doc, chart));
      break;
  }
  doc.restore();
}

function inUnits(doc: PDFKit.PDFDocument, { x, y, width }: Place, units: number, draw: () => void): void {
  doc.translate(x, y).scale(width / units);
  draw();
}

function label(
  doc: PDFKit.PDFDocument,
  text: string,
  x: number,
  baseline: number,
  { anchor = 'start', size = 11, colour = colours.muted as string } = {},
): void {
  doc.font('regular').fontSize(size);
  const shown = shownIn(doc, text);
  const width = doc.widthOfString(shown);
  const left = anchor === 'end' ? x - width : anchor === 'middle' ? x - width / 2 : x;
  doc.fillColor(colour).text(shown, left, baseline - size * 0.85, { lineBreak: false });
}

const markColours: Readonly<Record<keyof MarkNames, string>> = {
  admitted: colours.dot,
  open: colours.inconclusive,
  seed: colours.trusted,
  suspicious: colours.suspicious,
};

function drawScatter(doc: PDFKit.PDFDocument, chart: Extract<Chart, { kind: 'scatter' }>, place: Place): void {
  const { width, height, legend } = scatterSize;
  const places = scatterPlaces(chart.scatter.x, chart.scatter.y, {
    x: 8,
    y: 8,
    width: width - 16,
    height: height - 16,
  });
  inUnits(doc, place, width, () => {
    let x = 0;
    const groups = scatterMarks(chart.scatter);
    const draw = (path: string, id: keyof MarkNames): void => {
      if (path === '') return;
      const colour = markColours[id];
      doc.path(path);
      if (id === 'admitted') doc.lineCap('round').lineWidth(3.2).stroke(colour);
      else if (id === 'open') doc.lineCap('butt').lineWidth(1.1).stroke(colour);
      else doc.fill(colour);
    };
    for (const { id, shape, radius, which } of groups) {
      const one = { x: Float64Array.of(x + 8), y: Float64Array.of(10) };
      draw(marksPath(shape, one, [0], radius * 1.8), id);
      const text = `${chart.marks[id]} (${which.length})`;
      label(doc, text, x + 20, 15, { size: 15 });
      x += 20 + doc.widthOfString(text) + 28;
    }
    doc.translate(0, legend);
    doc
      .roundedRect(0.5, 0.5, width - 1, height - 1, 6)
      .lineWidth(1)
      .stroke(colours.line);
    for (const { id, shape, radius, which } of groups) draw(marksPath(shape, places, which, radius), id);
  });
}

const box: Box = { x: 52, y: 20, width: 440, height: 170 };

function axes(doc: PDFKit.PDFDocument, yTicks: readonly Tick[], xTicks: readonly Tick[], name: string): void {
  const bottom = box.y + box.height;
  for (const tick of yTicks) {
    doc
      .moveTo(box.x, tick.at)
      .lineTo(box.x + box.width, tick.at)
      .lineWidth(0.8)
      .stroke(colours.line);
    label(doc, tick.label, box.x - 6, tick.at + 4, { anchor: 'end' });
  }
  doc
    .moveTo(box.x, bottom)
    .lineTo(box.x + box.width, bottom)
    .lineWidth(1)
    .stroke(colours.muted);
  for (const tick of xTicks) label(doc, tick.label, tick.at, bottom + 15, { anchor: 'middle' });
  label(doc, name, box.x + box.width, bottom + 30, { anchor: 'end' });
}

function drawColumns(doc: PDFKit.PDFDocument, { columns, axis }: Extract<Chart, { kind: 'columns' }>): void {
  const chart = columnChart(columns, { box, labelWidth: 30 });
  axes(doc, chart.yTicks, [], axis);
  for (const column of chart.columns) {
    doc.rect(column.x, column.y, column.width, column.height).fill(colours.accent);
    const middle = column.x + column.width / 2;
    if (column.labelled) label(doc, column.label, middle, box.y + box.height + 15, { anchor: 'middle' });
    if (column.labelled && columns.length <= 16) {
      label(doc, column.value.toLocaleString('en-US'), middle, column.y - 5, {
        anchor: 'middle',
        colour: colours.text,
      });
    }
  }
}

const strokes: readonly { readonly colour: string; readonly dash: readonly [number, number] | null }[] = [
  { colour: colours.accent, dash: null },
  { colour: colours.second, dash: [6, 3] },
  { colour: colours.inconclusive, dash: [2, 3] },
];

function drawLines(doc: PDFKit.PDFDocument, lines: Extract<Chart, { kind: 'lines' }>): void {
  const { series, axis, y, percent } = lines;
  const chart = lineChart(series.slice(0, strokes.length), {
    box,
    ...(y === undefined ? {} : { y }),
    ...(percent === undefined ? {} : { percent }),
  });
  if (chart === null) return;
  if (series.length > 1) {
    let x = box.x;
    chart.lines.forEach((line, k) => {
      stroke(doc.moveTo(x, 8).lineTo(x + 26, 8), k);
      label(doc, line.name, x + 32, 12);
      x += 32 + doc.widthOfString(line.name) + 24;
    });
    doc.translate(0, chartSize.legend);
  }
  axes(doc, chart.yTicks, chart.xTicks, axis);
  chart.lines.forEach((line, k) => {
    if (line.path !== '') stroke(doc.path(line.path), k);
    if (line.points.length <= 24)
      for (const point of line.points) doc.circle(point.x, point.y, 2.5).fill(strokes[k].colour);
  });
}

function stroke(doc: PDFKit.PDFDocument, k: number): void {
  const { colour, dash } = strokes[k];
  if (dash !== null) doc.dash(dash[0], { space: dash[1] });
  doc.lineWidth(1.8).lineJoin('round').stroke(colour);
  doc.undash();
}

function drawBars(doc: PDFKit.PDFDocument, { rows }: Extract<Chart, { kind: 'bars' }>, { x, y, width }: Place): void {
  const nameWidth = 170;
  const noteWidth = 90;
  const bars = stackedBars(rows, {
    x: nameWidth,
    width: width - nameWidth - noteWidth,
    row: barRow,
    thickness: 7,
    normalise: true,
  });
  doc.translate(x, y);
  bars.bars.forEach((bar, i) => {
    label(doc, shortened(shownIn(doc.font('regular'), bar.label), 36), 0, bar.y + 3, {
      size: 7.5,
      colour: colours.text,
    });
    bar.parts.forEach((part, k) => {
      doc.rect(part.x, part.y, part.width, part.height).fill(k === 0 ? colours.accent : colours.part);
    });
    label(doc, rows[i].note, width, bar.y + 3, { anchor: 'end', size: 7.5 });
  });
}

function shortened(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
