/** Numbers as the report writes them. "–" stands for a number that is not known. */
import type { Interval } from '../../../src-shared/statistics.ts';

export function count(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** "3,000 samples", "1 sample". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function fixed(value: number | null, digits: number): string {
  return value === null || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

/** A share of 0..1 with one digit after the point. */
export function percent(value: number | null, digits = 1): string {
  return value === null || !Number.isFinite(value) ? '–' : `${(value * 100).toFixed(digits)} %`;
}

export function percentInterval(interval: Interval | null): string {
  return interval === null ? '–' : `${(interval[0] * 100).toFixed(1)} to ${(interval[1] * 100).toFixed(1)} %`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = value > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(value) / 3)) : 0;
  return `${power === 0 ? String(value) : (value / 1000 ** power).toFixed(1)} ${units[power]}`;
}

export function seconds(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '';
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return `${Math.floor(value / 60)} min ${String(Math.round(value % 60)).padStart(2, '0')} s`;
}

/** "2026-01-02 03:04:05 UTC"; anything that is not an RFC 3339 time stays what it is. */
export function time(text: string): string {
  return text.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, '$1 $2 UTC');
}
