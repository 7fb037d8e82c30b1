/** numpy arrays and scalars within pickles: proved by their form, never rebuilt by numpy's own code. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { callOf, integersOf, sequenceOf, textOf, type PickleValue } from './pickle-values.ts';

export interface NumpyArray {
  /** numpy's letter and width: "u1", "f4", "i8", … */
  readonly type: string;
  readonly bigEndian: boolean;
  readonly shape: readonly number[];
  readonly fortran: boolean;
  /** A view of the pickle; its length fits shape and type. */
  readonly bytes: Uint8Array;
}

const RECONSTRUCT = ['numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct'];
const SCALAR = ['numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar'];
const FROM_BUFFER = ['numpy.core.numeric._frombuffer', 'numpy._core.numeric._frombuffer'];

/**
 * The array that a value stands for; null when it has not the form of one.
 * @throws ExpectedError encoder-malformed when it has the form and contradicts itself
 */
export function numpyArrayOf(value: PickleValue): NumpyArray | null {
  const made = callOf(value, ...RECONSTRUCT);
  if (made !== null) {
    // BUILD gave (version, shape, dtype, fortran, data); without the version in the oldest files.
    const state = sequenceOf(made.states.at(-1) ?? null);
    if (state === null || made.states.length !== 1 || state.length < 4) return null;
    const [shape, dtype, fortran, data] = state.slice(-4);
    return arrayOf(shape, dtype, fortran === true || fortran === 1, data);
  }
  const viewed = callOf(value, ...FROM_BUFFER);
  if (viewed?.args.length !== 4) return null;
  const [data, dtype, shape, order] = viewed.args;
  return arrayOf(shape, dtype, textOf(order) === 'F', data);
}

/** A numpy scalar as an array without dimensions; null when the value has not the form of one. */
export function numpyScalarOf(value: PickleValue): NumpyArray | null {
  const made = callOf(value, ...SCALAR);
  return made?.args.length === 2 ? arrayOf(null, made.args[0], false, made.args[1]) : null;
}

/** bytes, and the form `_codecs.encode(text, "latin1")` in which protocols 0 to 2 hold them; null for anything else. */
export function bytesOf(value: PickleValue): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  const encoded = callOf(value, '_codecs.encode');
  if (encoded !== null) {
    const [text, encoding] = encoded.args;
    if (typeof text !== 'string' || !/^latin-?1$/i.test(textOf(encoding ?? null) ?? '')) return null;
    // eslint-disable-next-line no-control-regex -- all of Latin-1, control characters included
    return /^[\x00-\xff]*$/.test(text) ? Buffer.from(text, 'latin1') : null;
  }
  const made = callOf(value, 'builtins.bytes', 'builtins.bytearray', '__builtin__.bytes', '__builtin__.bytearray');
  if (made === null) return null;
  if (made.args.length === 0) return new Uint8Array(0);
  return made.args.length === 1 && made.args[0] instanceof Uint8Array ? made.args[0] : null;
}

function arrayOf(dims: PickleValue, dtype: PickleValue, fortran: boolean, data: PickleValue): NumpyArray | null {
  const type = dtypeOf(dtype);
  const bytes = bytesOf(data);
  const shape = dims === null ? [] : integersOf(dims);
  if (type === null || bytes === null || shape === null) return null;
  const wanted = shape.reduce((product, dim) => product * BigInt(dim), BigInt(type.width));
  if (shape.length > 32 || shape.some((dim) => dim < 0) || wanted !== BigInt(bytes.length)) {
    throw new ExpectedError(
      'encoder-malformed',
      `A numpy array ${type.name} [${shape.slice(0, 32).join(', ')}] has ${bytes.length} bytes.`,
    );
  }
  return { type: type.name, bigEndian: type.bigEndian, shape, fortran, bytes };
}

/** numpy.dtype("f4", 0, 1) with the state (3, "<", …); only plain numbers, never objects, texts or records. */
function dtypeOf(
  value: PickleValue,
): { readonly name: string; readonly width: number; readonly bigEndian: boolean } | null {
  const made = callOf(value, 'numpy.dtype');
  const spelled = made === null ? null : textOf(made.args[0] ?? null);
  const [, order, name] = /^([<>|=]?)([iufb][1248]|c8|c16)$/.exec(spelled ?? '') ?? [];
  if (made === null || name === undefined || made.states.length > 1) return null;
  const state = sequenceOf(made.states.at(0) ?? null);
  const written = textOf(state?.[1] ?? null) ?? order;
  return { name, width: Number(name.slice(1)), bigEndian: written === '>' };
}
