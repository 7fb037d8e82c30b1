import { describe, expect, it } from 'vitest';
import { counted, formatBytes, formatDuration, formatNumber, formatShare } from '../../../src-renderer/numbers.ts';

describe('numbers', () => {
  it.each([
    [formatDuration(7), '0:07'],
    [formatDuration(760), '12:40'],
    [formatDuration(3723), '1:02:03'],
    [formatDuration(-1), '0:00'],
    [formatBytes(999), '999 B'],
    [formatBytes(1_234_567), '1.23 MB'],
    [formatBytes(999_999), '1 MB'],
    [formatShare(0.42), '42 %'],
    [formatShare(0.042), '4.2 %'],
    [formatShare(0), '0 %'],
    [formatShare(NaN), '–'],
    [formatNumber(12345), '12,345'],
    [formatNumber(0.123456), '0.123'],
    [formatNumber(Infinity), '–'],
    [counted(1, 'sample'), '1 sample'],
    [counted(2000, 'sample'), '2,000 samples'],
    [counted(2, 'class', 'classes'), '2 classes'],
  ])('are written as people read them: %s', (shown, wanted) => expect(shown).toBe(wanted));
});
