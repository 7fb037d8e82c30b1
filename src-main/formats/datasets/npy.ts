/**
 * The npy format of NumPy (versions 1.0 to 3.0, numpy.lib.format): a header that looks like a Python dictionary, then the
 * values. The header is read by a grammar of its own that knows strings, True, False and tuples of numbers; nothing in it
 * is ever evaluated, and pickled objects are refused.
 */
import { readSync } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { DatasetLimits } from '../limits.ts';
import { bytesOfKind, type ElementKind, type ElementType } from './elements.ts';

export interface NpyHeader {
  /** Null for text. */
  readonly type: ElementType | null;
  /** Text arrays: bytes of one item, 4 (UTF-32) or 1 per character. */
  readonly text: { readonly length: number; readonly wide: boolean; readonly little: boolean } | null;
  readonly dims: readonly number[];
  /** The first index runs fastest. */
  readonly fortran: boolean;
  /** Bytes before the values. */
  readonly start: number;
  /** Values. */
  readonly count: number;
  /** Bytes of all values. */
  readonly bytes: number;
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const MAX_RANK = 32;

export function isNpy(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 6)).equals(MAGIC);
}

/**
 * Reads the header of an array that starts at `at` and has `available` bytes.
 * @throws ExpectedError dataset-malformed, dataset-too-large, dataset-unsupported (objects, records, other types)
 */
export function readNpyHeader(
  descriptor: number,
  at: number,
  available: number,
  name: string,
  limits: DatasetLimits,
): NpyHeader {
  const malformed = (what: string): ExpectedError => new ExpectedError('dataset-malformed', `${name}: ${what}`);
  const fixed = Buffer.alloc(12);
  const got = readSync(descriptor, fixed, 0, 12, at);
  if (got < 10 || !fixed.subarray(0, 6).equals(MAGIC)) throw malformed('it does not start as an npy file does.');
  const major = fixed[6];
  if (major < 1 || major > 3) throw malformed(`version ${major} of the npy format does not exist.`);
  const prefix = major === 1 ? 10 : 12;
  if (got < prefix) throw malformed('it ends within its header.');
  const length = major === 1 ? fixed.readUInt16LE(8) : fixed.readUInt32LE(8);
  if (length > limits.maxHeaderBytes) {
    throw new ExpectedError(
      'dataset-too-large',
      `${name}: a header of ${length} bytes (limit maxHeaderBytes = ${limits.maxHeaderBytes}).`,
    );
  }
  const start = prefix + length;
  if (start > available) throw malformed('it ends within its header.');
  const text = Buffer.alloc(length);
  if (readSync(descriptor, text, 0, length, at + prefix) !== length) throw malformed('it ends within its header.');
  const fields = parseDictionary(text.toString(major === 3 ? 'utf8' : 'latin1'));
  if (fields === null) {
    throw malformed(
      'its header is not the dictionary of "descr", "fortran_order" and "shape" that the format asks for.',
    );
  }
  const { descr, fortran, dims } = fields;
  const element = elementOf(descr, name);
  const item = element.type === null ? textBytes(element.text) : bytesOfKind(element.type.kind);
  const count = dims.reduce((product, size) => product * BigInt(size), 1n);
  const bytes = count * BigInt(item);
  if (dims.length > MAX_RANK || bytes !== BigInt(available - start)) {
    throw malformed(
      `its header announces ${dims.join(' x ')} values of ${item} bytes, ${available - start} bytes follow it.`,
    );
  }
  return { ...element, dims, fortran, start, count: Number(count), bytes: Number(bytes) };
}

function textBytes(text: NpyHeader['text']): number {
  return text === null ? 0 : text.length * (text.wide ? 4 : 1);
}

const KINDS = new Set(['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'u8', 'i8', 'f2', 'f4', 'f8']);

function elementOf(descr: string, name: string): Pick<NpyHeader, 'type' | 'text'> {
  const match = /^([<>|=]?)([a-zA-Z])(\d{0,6})$/.exec(descr);
  const order = match?.[1] ?? '';
  const kind = `${match?.[2] ?? ''}${match?.[3] ?? ''}`;
  const little = order !== '>';
  if (KINDS.has(kind)) return { type: { kind: kind as ElementKind, little }, text: null };
  if (match !== null && (match[2] === 'U' || match[2] === 'S') && Number(match[3]) > 0) {
    return { type: null, text: { length: Number(match[3]), wide: match[2] === 'U', little } };
  }
  const objects = match?.[2] === 'O';
  throw new ExpectedError(
    'dataset-unsupported',
    objects
      ? `${name} holds pickled Python objects, which are never loaded. Save it as an array of numbers (allow_pickle=False).`
      : `${name} holds values of type ${JSON.stringify(descr.slice(0, 40))}; numbers of 1 to 8 bytes and text are read.`,
  );
}

interface Fields {
  readonly descr: string;
  readonly fortran: boolean;
  readonly dims: readonly number[];
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }` and nothing else; null when it is anything else. */
function parseDictionary(text: string): Fields | null {
  const token = /\s*(?:'([^'\\\n]*)'|"([^"\\\n]*)"|(True|False)\b|(\d{1,20})L?\b|([{}():,[\]]))/y;
  const next = (): string | boolean | bigint | { readonly text: string } | null => {
    const match = token.exec(text);
    if (match === null) return null;
    const quoted = match[1] ?? match[2];
    if (quoted !== undefined) return { text: quoted };
    if (match[3] !== undefined) return match[3] === 'True';
    return match[4] === undefined ? match[5] : BigInt(match[4]);
  };
  const found = new Map<string, unknown>();
  if (next() !== '{') return null;
  let mark: ReturnType<typeof next> = ',';
  for (;;) {
    const key = next();
    if (key === '}') break;
    if (mark !== ',' || key === null || typeof key !== 'object' || found.has(key.text) || next() !== ':') return null;
    const value = next();
    if (value === '(') {
      const dims = tuple(next);
      if (dims === null) return null;
      found.set(key.text, dims);
    } else if (typeof value === 'boolean') found.set(key.text, value);
    else if (typeof value === 'object' && value !== null) found.set(key.text, value.text);
    else if (value === '[' && key.text === 'descr') return records(text);
    else return null;
    mark = next();
    if (mark === '}') break;
  }
  if (text.slice(token.lastIndex).trim() !== '' || found.size !== 3) return null;
  const descr = found.get('descr');
  const fortran = found.get('fortran_order');
  const dims = found.get('shape');
  if (typeof descr !== 'string' || typeof fortran !== 'boolean' || !Array.isArray(dims)) return null;
  return { descr, fortran, dims: dims as number[] };
}

/** A list of fields: named as a type that is not read, so that the message says so. */
function records(text: string): Fields | null {
  return /^\s*\{\s*'descr':\s*\[\(/.test(text) ? { descr: 'records', fortran: false, dims: [] } : null;
}

function tuple(next: () => unknown): number[] | null {
  const dims: number[] = [];
  for (;;) {
    const value = next();
    if (value === ')') return dims;
    if (typeof value !== 'bigint' || value > BigInt(Number.MAX_SAFE_INTEGER) || dims.length > MAX_RANK) return null;
    dims.push(Number(value));
    const mark = next();
    if (mark === ')') return dims;
    if (mark !== ',') return null;
  }
}
