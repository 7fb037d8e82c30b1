/**
 * report.pdf: the document on paper, by pdfkit. Tagged (structure tree, alternative texts, language), bookmarked, with
 * page x of y, embedded font subsets and charts as vectors. Every date and id is the record's, so that the same record,
 * language and paper give the same bytes.
 */
import PDFDocument from 'pdfkit';
import type { Paper } from '../../src-shared/domain/report-order.ts';
import { wordsOf, type Language } from '../../src-shared/report-words/words.ts';
import type { Block, Cell, FindingBlock, Section } from './document/blocks.ts';
import { reportDocument } from './document/document.ts';
import { drawChart, chartHeight } from './pdf/charts.ts';
import { colours, registerFonts, shownIn } from './pdf/fonts.ts';
import { artifact, ensureRoom, margin, paragraph, setCell, tagged, type Pen } from './pdf/pen.ts';
import { storedPng } from './pdf/stored-png.ts';
import { drawTable } from './pdf/table.ts';
import type { ReportRecord } from './record.ts';

export interface PdfOptions {
  readonly language: Language;
  readonly paper: Paper;
}

export async function reportPdf(record: ReportRecord, { language, paper }: PdfOptions): Promise<Uint8Array> {
  const document = reportDocument(record, language);
  const words = wordsOf(language);
  const created = new Date(record.createdAt);
  const doc = new PDFDocument({
    size: paper === 'A4' ? 'A4' : 'LETTER',
    margins: margin,
    pdfVersion: '1.7',
    // Compressed parts are written in the order they are ready, which is never the same twice.
    compress: false,
    tagged: true,
    displayTitle: true,
    lang: language,
    bufferPages: true,
    autoFirstPage: false,
    info: {
      Title: shownIn(null, document.title),
      Author: shownIn(null, record.declarations.assessor?.organisation ?? record.tool.name),
      Creator: `${record.tool.name} ${record.tool.version}`,
      Producer: `${record.tool.name} ${record.tool.version}`,
      CreationDate: created,
      ModDate: created,
    },
  });
  const parts: Buffer[] = [];
  const whole = new Promise<void>((resolve, reject) => {
    doc.on('data', (part: Buffer) => parts.push(part));
    doc.on('end', resolve);
    doc.on('error', reject);
  });
  registerFonts(doc);
  doc.addPage();
  const root = doc.struct('Document');
  doc.addStructure(root);
  const pen: Pen = {
    doc,
    left: margin.left,
    width: doc.page.width - margin.left - margin.right,
    parent: root,
  };
  doc.y = margin.top;
  paragraph(pen, 'H1', document.title, { font: 'bold', size: 17, after: 3 });
  paragraph(pen, 'P', document.subtitle, { size: 8, colour: colours.muted, after: 6 });
  document.sections.forEach((section, i) => {
    // The first section is the page for whoever reads no other.
    if (i === 1) doc.addPage();
    drawSection(pen, section);
  });
  doc.moveDown(1);
  for (const text of document.closing) paragraph(pen, 'P', text, { size: 8, colour: colours.muted, after: 4 });
  root.end();
  drawEdges(doc, document.title, document.marking, words['page.of']);
  doc.end();
  await whole;
  return Buffer.concat(parts);
}

function drawSection(pen: Pen, section: Section): void {
  const { doc } = pen;
  const sect = doc.struct('Sect');
  pen.parent.add(sect);
  const inner: Pen = { ...pen, parent: sect };
  // A heading does not stay behind when the picture that it speaks of goes to the next page.
  const [first] = section.blocks;
  ensureRoom(doc, Math.max(180, first?.kind === 'chart' ? 72 + roomOfChart(pen, first) : 0));
  doc.y += 8;
  artifact(doc, () => {
    doc
      .moveTo(pen.left, doc.y)
      .lineTo(pen.left + pen.width, doc.y)
      .lineWidth(0.5)
      .stroke(colours.line);
  });
  doc.y += 7;
  doc.outline.addItem(section.name);
  paragraph(inner, 'P', section.name, { font: 'bold', size: 8, colour: colours.muted, after: 1 });
  paragraph(inner, 'H2', section.claim, { font: 'bold', size: 11.5, after: 7 });
  for (const block of section.blocks) drawBlock(inner, block);
  sect.end();
}

function drawBlock(pen: Pen, block: Block): void {
  const { doc, left } = pen;
  switch (block.kind) {
    case 'text':
      paragraph(pen, 'P', block.text, block.quiet === true ? { size: 8, colour: colours.muted } : {});
      return;
    case 'heading':
      doc.y += 3;
      ensureRoom(doc, 60);
      paragraph(pen, 'H3', block.text, { font: 'bold', size: 9.5, after: 3 });
      return;
    case 'list':
      drawList(pen, block.items);
      return;
    case 'facts':
      drawFacts(pen, block.items);
      return;
    case 'code':
      paragraph(pen, 'P', `${block.what}:`, { size: 8, colour: colours.muted, after: 2 });
      paragraph(pen, 'Code', block.code, { font: 'mono', size: 8, indent: 8 });
      return;
    case 'findings':
      for (const finding of block.findings) drawFinding(pen, finding);
      return;
    case 'pair':
      for (const one of block.blocks) drawBlock(pen, one);
      return;
    case 'table':
      drawTable(pen, block);
      return;
    case 'pictures':
      drawPictures(pen, block.items);
      return;
    case 'chart': {
      const chartWidth = widthOfChart(pen, block);
      const height = chartHeight(block.chart, chartWidth);
      if (height === 0) return;
      ensureRoom(doc, roomOfChart(pen, block));
      const y = doc.y;
      tagged(pen, 'Figure', () => drawChart(doc, block.chart, { x: left, y, width: chartWidth }), {
        alt: shownIn(null, block.alt),
      });
      doc.y = y + height + 4;
      paragraph(pen, 'Caption', block.caption, { size: 8, colour: colours.muted, after: 8 });
      return;
    }
  }
}

type ChartBlock = Extract<Block, { kind: 'chart' }>;

function widthOfChart({ width }: Pen, { chart }: ChartBlock): number {
  return chart.kind === 'scatter' || chart.kind === 'bars' ? width : Math.min(width, 340);
}

/** Points that a chart takes with its caption. */
const roomOfChart = (pen: Pen, block: ChartBlock): number => chartHeight(block.chart, widthOfChart(pen, block)) + 28;

function drawList(pen: Pen, items: readonly string[]): void {
  const { doc } = pen;
  const list = doc.struct('L');
  pen.parent.add(list);
  for (const item of items) {
    const element = doc.struct('LI');
    list.add(element);
    paragraph({ ...pen, parent: element }, 'LBody', `•  ${item}`, { after: 2, indent: 6 });
    element.end();
  }
  list.end();
  doc.y += 4;
}

const factNameWidth = 132;

function drawFacts(pen: Pen, items: readonly (readonly [name: string, value: Cell])[]): void {
  const { doc, left, width } = pen;
  for (const [name, value] of items) {
    const valueWidth = width - factNameWidth - 8;
    doc.font('regular').fontSize(8.5);
    const label = shownIn(doc, name);
    const labelHeight = doc.heightOfString(label, { width: factNameWidth });
    const text = setCell(doc, value, 8.5);
    const height = Math.max(labelHeight, doc.heightOfString(text, { width: valueWidth }));
    ensureRoom(doc, Math.min(height, 200));
    const y = doc.y;
    const page = doc.page;
    tagged(pen, 'P', () => {
      doc.font('regular').fontSize(8.5).fillColor(colours.muted).text(label, left, y, { width: factNameWidth });
      setCell(doc, value, 8.5);
      doc.fillColor(colours.text).text(text, left + factNameWidth + 8, y, { width: valueWidth });
    });
    doc.y = (doc.page === page ? Math.max(doc.y, y + height) : doc.y) + 2;
  }
  doc.y += 4;
}

function drawFinding(pen: Pen, finding: FindingBlock): void {
  const { doc, left } = pen;
  const inner: Pen = { ...pen, left: left + 12, width: pen.width - 12 };
  ensureRoom(doc, 90);
  const top = doc.y;
  const page = doc.page;
  const colour = colours[finding.verdict];
  paragraph(inner, 'P', `${finding.subject}: ${finding.word} (${finding.confidence})`, {
    font: 'bold',
    size: 11,
    colour,
    after: 2,
  });
  paragraph(inner, 'P', finding.claim, { size: 9.5, after: 3 });
  for (const [name, value] of finding.lines) {
    paragraph(inner, 'P', `${name}: ${value}`, { size: 7.8, colour: colours.muted, after: 2 });
  }
  if (doc.page === page) {
    artifact(doc, () => {
      doc
        .moveTo(left + 2, top)
        .lineTo(left + 2, doc.y - 2)
        .lineWidth(2)
        .stroke(colour);
    });
  }
  doc.y += 6;
}

const pictureSize = 62;
const pictureStep = 78;

function drawPictures(
  pen: Pen,
  items: readonly { readonly png: string; readonly alt: string; readonly caption: string }[],
): void {
  const { doc, left, width } = pen;
  const perRow = Math.max(1, Math.floor(width / pictureStep));
  for (let at = 0; at < items.length; at += perRow) {
    const row = items.slice(at, at + perRow);
    doc.font('regular').fontSize(6.5);
    const captions = row.map((item) => shownIn(doc, item.caption));
    const heights = captions.map((caption) => doc.heightOfString(caption, { width: pictureStep - 8, height: 40 }));
    const height = pictureSize + 4 + Math.min(40, Math.max(...heights));
    ensureRoom(doc, height);
    const y = doc.y;
    row.forEach((item, k) => {
      const x = left + k * pictureStep;
      tagged(
        pen,
        'Figure',
        () => {
          doc.image(storedPng(item.png), x, y, { fit: [pictureSize, pictureSize] });
        },
        { alt: shownIn(null, item.alt) },
      );
      tagged(pen, 'Caption', () => {
        doc
          .font('regular')
          .fontSize(6.5)
          .fillColor(colours.muted)
          .text(captions[k], x, y + pictureSize + 3, { width: pictureStep - 8, height: 40, ellipsis: true });
      });
    });
    doc.y = y + height + 6;
  }
}

/** Marking, title and page x of y on every page, once their number is known. */
function drawEdges(
  doc: PDFKit.PDFDocument,
  title: string,
  marking: string | null,
  pageOf: (p: { page: string; pages: string }) => string,
): void {
  const { start, count } = doc.bufferedPageRange();
  for (let i = start; i < start + count; i++) {
    doc.switchToPage(i);
    const { width, height, margins } = doc.page;
    // Text in the margin would otherwise be moved to a new page.
    const bottom = margins.bottom;
    margins.bottom = 0;
    const line = (text: string, y: number, align: 'left' | 'center' | 'right', bold = false): void => {
      doc
        .font(bold ? 'bold' : 'regular')
        .fontSize(bold ? 9 : 7.5)
        .fillColor(bold ? colours.text : colours.muted)
        .text(shortenedTo(doc, shownIn(doc, text), width - margin.left - margin.right - 90), margin.left, y, {
          width: width - margin.left - margin.right,
          align,
          lineBreak: false,
        });
    };
    artifact(
      doc,
      () => {
        if (marking !== null) line(marking, 24, 'center', true);
        if (marking !== null) line(marking, height - 24, 'center', true);
        line(title, height - 38, 'left');
        line(pageOf({ page: String(i - start + 1), pages: String(count) }), height - 38, 'right');
      },
      'Pagination',
    );
    margins.bottom = bottom;
  }
}

function shortenedTo(doc: PDFKit.PDFDocument, text: string, width: number): string {
  const characters = [...text];
  if (doc.widthOfString(text) <= width) return text;
  while (characters.length > 1 && doc.widthOfString(`${characters.join('')}…`) > width) characters.pop();
  return `${characters.join('')}…`;
}
