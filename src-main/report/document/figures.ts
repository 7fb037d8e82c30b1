/** Numbers as a language writes them. "–" stands for one that is not known. */
import type { Language } from '../../../src-shared/report-words/words.ts';
import type { Interval } from '../../../src-shared/statistics.ts';

export interface Figures {
  count(value: number): string;
  fixed(value: number | null, digits: number): string;
  /** A share of 0..1. */
  percent(value: number | null, digits?: number): string;
  interval(interval: Interval | null): string;
  bytes(value: number): string;
  seconds(value: number | null): string;
  /** "2026-01-02 03:04:05 UTC"; anything that is not an RFC 3339 time stays what it is. */
  time(text: string): string;
}

export function figuresOf(language: Language): Figures {
  const locale = language === 'de' ? 'de-DE' : 'en-US';
  const to = language === 'de' ? 'bis' : 'to';
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const digitsOf = [0, 1, 2, 3].map(
    (digits) =>
      new Intl.NumberFormat(locale, {
        minimumFractionDigits: digits,
        maximumFractionDigits: digits,
        useGrouping: false,
      }),
  );
  const fixed = (value: number | null, digits: number): string =>
    value === null || !Number.isFinite(value) ? '–' : digitsOf[digits].format(value);
  return {
    count: (value) => whole.format(value),
    fixed,
    percent: (value, digits = 1) =>
      value === null || !Number.isFinite(value) ? '–' : `${fixed(value * 100, digits)} %`,
    interval: (interval) =>
      interval === null ? '–' : `${fixed(interval[0] * 100, 1)} ${to} ${fixed(interval[1] * 100, 1)} %`,
    bytes(value) {
      const units = ['B', 'kB', 'MB', 'GB', 'TB'];
      const power = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
      return `${power === 0 ? String(value) : fixed(value / 1000 ** power, 1)} ${units[power]}`;
    },
    seconds(value) {
      if (value === null || !Number.isFinite(value)) return '';
      if (value < 59.5) return `${fixed(value, value < 10 ? 1 : 0)} s`;
      const rounded = Math.round(value);
      return `${Math.floor(rounded / 60)} min ${String(rounded % 60).padStart(2, '0')} s`;
    },
    time: (text) => text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, '$1 $2 UTC'),
  };
}
