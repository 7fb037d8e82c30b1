/** Numbers as array files store them, and how they become pixel values 0..255 or labels. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Pace } from './pace.ts';
import { readExactly } from './raw.ts';

export type ElementKind = 'u1' | 'i1' | 'u2' | 'i2' | 'u4' | 'i4' | 'u8' | 'i8' | 'f2' | 'f4' | 'f8';

export interface ElementType {
  readonly kind: ElementKind;
  readonly little: boolean;
}

export const bytesOfKind = (kind: ElementKind): number => Number(kind[1]);

type Get = (view: DataView, at: number) => number;

/** 64-bit integers beyond 2^53 lose their last digits: they are far outside every range that is accepted. */
export function elementGetter({ kind, little }: ElementType): Get {
  switch (kind) {
    case 'u1':
      return (view, at) => view.getUint8(at);
    case 'i1':
      return (view, at) => view.getInt8(at);
    case 'u2':
      return (view, at) => view.getUint16(at, little);
    case 'i2':
      return (view, at) => view.getInt16(at, little);
    case 'u4':
      return (view, at) => view.getUint32(at, little);
    case 'i4':
      return (view, at) => view.getInt32(at, little);
    case 'u8':
      return (view, at) => Number(view.getBigUint64(at, little));
    case 'i8':
      return (view, at) => Number(view.getBigInt64(at, little));
    case 'f2':
      return (view, at) => half(view.getUint16(at, little));
    case 'f4':
      return (view, at) => view.getFloat32(at, little);
    case 'f8':
      return (view, at) => view.getFloat64(at, little);
  }
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

export interface ElementRun {
  readonly descriptor: number;
  readonly start: number;
  /** Elements. */
  readonly count: number;
  readonly type: ElementType;
  /** For messages. */
  readonly name: string;
}

const BLOCK = 1 << 20;

/** Calls `each` for every element in order, reading in blocks. @throws ExpectedError input-changed; CancelledError */
export async function eachElement(
  run: ElementRun,
  pace: Pace,
  each: (value: number, at: number) => void,
): Promise<void> {
  const size = bytesOfKind(run.type.kind);
  const get = elementGetter(run.type);
  const block = Buffer.alloc(BLOCK);
  const view = new DataView(block.buffer, block.byteOffset, BLOCK);
  const perBlock = BLOCK / size;
  for (let done = 0; done < run.count; done += perBlock) {
    const here = Math.min(perBlock, run.count - done);
    readExactly(run.descriptor, block.subarray(0, here * size), run.start + done * size, run.name);
    for (let i = 0; i < here; i++) each(get(view, i * size), done + i);
    await pace.breathe();
  }
}

/** How stored values become 0..255: `round(value * factor)`. */
export interface Scale {
  readonly factor: number;
  /** For the notes; null when values are bytes already. */
  readonly note: string | null;
}

/**
 * Looks at all values of an array of pixels and decides what they are: bytes, 0..1, 0..255 or 16 bits.
 * @throws ExpectedError dataset-unsupported for values that are no pixels: negative (already normalised), too large, NaN
 */
export async function scaleOf(run: ElementRun, pace: Pace): Promise<Scale> {
  if (run.type.kind === 'u1') return { factor: 1, note: null };
  let least = Infinity;
  let most = -Infinity;
  let odd = 0;
  await eachElement(run, pace, (value) => {
    if (value < least) least = value;
    if (value > most) most = value;
    if (!Number.isFinite(value)) odd++;
  });
  const real = run.type.kind.startsWith('f');
  const range = `${short(least)} to ${short(most)}`;
  if (odd > 0) throw unsupported(run, `${odd} of its values are not finite`);
  if (least < 0) throw unsupported(run, `its values run from ${range}, as after a normalisation`);
  if (real && most <= 1) return { factor: 255, note: `values from ${range} taken as 0..1` };
  if (most <= 255) return { factor: 1, note: `values from ${range} taken as 0..255` };
  if (!real && most <= 65_535) return { factor: 255 / 65_535, note: `values from ${range} taken as 16 bits` };
  throw unsupported(run, `its values run from ${range}`);
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

function unsupported(run: ElementRun, what: string): ExpectedError {
  return new ExpectedError(
    'dataset-unsupported',
    `${run.name}: ${what}. Give pixels as they were before: bytes 0..255, or floats 0..1 or 0..255.`,
  );
}
