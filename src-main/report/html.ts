/** report.html: one self-contained page. No script, no reference outside itself, every string of the audit escaped. */
import type { Language } from '../../src-shared/report-words/words.ts';
import { wordsOf } from '../../src-shared/report-words/words.ts';
import type { Block, FindingBlock, ReportDocument } from './document/blocks.ts';
import { reportDocument } from './document/document.ts';
import { html, trusted, type Content, type Markup } from './html/markup.ts';
import { badge, barsPicture, columnPicture, linePicture, scatterPicture } from './html/pictures.ts';
import { style } from './html/style.ts';
import { cellContent, facts, table } from './html/tables.ts';
import type { ReportRecord } from './record.ts';

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** @throws TypeError for a picture that is not a PNG in base64. */
export function reportHtml(record: ReportRecord, language: Language = 'en'): string {
  const { title, subtitle, marking, sections, closing } = reportDocument(record, language);
  const words = wordsOf(language);
  const page = html`<!doctype html>
    <html lang="${language}">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${trusted(policy)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(style)}
        </style>
      </head>
      <body>
        <header>
          ${markingLine(marking)}
          <h1>${title}</h1>
          <p class="quiet">${subtitle}</p>
        </header>
        <main>
          ${sections.slice(0, 1).map(sectionMarkup)}
          <nav aria-label="${words.contents}">
            ${sections.map(({ id, name }) => html`<a href="#${id}">${name}</a>`)}
          </nav>
          ${sections.slice(1).map(sectionMarkup)}
        </main>
        <footer>${closing.map((text) => html`<p>${text}</p>`)}${markingLine(marking)}</footer>
      </body>
    </html> `;
  return page.markup;
}

function markingLine(marking: string | null): Markup | null {
  return marking === null ? null : html`<p class="marking">${marking}</p>`;
}

function sectionMarkup({ id, name, claim, blocks }: ReportDocument['sections'][number]): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title"><span class="kicker">${name}</span> ${claim}</h2>
    ${blocks.map(blockMarkup)}
  </section> `;
}

function blockMarkup(block: Block): Content {
  switch (block.kind) {
    case 'text':
      return html`<p class="${block.quiet === true ? 'quiet' : ''}">${block.text}</p>`;
    case 'heading':
      return html`<h3>${block.text}</h3>`;
    case 'list':
      return html`<ul class="plain">
        ${block.items.map((item) => html`<li>${item}</li>`)}
      </ul>`;
    case 'facts':
      return facts(block.items.map(([name, value]) => [name, cellContent(value)]));
    case 'code':
      return html`<p class="quiet">${block.what}:</p>
        <pre>${block.code}</pre>`;
    case 'findings':
      return html`<div class="verdicts">${block.findings.map(findingMarkup)}</div>`;
    case 'table':
      return table(
        block.caption,
        block.heads,
        block.rows.map((row) => row.map(cellContent)),
      );
    case 'pair':
      return html`<div class="pair">${block.blocks.map((one) => html`<div>${blockMarkup(one)}</div>`)}</div>`;
    case 'pictures':
      return html`<div class="suspects">
        ${block.items.map(
          (item) =>
            html`<figure>
              ${thumbnail(item.png, item.alt)}
              <figcaption>${item.caption}</figcaption>
            </figure>`,
        )}
      </div>`;
    case 'chart': {
      const drawn = chartMarkup(block);
      return drawn === null
        ? null
        : html`<figure>
            ${drawn}
            <figcaption>${block.caption}</figcaption>
          </figure>`;
    }
  }
}

function chartMarkup({ chart, alt }: Extract<Block, { kind: 'chart' }>): Markup | null {
  switch (chart.kind) {
    case 'scatter':
      return scatterPicture(chart.scatter, chart.marks, alt);
    case 'columns':
      return columnPicture(chart.columns, chart.axis, alt);
    case 'lines':
      return linePicture(chart.series, chart.axis, alt, {
        ...(chart.y === undefined ? {} : { y: chart.y }),
        ...(chart.percent === undefined ? {} : { percent: chart.percent }),
      });
    case 'bars':
      return barsPicture(chart.rows, alt, true);
  }
}

function findingMarkup({ subject, verdict, word, confidence, claim, lines }: FindingBlock): Markup {
  return html`<div class="${verdict}">
    <div class="head">
      <span class="subject">${subject}</span> ${badge(verdict, word, 16)}
      <span class="quiet">${confidence}</span>
    </div>
    <p class="claim">${claim}</p>
    ${lines.map(([name, value]) => html`<p><span class="quiet">${name}:</span> ${value}</p>`)}
  </div>`;
}

/** @throws TypeError for anything but a PNG in base64: nothing else may stand in an attribute that loads. */
function thumbnail(png: string, text: string): Markup {
  if (!/^iVBORw0KGgo[A-Za-z0-9+/]+={0,2}$/.test(png)) {
    throw new TypeError(`a picture must be a PNG in base64, met ${png.slice(0, 40)}`);
  }
  return html`<img src="data:image/png;base64,${png}" alt="${text}" loading="lazy" />`;
}
