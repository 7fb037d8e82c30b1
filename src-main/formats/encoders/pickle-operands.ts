/** The operands of pickle opcodes (CPython's pickletools): numbers, texts, lines, each within what is left of the file. */
import type { ExpectedError } from '../../../src-shared/failure.ts';
import type { PickleLimits } from '../limits.ts';

/** Errors that say at which opcode they were met. */
export interface PickleFaults {
  readonly malformed: (what: string, cause?: unknown) => ExpectedError;
  readonly tooLarge: (what: string, limit: keyof PickleLimits) => ExpectedError;
}

export interface PickleOperands {
  /** Where the next byte is read. */
  readonly at: () => number;
  /** A view of the next bytes. @throws ExpectedError encoder-malformed; so do the others */
  readonly take: (length: number) => Uint8Array;
  readonly uint: (width: 1 | 2 | 4 | 8) => number;
  /** Big-endian, as only this number is. */
  readonly float: () => number;
  /** Up to the next line feed, each byte a character. */
  readonly line: () => string;
  /** A line that is UTF-8. */
  readonly utf8Line: () => string;
  readonly utf8: (length: number) => string;
  /** A whole number in decimal digits. */
  readonly integer: (text: string) => number | bigint;
  /** A whole number of so many bytes, little-endian, in two's complement. */
  readonly long: (length: number) => number | bigint;
}

export function pickleOperands(
  bytes: Uint8Array,
  start: number,
  limits: PickleLimits,
  { malformed, tooLarge }: PickleFaults,
): PickleOperands {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  const pass = (length: number): void => {
    if (length > bytes.length - at) throw malformed(`it wants ${length} bytes, ${bytes.length - at} are left`);
    at += length;
  };
  const take = (length: number): Uint8Array => {
    pass(length);
    return bytes.subarray(at - length, at);
  };
  const uint = (width: 1 | 2 | 4 | 8): number => {
    pass(width);
    if (width === 1) return bytes[at - 1];
    if (width === 2) return view.getUint16(at - 2, true);
    if (width === 4) return view.getUint32(at - 4, true);
    const wide = view.getBigUint64(at - 8, true);
    if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`it claims a length of ${wide}`);
    return Number(wide);
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw malformed('its line has no end');
    if (end - at > limits.maxTextBytes) throw tooLarge(`a line of ${end - at} bytes`, 'maxTextBytes');
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + at, end - at).toString('latin1');
    at = end + 1;
    return text;
  };
  const utf8 = (length: number): string => {
    if (length > limits.maxTextBytes) throw tooLarge(`a text of ${length} bytes`, 'maxTextBytes');
    const raw = take(length);
    try {
      return strictUtf8.decode(raw);
    } catch {
      // Python writes lone surrogates with "surrogatepass"; they are no reason to refuse a file.
      return looseUtf8.decode(raw);
    }
  };
  const utf8Line = (): string => {
    const raw = line();
    try {
      return strictUtf8.decode(Buffer.from(raw, 'latin1'));
    } catch (error) {
      throw malformed('its name is no UTF-8', error);
    }
  };
  const integer = (text: string): number | bigint => {
    const digits = text.trim();
    if (digits.length > limits.maxLongBytes) throw tooLarge(`an integer of ${digits.length} digits`, 'maxLongBytes');
    if (!/^[+-]?\d+$/.test(digits)) throw malformed(`${JSON.stringify(text.slice(0, 40))} is no integer`);
    return narrow(BigInt(digits.startsWith('+') ? digits.slice(1) : digits));
  };
  const long = (length: number): number | bigint => {
    if (length > limits.maxLongBytes) throw tooLarge(`an integer of ${length} bytes`, 'maxLongBytes');
    const raw = take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i -= 1) value = (value << 8n) | BigInt(raw[i]);
    return narrow(length > 0 && raw[length - 1] >= 0x80 ? value - (1n << BigInt(8 * length)) : value);
  };
  const float = (): number => {
    pass(8);
    return view.getFloat64(at - 8, false);
  };
  return { at: () => at, take, uint, float, line, utf8Line, utf8, integer, long };
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const looseUtf8 = new TextDecoder('utf-8', { ignoreBOM: true });

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
