/** Reading a stranger's JSON: a cap on bytes and nesting before it is parsed, a named error for every field that is not as stated. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { defaultLimits, type ModelLimits } from '../limits.ts';

export function malformedModel(what: string, cause?: unknown): ExpectedError {
  return new ExpectedError('encoder-malformed', what, cause === undefined ? {} : { cause });
}

export function tooLargeModel(what: string): ExpectedError {
  return new ExpectedError('encoder-too-large', what);
}

export function unsupportedModel(what: string): ExpectedError {
  return new ExpectedError('unsupported-encoder', what);
}

/**
 * @param what names the text in errors, e.g. "model.json"
 * @throws ExpectedError encoder-malformed, encoder-too-large (bytes or nesting)
 */
export function parseJson(bytes: Uint8Array, what: string, limits: ModelLimits = defaultLimits.model): unknown {
  if (bytes.length > limits.maxJsonBytes) {
    throw tooLargeModel(`${what}: ${bytes.length} bytes of JSON (limit maxJsonBytes = ${limits.maxJsonBytes}).`);
  }
  checkNesting(bytes, what, limits.maxJsonDepth);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    throw malformedModel(`${what} is no JSON.`, error);
  }
}

function checkNesting(bytes: Uint8Array, what: string, maxDepth: number): void {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (quoted) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) quoted = false;
    } else if (byte === 0x22) quoted = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > maxDepth) throw tooLargeModel(`${what} nests deeper than ${maxDepth} (limit maxJsonDepth).`);
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
}

/** A JSON object whose fields are read with what they must be. Only own fields count. */
export interface Fields {
  /** How the object is named in errors. */
  readonly what: string;
  /** The field as it is; undefined where there is none or it is null. */
  raw(key: string): unknown;
  text(key: string, fallback?: string): string;
  flag(key: string, fallback: boolean): boolean;
  number(key: string, fallback?: number): number;
  /** An integer within `low..high`. */
  int(key: string, low: number, high: number, fallback?: number): number;
  /** Two integers within 1..4096; one stands for both. */
  pair(key: string, fallback?: readonly [number, number]): readonly [number, number];
  list(key: string): readonly unknown[];
  object(key: string): Fields;
}

/** Largest kernel, stride, pool or padding that is believed. */
const MAX_WINDOW = 4096;

/** @throws ExpectedError encoder-malformed when `value` is no JSON object; so do the readers of its fields */
export function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformedModel(`${what} is no object.`);
  const own = value as Readonly<Record<string, unknown>>;
  const raw = (key: string): unknown => (Object.hasOwn(own, key) ? (own[key] ?? undefined) : undefined);
  const wrong = (key: string, wanted: string): ExpectedError =>
    malformedModel(`${what}: "${key}" is ${shown(raw(key))}, ${wanted} wanted.`);
  const int = (key: string, low: number, high: number, fallback?: number): number => {
    const met = raw(key) ?? fallback;
    if (typeof met !== 'number' || !Number.isInteger(met) || met < low || met > high) {
      throw wrong(key, `an integer within ${low}..${high}`);
    }
    return met;
  };
  return {
    what,
    raw,
    int,
    text(key, fallback) {
      const met = raw(key) ?? fallback;
      if (typeof met !== 'string' || met.length > 65_536) throw wrong(key, 'a text');
      return met;
    },
    flag(key, fallback) {
      const met = raw(key) ?? fallback;
      if (typeof met !== 'boolean') throw wrong(key, 'true or false');
      return met;
    },
    number(key, fallback) {
      const met = raw(key) ?? fallback;
      if (typeof met !== 'number' || !Number.isFinite(met)) throw wrong(key, 'a number');
      return met;
    },
    pair(key, fallback) {
      const met = raw(key) ?? fallback;
      const list: readonly unknown[] = Array.isArray(met) ? met : [met, met];
      const fits = list.every((part) => Number.isInteger(part) && Number(part) >= 1 && Number(part) <= MAX_WINDOW);
      if (list.length !== 2 || !fits) throw wrong(key, `two integers within 1..${MAX_WINDOW}`);
      return [Number(list[0]), Number(list[1])];
    },
    list(key) {
      const met = raw(key);
      if (!Array.isArray(met)) throw wrong(key, 'a list');
      return met;
    },
    object: (key) => fieldsOf(raw(key), `${what}, "${key}"`),
  };
}

/** A value in a message: short, and never the whole of it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 80 ? `${text.slice(0, 77)}...` : text;
  } catch {
    return 'something unprintable';
  }
}

/** Sizes of a shape, null where one is left open. @throws ExpectedError encoder-malformed */
export function shapeOf(value: unknown, what: string): (number | null)[] {
  if (!Array.isArray(value) || value.length > 8) throw malformedModel(`${what}: the shape is ${shown(value)}.`);
  return value.map((dim: unknown) => {
    if (dim === null || dim === -1) return null;
    if (!Number.isInteger(dim) || Number(dim) < 1 || Number(dim) > 2 ** 31) {
      throw malformedModel(`${what}: the shape is ${shown(value)}.`);
    }
    return Number(dim);
  });
}
