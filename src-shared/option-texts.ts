/** Values of settings as they are typed, at a command line or on the page, checked early: each error names the option and what was met. */
import { ExpectedError } from './failure.ts';

function wrong(option: string, wanted: string, met: string): ExpectedError {
  return new ExpectedError('usage', `${option} wants ${wanted}, met ${JSON.stringify(met)}.`);
}

/** "32x32" -> [32, 32] (height, width), each in 1..4096. */
export function parseSize(text: string): readonly [number, number] {
  const match = /^(\d{1,4})x(\d{1,4})$/.exec(text);
  const height = Number(match?.[1]);
  const width = Number(match?.[2]);
  if (match === null || height < 1 || width < 1 || height > 4096 || width > 4096) {
    throw wrong('--input-size', 'HEIGHTxWIDTH in pixels, e.g. 32x32', text);
  }
  return [height, width];
}

/** "0.49,0.48,0.45" -> numbers, one per channel (1 to 4 of them). */
export function parseChannelValues(option: '--mean' | '--std', text: string): readonly number[] {
  const parts = text.split(',').map((part) => part.trim());
  const values = parts.map(Number);
  const good = parts.length <= 4 && parts.every((part, i) => part !== '' && Number.isFinite(values[i]));
  if (!good) throw wrong(option, 'one number per channel, e.g. 0.49,0.48,0.45', text);
  if (option === '--std' && values.some((value) => value <= 0)) throw wrong(option, 'numbers above 0', text);
  return values;
}

/** An integer in 0..2^53-1, the range the random streams take. */
export function parseSeed(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(seed)) throw wrong('--seed', 'a whole number from 0 to 9007199254740991', text);
  return seed;
}

export function parseThreads(text: string): number {
  const threads = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (!(threads >= 1 && threads <= 1024)) throw wrong('--threads', 'a whole number from 1 to 1024', text);
  return threads;
}

export function parseAtOnce(text: string): number {
  const cells = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  if (!(cells >= 1 && cells <= 256)) throw wrong('--at-once', 'a whole number from 1 to 256', text);
  return cells;
}

/** "2G" -> 2,000,000,000. K, M, G and T are powers of 1,000; Ki, Mi, Gi and Ti of 1,024. */
export function parseMemory(text: string): number {
  const parts = /^(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?)(i?)B?$/i.exec(text.trim());
  const power = parts === null ? 0 : ['', 'K', 'M', 'G', 'T'].indexOf(parts[2].toUpperCase());
  const bytes = parts === null ? NaN : Math.floor(Number(parts[1]) * (parts[3] === '' ? 1000 : 1024) ** power);
  if (!(bytes >= 1 && Number.isSafeInteger(bytes))) throw wrong('--memory', 'bytes, e.g. 800M or 2G', text);
  return bytes;
}

export function parsePort(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(port >= 0 && port <= 65535)) throw wrong('--port', 'a port from 0 to 65535', text);
  return port;
}

/** "dataset.maxFiles=5" -> ["dataset.maxFiles", 5] */
export function parseLimit(text: string): readonly [string, number] {
  const match = /^([A-Za-z.]{1,100})=(\d{1,16})$/.exec(text);
  const value = Number(match?.[2]);
  if (match === null || !Number.isSafeInteger(value)) {
    throw wrong('--limit', 'NAME=NUMBER, e.g. dataset.maxFiles=20000000', text);
  }
  return [match[1], value];
}

/** "grow.cap=0.6" -> ["grow.cap", 0.6]; numbers and true/false are recognised, anything else is text. */
export function parseOverride(text: string): readonly [string, number | string | boolean] {
  const at = text.indexOf('=');
  if (at < 1) throw wrong('--set', 'NAME=VALUE, e.g. grow.cap=0.6', text);
  const value = text.slice(at + 1);
  if (value === 'true' || value === 'false') return [text.slice(0, at), value === 'true'];
  const number = Number(value);
  return [text.slice(0, at), value.trim() !== '' && Number.isFinite(number) ? number : value];
}
