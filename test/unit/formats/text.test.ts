import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { csvCell, csvRow, escapeHtml, invisible, visible } from '../../../src-main/formats/text.ts';

const hostile = [
  '<img src=x onerror=alert(1)>',
  `"><script>alert('x')</script>`,
  "' onmouseover='x",
  '&amp;lt;',
  '=HYPERLINK("http://x","y")',
  '+1+1',
  '-2+3',
  '@SUM(A1)',
  '\t=1+1',
  '\r=1',
  '\n=1',
  ' =1',
  '＝1+1',
  "'quoted",
  "'=1",
  'a,b;c"d"',
  'line\nbreak\r\nagain',
  'photo\u202Egnp.exe',
  'zero\u200Bwidth',
  'nul\0byte',
  'bell\x07',
  'back\\slash \\u{202e}',
  'trailing ',
  '',
  'naïve 😀 文件.png',
];

describe('escapeHtml', () => {
  it.each(hostile)('leaves no markup of %j', (text) => {
    const escaped = escapeHtml(text);
    expect(escaped).not.toMatch(/[<>"']/);
    const undone = escaped
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&');
    expect(undone).toBe(text);
  });
});

describe('visible', () => {
  it('shows controls, line breaks, direction marks, zero-width characters and odd blanks', () => {
    expect(visible('a\u202Eb')).toBe('a\\u{202e}b');
    expect(visible('a\nb\0')).toBe('a\\u{a}b\\u{0}');
    expect(visible('a\u200Bb\uFEFF\u00AD\u2066')).toBe('a\\u{200b}b\\u{feff}\\u{ad}\\u{2066}');
    expect(visible('a\u00A0b\u3000')).toBe('a\\u{a0}b\\u{3000}');
    expect(visible('\uD800')).toBe('\\u{d800}');
    expect(visible('\u{E0041}')).toBe('\\u{e0041}');
  });

  it('leaves ordinary names alone', () => {
    for (const name of ['cat 1.png', 'naïve.jpg', '文件 (2).bmp', 'صورة.png', '😀.webp'])
      expect(visible(name)).toBe(name);
  });

  it.each(hostile)('can be undone: %j', (text) => {
    expect(invisible(visible(text))).toBe(text);
  });

  it('never shows two names alike', () => {
    const shown = ['a\nb', 'a\\nb', 'a\\u{a}b', 'a\\\\u{a}b'].map(visible);
    expect(new Set(shown).size).toBe(4);
  });
});

describe('csvCell', () => {
  it.each(hostile)('is read back by a CSV reader that takes one leading apostrophe off: %j', (text) => {
    const [[first, cell, last]] = parse(csvRow(['a', text, 'z']), { relax_quotes: false, trim: false }) as string[][];
    expect([first, last]).toEqual(['a', 'z']);
    expect(cell.replace(/^'/, '')).toBe(text);
  });

  it.each(hostile)('starts with nothing a spreadsheet computes: %j', (text) => {
    expect(csvCell(text).replace(/^"/, '')).not.toMatch(/^[\s\0]*[=+\-@\t\r＝＋－＠]/u);
  });

  it('writes numbers as numbers, also negative ones, and nothing for what is no number', () => {
    expect(csvRow([-1.5, 3, Number.NaN, null, true])).toBe('-1.5,3,,,true\r\n');
  });
});
