/**
 * safetensors: the length of a JSON header (8 bytes, little-endian), the header, the tensors' bytes end to end.
 * The header maps each name to `{dtype, shape, data_offsets}`; `__metadata__` maps texts to texts.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { DType, Tensor, TensorData } from '../../engine/graph/ir.ts';
import { startFile } from '../datasets/column-file.ts';
import { compareText } from '../datasets/column.ts';
import { defaultLimits, type ModelLimits } from '../limits.ts';

export interface SafetensorsContent {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const NAMES: Readonly<Record<DType, string>> = {
  float64: 'F64',
  int64: 'I64',
  float32: 'F32',
  int32: 'I32',
  float16: 'F16',
  uint8: 'U8',
  int8: 'I8',
  bool: 'BOOL',
};

type ArrayType = {
  new (buffer: ArrayBuffer): TensorData;
  readonly BYTES_PER_ELEMENT: number;
};

const TYPES: Readonly<Record<string, { readonly dtype: DType; readonly array: ArrayType } | undefined>> = {
  F64: { dtype: 'float64', array: Float64Array },
  I64: { dtype: 'int64', array: BigInt64Array },
  F32: { dtype: 'float32', array: Float32Array },
  I32: { dtype: 'int32', array: Int32Array },
  F16: { dtype: 'float16', array: Uint16Array },
  U8: { dtype: 'uint8', array: Uint8Array },
  I8: { dtype: 'int8', array: Int8Array },
  BOOL: { dtype: 'bool', array: Uint8Array },
};

/** Bytes of one value in the types of the format that the graph has no word for. */
const FOREIGN: Readonly<Record<string, number>> = {
  BF16: 2,
  I16: 2,
  U16: 2,
  U32: 4,
  U64: 8,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  F4: 0.5,
  C64: 8,
};

/** One tensor as the header states it, with a view of its bytes. */
export interface RawTensor {
  /** As the format spells it: "F32", "BF16", … */
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

const METADATA = '__metadata__';

/**
 * The bytes of a safetensors file. Equal content gives equal bytes, whatever order it comes in: wide types first (so
 * that every tensor is aligned), then by name; the header is padded with blanks to a multiple of 8.
 * @throws RangeError when a tensor's data does not fit its dims or a name is the reserved one.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const width = ({ data }: Tensor): number => data.BYTES_PER_ELEMENT;
  const ordered = [...tensors].sort(([a, first], [b, second]) => width(second) - width(first) || compareText(a, b));
  // Written entry by entry: an object would sort names like "0" first and trip over "__proto__".
  const entries: string[] = [];
  const texts = Object.keys(metadata).sort(compareText);
  if (texts.length > 0) {
    entries.push(
      `"${METADATA}":{${texts.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`).join(',')}}`,
    );
  }
  let end = 0;
  for (const [name, tensor] of ordered) {
    const values = tensor.dims.reduce((product, dim) => product * dim, 1);
    if (name === METADATA) throw new RangeError(`no tensor may be called ${METADATA}`);
    if (values !== tensor.data.length) {
      throw new RangeError(`tensor "${name}" of [${tensor.dims.join(', ')}] has ${tensor.data.length} values`);
    }
    const start = end;
    end += tensor.data.byteLength;
    entries.push(
      `${JSON.stringify(name)}:{"dtype":"${NAMES[tensor.dtype]}","shape":[${tensor.dims.join(',')}],"data_offsets":[${start},${end}]}`,
    );
  }
  const json = Buffer.from(`{${entries.join(',')}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerBytes + end);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerBytes), true);
  out.fill(0x20, 8, 8 + headerBytes);
  out.set(json, 8);
  let at = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return out;
}

/**
 * Reads what `writeSafetensors` or another writer made; tensors come in the order of the header, with data of their own.
 * @throws ExpectedError safetensors-malformed; unsupported-encoder for a type that cannot be represented
 */
export function readSafetensors(bytes: Uint8Array, limits: ModelLimits = defaultLimits.model): SafetensorsContent {
  const { tensors: raw, metadata } = readRawSafetensors(bytes, limits);
  const tensors = new Map<string, Tensor>();
  for (const [name, { type, dims, bytes: view }] of raw) {
    const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (known === undefined) throw new ExpectedError('unsupported-encoder', `${labelOf(name)} is of type ${type}.`);
    // A copy: the views need their own alignment, and the caller's buffer may be reused.
    tensors.set(name, { dtype: known.dtype, dims, data: new known.array(view.slice().buffer) });
  }
  return { tensors, metadata };
}

/**
 * The header's tensors as views of the file, of every type that the format knows, whole and without gaps or overlaps.
 * @throws ExpectedError safetensors-malformed
 */
export function readRawSafetensors(
  bytes: Uint8Array,
  limits: ModelLimits = defaultLimits.model,
): { readonly tensors: ReadonlyMap<string, RawTensor>; readonly metadata: Readonly<Record<string, string>> } {
  if (bytes.length < 8) throw malformed(`${bytes.length} bytes are no header.`);
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (headerBytes > BigInt(limits.maxHeaderBytes)) {
    throw malformed(`The header claims ${headerBytes} bytes (limit maxHeaderBytes = ${limits.maxHeaderBytes}).`);
  }
  const start = 8 + Number(headerBytes);
  if (start > bytes.length) throw malformed('The file ends within its header.');
  const entries = parseHeader(bytes.subarray(8, start));
  // A plain view: `slice` of a Buffer would not copy.
  const body = new Uint8Array(bytes.buffer, bytes.byteOffset + start, bytes.length - start);
  const tensors = new Map<string, RawTensor>();
  const spans: Span[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  if (entries.length > limits.maxTensors + 1)
    throw malformed(`More than ${limits.maxTensors} tensors (limit maxTensors).`);
  for (const [name, value] of entries) {
    if (name === METADATA) {
      metadata = readMetadata(value);
      continue;
    }
    const span = readSpan(name, value, limits);
    spans.push(span);
    if (span.end > body.length) throw malformed(`The tensor ${JSON.stringify(name)} reaches past the end of the file.`);
    tensors.set(name, { type: span.type, dims: span.dims, bytes: body.subarray(span.start, span.end) });
  }
  checkContiguous(spans, body.length);
  return { tensors, metadata };
}

/**
 * Writes a safetensors file whole or not at all, opens it again and compares.
 * @throws ExpectedError no-space, file-missing, export-differs
 */
export function saveSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): { readonly bytes: number; readonly sha256: string } {
  const bytes = writeSafetensors(tensors, metadata);
  const part = startFile(file);
  try {
    part.append(bytes);
    part.finish();
  } finally {
    part.discard();
  }
  const again = readFileSync(file);
  const { tensors: read } = readSafetensors(again);
  const same =
    read.size === tensors.size && [...tensors].every(([name, tensor]) => equalTensors(tensor, read.get(name)));
  if (!same) throw new ExpectedError('export-differs', `${file} does not hold what was written.`);
  return { bytes: bytes.length, sha256: createHash('sha256').update(again).digest('hex') };
}

function equalTensors(a: Tensor, b: Tensor | undefined): boolean {
  if (b === undefined || a.dtype !== b.dtype || a.dims.join() !== b.dims.join()) return false;
  const bytes = ({ data }: Tensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.compare(bytes(a), bytes(b)) === 0;
}

function malformed(what: string, cause?: unknown): ExpectedError {
  return new ExpectedError('safetensors-malformed', what, cause === undefined ? {} : { cause });
}

function parseHeader(header: Uint8Array): [string, unknown][] {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    parsed = JSON.parse(text);
  } catch (error) {
    throw malformed('The header is no JSON.', error);
  }
  if (!text.startsWith('{') || !isObject(parsed)) throw malformed('The header is no JSON object.');
  // JSON.parse keeps the last of equal keys, another reader the first: every colon outside texts stands for one key.
  const colons = text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1;
  if (colons !== countKeys(parsed)) throw malformed('The header names something twice.');
  return Object.entries(parsed);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function countKeys(value: unknown): number {
  let keys = 0;
  // A list of our own instead of recursion: the header may be nested as deep as it is long.
  for (const open = [value]; open.length > 0;) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) continue;
    const inner = Object.values(next) as unknown[];
    if (!Array.isArray(next)) keys += inner.length;
    for (const item of inner) open.push(item);
  }
  return keys;
}

function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) throw malformed(`${METADATA} is no JSON object.`);
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw malformed(`${METADATA}: ${JSON.stringify(key)} is no text.`);
    metadata[key] = text;
  }
  return metadata;
}

interface Span {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly dims: readonly number[];
  readonly type: string;
}

function labelOf(name: string): string {
  return `The tensor ${JSON.stringify(name.slice(0, 200))}`;
}

function readSpan(name: string, value: unknown, limits: ModelLimits): Span {
  const label = labelOf(name);
  if (!isObject(value)) throw malformed(`${label} is no JSON object.`);
  const { dtype: typeName, shape, data_offsets: offsets } = value;
  if (typeof typeName !== 'string') throw malformed(`${label} has no dtype.`);
  const known = Object.hasOwn(TYPES, typeName) ? TYPES[typeName] : undefined;
  const width = known?.array.BYTES_PER_ELEMENT ?? (Object.hasOwn(FOREIGN, typeName) ? FOREIGN[typeName] : undefined);
  if (width === undefined) throw malformed(`${label} has the unknown dtype ${JSON.stringify(typeName.slice(0, 50))}.`);
  if (!isSizes(shape) || shape.length > limits.maxRank) throw malformed(`${label} has no proper shape.`);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1])
    throw malformed(`${label} has no proper data_offsets.`);
  const values = shape.reduce((product, dim) => product * BigInt(dim), 1n);
  const [start, end] = offsets;
  if (values * BigInt(2 * width) !== BigInt(end - start) * 2n) {
    throw malformed(`${label} is ${typeName} [${shape.join(', ')}] and has ${end - start} bytes.`);
  }
  return { name, start, end, dims: shape, type: typeName };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function checkContiguous(spans: readonly Span[], bodyBytes: number): void {
  const ordered = [...spans].sort((a, b) => a.start - b.start || a.end - b.end);
  let end = 0;
  for (const span of ordered) {
    if (span.start !== end) {
      throw malformed(
        `The tensor ${JSON.stringify(span.name)} starts at byte ${span.start}, the one before it ends at ${end}.`,
      );
    }
    end = span.end;
  }
  if (end !== bodyBytes) throw malformed(`${bodyBytes - end} bytes at the end belong to no tensor.`);
}
