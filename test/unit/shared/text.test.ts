import { describe, expect, it } from 'vitest';
import { csvCell, csvRow, escapeHtml, nameHtml, visibleName } from '../../../src-shared/text.ts';

describe('names of strangers', () => {
  it('show every control, bidi, zero-width and tag character and every lone surrogate', () => {
    expect(visibleName('a\u202Egnp.exe')).toBe('a\\u{202E}gnp.exe');
    expect(visibleName('\u200Bb\uFEFF')).toBe('\\u{200B}b\\u{FEFF}');
    expect(visibleName('line\r\nbreak\t\u2028\0\u007F\u0085')).toBe(
      'line\\u{D}\\u{A}break\\u{9}\\u{2028}\\u{0}\\u{7F}\\u{85}',
    );
    expect(visibleName('\uD800x')).toBe('\\u{D800}x');
    expect(visibleName('\u{E0041}')).toBe('\\u{E0041}');
  });

  it('that spell out an escape themselves do not look like the character', () => {
    expect(visibleName('\\u{202E}')).toBe('\\u{5C}u{202E}');
    expect(visibleName('C:\\users\\a')).toBe('C:\\users\\a');
    expect(visibleName('a\u00A0b\uE000')).toBe('a\\u{A0}b\\u{E000}');
  });

  it('keep letters of every script and astral characters', () => {
    const text = 'Fußgänger 歩行者 مشاة 🦊 𝔘';
    expect(visibleName(text)).toBe(text);
  });

  it('cannot open a tag or leave an attribute', () => {
    expect(escapeHtml(`<img src=x onerror="a('b')">&\``)).not.toMatch(/[<>"'`]|&(?!#\d+;)/);
    expect(nameHtml('\u202E<b>')).toBe('\\u{202E}&#60;b&#62;');
  });
});

describe('cells of a comma-separated file', () => {
  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '  =1', '＝1', '＋1', "'=1"])(
    '%j does not start a formula',
    (text) => {
      expect(csvCell(text)).not.toMatch(/^"?\s*[=+\-@＝＋－＠]/);
    },
  );

  it('leave numbers as numbers', () => {
    expect(csvRow([-0.5, 1e-7, NaN, Infinity, null, true])).toBe('-0.5,1e-7,,,,1\r\n');
  });

  it('quote separators and quotes and never contain a line break', () => {
    expect(csvCell('a,b')).toBe('"a,b"');
    expect(csvCell('say "x"')).toBe('"say ""x"""');
    expect(csvCell('a\r\nb')).toBe('a\\u{D}\\u{A}b');
  });
});
