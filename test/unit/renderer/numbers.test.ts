import { de } from '../../../src-shared/messages/page-de.ts';
import { en } from '../../../src-shared/messages/page-en.ts';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatNumber, formatShare } from '../../../src-renderer/numbers.ts';

describe('numbers', () => {
  it.each([
    [formatDuration(7), '0:07'],
    [formatDuration(760), '12:40'],
    [formatDuration(3723), '1:02:03'],
    [formatDuration(-1), '0:00'],
    [formatBytes(999), '999 B'],
    [formatBytes(1_234_567), '1.23 MB'],
    [formatBytes(999_999), '1 MB'],
    [formatShare(0.42), '42\u00A0%'],
    [formatShare(0.042), '4.2\u00A0%'],
    [formatShare(0), '0\u00A0%'],
    [formatShare(NaN), '–'],
    [formatNumber(12345), '12,345'],
    [formatNumber(0.123456), '0.123'],
    [formatNumber(Infinity), '–'],
  ])('are written as people read them: %s', (shown, wanted) => expect(shown).toBe(wanted));
});

describe('the catalogues', () => {
  it('have plurals and numbers of their language', () => {
    expect([en.n.samples(1), en.n.samples(2000), en.n.classes(2)]).toEqual(['1 sample', '2,000 samples', '2 classes']);
    expect([de.n.samples(1), de.n.samples(2000), de.n.channels(2)]).toEqual(['1 Bild', '2.000 Bilder', '2 Kanäle']);
    expect(de.f.share(0.042)).toBe('4,2\u00A0%');
    expect(de.f.bytes(1_234_567)).toBe('1,23 MB');
  });

  it('say the same things: the same keys, as many parameters, and no German text that is still English', () => {
    const flat = (value: unknown, path: string): [string, unknown][] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, inner]) => flat(inner, `${path}.${key}`))
        : [[path, value]];
    const english = new Map(flat(en, ''));
    const german = new Map(flat(de, ''));
    expect([...german.keys()].sort()).toEqual([...english.keys()].sort());
    const same: string[] = [];
    for (const [path, text] of english) {
      const other = german.get(path);
      expect(typeof other, path).toBe(typeof text);
      if (typeof text === 'function') expect((other as { length: number }).length, path).toBe(text.length);
      else if (text === other && /[a-z]{3,} [a-z]{3,}/.test(String(text))) same.push(path);
    }
    expect(same).toEqual([]);
  });
});
