/** report.pdf in another program: poppler finds its structure, fonts and words, in both languages and on both papers. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPdf } from '../../src-main/report/pdf.ts';
import { buildRecord } from '../../src-main/report/record.ts';
import { wordsOf } from '../../src-shared/report-words/words.ts';
import { greyPng, reportInput } from '../unit/report/sample.ts';

const run = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8' });

function poppler(): boolean {
  try {
    run('pdfinfo', '-v');
    return true;
  } catch {
    console.warn('SKIPPED: poppler (pdfinfo, pdffonts, pdftotext) is not installed; no PDF was opened in it.');
    return false;
  }
}

const record = buildRecord({
  ...reportInput(200, 12, { hostile: '\u202E<b>=1\u0007𝔘שלום' }),
  pictures: {
    suspects: [{ index: 0, png: greyPng(8, 9) }],
    patch: { index: 20, bare: greyPng(8, 1), stamped: greyPng(8, 99) },
  },
});

describe.runIf(poppler()).each([
  ['en', 'A4', '595.28 x 841.89 pts (A4)'],
  ['en', 'Letter', '612 x 792 pts (letter)'],
  ['de', 'A4', '595.28 x 841.89 pts (A4)'],
  ['de', 'Letter', '612 x 792 pts (letter)'],
] as const)('in %s on %s', (language, paper, size) => {
  const folder = mkdtempSync(join(tmpdir(), 'coresift-pdf-'));
  const file = join(folder, 'report.pdf');
  beforeAll(async () => writeFileSync(file, await reportPdf(record, { language, paper })));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is tagged, of that size, with every kind of element and alternative texts', () => {
    const info = run('pdfinfo', file);
    expect(info).toMatch(/Tagged:\s+yes/);
    expect(info).toMatch(/JavaScript:\s+no/);
    expect(info).toContain(size);
    const structure = run('pdfinfo', '-struct-text', file);
    for (const kind of ['Document', 'Sect', 'H1', 'H2', 'H3', 'P', 'L', 'LI', 'Table', 'TR', 'TH', 'TD', 'Figure'])
      expect(structure, kind).toMatch(new RegExp(`^\\s*${kind}\\b`, 'm'));
    // Cells and captions hold their text, so the order of reading is the order of the tree.
    expect(structure).toContain(wordsOf(language)['section.opinions']);
    expect(structure).toMatch(/Figure \(block\)[^]*Caption/);
  });

  it('embeds every font, with a way back to text', () => {
    const fonts = run('pdffonts', file).trim().split('\n').slice(2);
    expect(fonts.length).toBeGreaterThan(2);
    for (const font of fonts) expect(font).toMatch(/\byes yes yes\b/);
  });

  it('gives its words back, strange names among them, and lacks no glyph', () => {
    const text = run('pdftotext', '-layout', file, '-');
    const words = wordsOf(language);
    for (const part of [words['section.summary'], words['section.opinions'], words['verdict.suspicious']])
      expect(text).toContain(part);
    expect(text).toContain('\\u{202E}<b>=1\\u{7}');
    expect(text).toContain(language === 'de' ? 'Verdächtige' : 'Suspects');
    // eslint-disable-next-line no-control-regex -- a control character is what must not come out
    expect(text).not.toMatch(/[\uFFFD\u202E\u0007]/);
    const pages = Number(/Pages:\s+(\d+)/.exec(run('pdfinfo', file))?.[1]);
    expect(text).toContain(words['page.of']({ page: String(pages), pages: String(pages) }));
  });
});
