/** Plain values in one written form (RFC 8785) and their SHA-256: what every digest of the journal is taken over. */
import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Json } from '../../src-shared/json.ts';

/** SHA-256 as 64 lower-case hexadecimal digits. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * `value` as plain JSON: typed arrays become arrays, numbers that are not finite become null, lone surrogates become
 * U+FFFD, members without a value are left out. What goes in the journal goes through here, so what is computed on and
 * what is read back are the same.
 * @throws TypeError naming the place of a value that JSON cannot hold (function, bigint, symbol, Map, Date …).
 */
export function toJson(value: unknown, at = 'value'): Json {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? (Object.is(value, -0) ? 0 : value) : null;
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map((item, i) => (item === undefined ? null : toJson(item, `${at}[${i}]`)));
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    if (value instanceof BigInt64Array || value instanceof BigUint64Array) throw notJson(at, 'a bigint array');
    return Array.from(value as unknown as ArrayLike<number>, (item) => (Number.isFinite(item) ? item : null));
  }
  if (typeof value === 'object' && isPlain(value)) {
    const members: [string, Json][] = [];
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) members.push([key.toWellFormed(), toJson(item, `${at}.${key}`)]);
    }
    return Object.fromEntries(members);
  }
  throw notJson(at, typeof value === 'object' ? (value.constructor?.name ?? 'an object') : typeof value);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function notJson(at: string, met: string): TypeError {
  return new TypeError(`${at} must be plain JSON, met ${met}`);
}

/** The RFC 8785 text of `value`: keys sorted by UTF-16 code units, no white space, shortest numbers. */
export function canonicalJson(value: Json): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TypeError('value must be plain JSON, met undefined');
  return text;
}

/** SHA-256 of the canonical text of `value`. */
export function digestJson(value: Json): string {
  return sha256(canonicalJson(value));
}
