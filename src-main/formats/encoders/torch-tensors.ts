/**
 * Tensors within the pickles of PyTorch, proved by their form: a call of one of PyTorch's rebuilding functions whose
 * arguments are a storage named by a persistent id, an offset, sizes and strides. Everything else is no tensor here.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { numpyArrayOf } from './numpy-pickle.ts';
import { callOf, globalName, integersOf, isObject, sequenceOf, textOf, type PickleValue } from './pickle-values.ts';
import { elementBytes, weightIn, type ElementType, type Weight } from './weights.ts';

/** Bytes of a storage by its key, as the container (zip, legacy file) has them. */
export interface StorageBytes {
  readonly byteCount: number;
  readonly bigEndian: boolean;
  bytes(): Uint8Array;
}

export type FindStorage = (key: string) => StorageBytes;

/** What a persistent id of PyTorch says: ('storage', type, key, location, number of elements[, view]). */
export interface StorageId {
  readonly key: string;
  /** Null for storages without a type of their own. */
  readonly type: ElementType | null;
  readonly elements: number;
  /** Elements in front of it in the storage `key`; only old files have storages that are part of another. */
  readonly offset: number;
}

const STORAGE_TYPES: Readonly<Record<string, ElementType>> = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

const DTYPES: Readonly<Record<string, ElementType>> = {
  'torch.float64': 'float64',
  'torch.double': 'float64',
  'torch.float32': 'float32',
  'torch.float': 'float32',
  'torch.float16': 'float16',
  'torch.half': 'float16',
  'torch.bfloat16': 'bfloat16',
  'torch.int64': 'int64',
  'torch.long': 'int64',
  'torch.int32': 'int32',
  'torch.int': 'int32',
  'torch.int16': 'int16',
  'torch.short': 'int16',
  'torch.int8': 'int8',
  'torch.uint8': 'uint8',
  'torch.bool': 'bool',
};

const UNTYPED = ['torch.storage.UntypedStorage', 'torch.storage._UntypedStorage', 'torch.UntypedStorage'];

/** Null when the id has not this form. */
export function storageIdOf(id: PickleValue): StorageId | null {
  const parts = sequenceOf(id);
  if (parts === null || parts.length < 5 || parts.length > 6 || textOf(parts[0]) !== 'storage') return null;
  const [, kind, key, , elements] = parts;
  const named = globalName(kind);
  const keyText = typeof key === 'number' ? String(key) : textOf(key);
  if (
    named === null ||
    keyText === null ||
    typeof elements !== 'number' ||
    !Number.isSafeInteger(elements) ||
    elements < 0
  )
    return null;
  const [, storage] = /^torch\.(?:cuda\.)?(\w+Storage)$/.exec(named) ?? [];
  const type = storage !== undefined && Object.hasOwn(STORAGE_TYPES, storage) ? STORAGE_TYPES[storage] : null;
  if (type === null && !UNTYPED.includes(named)) {
    throw new ExpectedError('unsupported-encoder', `Its storages are of the type ${named.slice(0, 100)}.`);
  }
  const view = sequenceOf(parts[5] ?? null);
  const offset = view === null ? 0 : view[1];
  return typeof offset === 'number' ? { key: keyText, type, elements, offset } : null;
}

/**
 * The weight that a value stands for; null when it has not the form of a tensor.
 * @param name for errors
 * @throws ExpectedError encoder-malformed when it has the form and reaches outside of its storage; unsupported-encoder
 */
export function torchTensorOf(value: PickleValue, find: FindStorage, name: string): Weight | null {
  const data = unwrapped(value);
  const rebuilt = callOf(
    data,
    'torch._utils._rebuild_tensor',
    'torch._utils._rebuild_tensor_v2',
    'torch._utils._rebuild_tensor_v3',
  );
  if (rebuilt !== null) {
    const [storage, offset, sizes, steps] = rebuilt.args;
    if (rebuilt.args.length < 4 || !isObject(storage) || storage.kind !== 'persistent') return null;
    const id = storageIdOf(storage.id);
    const dims = integersOf(sizes);
    const strides = integersOf(steps);
    if (id === null || dims === null || strides === null || typeof offset !== 'number') return null;
    const declared = DTYPES[globalName(rebuilt.args[6] ?? null) ?? ''];
    const type = id.type ?? declared;
    if (type === undefined)
      throw new ExpectedError('unsupported-encoder', `The tensor "${name}" is of an unknown type.`);
    return inStorage(find(id.key), id, type, dims, strides, offset, `The tensor "${name}"`);
  }
  const array = numpyArrayOf(data);
  if (array === null) return null;
  const type = NUMPY_TYPES[array.type];
  if (type === undefined) return null;
  const strides = array.fortran
    ? array.shape.map((_, axis) => array.shape.slice(0, axis).reduce((a, b) => a * b, 1))
    : null;
  const layout = { type, dims: array.shape, strides, offset: 0, bigEndian: array.bigEndian };
  return weightIn(() => array.bytes, array.bytes.length, layout, `The array "${name}"`);
}

const NUMPY_TYPES: Readonly<Record<string, ElementType | undefined>> = {
  f8: 'float64',
  f4: 'float32',
  f2: 'float16',
  i8: 'int64',
  i4: 'int32',
  i2: 'int16',
  i1: 'int8',
  u1: 'uint8',
  b1: 'bool',
};

function inStorage(
  storage: StorageBytes,
  id: StorageId,
  type: ElementType,
  dims: readonly number[],
  strides: readonly number[],
  offset: number,
  label: string,
): Weight {
  // An untyped storage counts bytes.
  const stated = id.elements * (id.type === null ? 1 : elementBytes[id.type]);
  const before = id.offset * (id.type === null ? 1 : elementBytes[id.type]);
  if (id.offset < 0 || before + stated > storage.byteCount) {
    throw new ExpectedError(
      'encoder-malformed',
      `${label}: its storage "${id.key.slice(0, 50)}" is to have ${stated} bytes and has ${storage.byteCount}.`,
    );
  }
  const bytes = (): Uint8Array => storage.bytes().subarray(before, before + stated);
  return weightIn(bytes, stated, { type, dims, strides, offset, bigEndian: storage.bigEndian }, label);
}

/** Parameters and subclasses of tensors hold the tensor as their first argument; a few levels at most. */
function unwrapped(value: PickleValue): PickleValue {
  let inner = value;
  for (let level = 0; level < 4; level += 1) {
    const parameter = callOf(inner, 'torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state');
    const typed = callOf(inner, 'torch._tensor._rebuild_from_type_v2', 'torch.tensor._rebuild_from_type_v2');
    if (parameter !== null && parameter.args.length > 0) inner = parameter.args[0];
    else if (typed !== null && typed.args.length >= 3) {
      const args = sequenceOf(typed.args[2]);
      if (args === null) return inner;
      inner = {
        kind: 'call',
        opcode: 'REDUCE',
        callee: typed.args[0],
        args,
        keywords: null,
        states: [],
        items: [],
        entries: [],
        at: typed.at,
      };
    } else return inner;
  }
  return inner;
}
