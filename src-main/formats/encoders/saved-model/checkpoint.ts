/**
 * The variables of a checkpoint: an index of names, types, shapes and places (a sorted table of messages,
 * tensor_bundle.proto), and files of values beside it. Values of numbers are handed out; nothing is made of them.
 */
import type { Tensor } from '../../../engine/graph/ir.ts';
import { bytesOf, intOf, safeInt, visitFields, type Field } from '../../../engine/graph/onnx/wire.ts';
import type { ModelLimits } from '../../limits.ts';
import { malformedModel } from '../fields.ts';
import { dtypeNamed, shapeIn, type TensorKind } from './messages.ts';
import { readTable } from './table.ts';

export interface Variable {
  readonly name: string;
  readonly kind: TensorKind;
  readonly dims: readonly number[];
  readonly shard: number;
  readonly offset: number;
  /** Bytes in the file of values. */
  readonly size: number;
  /** Stored in slices that lie elsewhere. */
  readonly sliced: boolean;
}

export interface Checkpoint {
  /** Ordered by name. */
  readonly variables: readonly Variable[];
  readonly shards: number;
}

/** @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder (a compressed index) */
export function readCheckpointIndex(bytes: Uint8Array, what: string, limits: ModelLimits): Checkpoint {
  const table = readTable(bytes, what, limits);
  const header = table.get('');
  if (header === undefined) throw malformedModel(`${what} has no header.`);
  let shards = 0;
  let bigEndian = false;
  visitFields(header, what, (field) => {
    if (field.number === 1) shards = safeInt(intOf(field, what));
    else if (field.number === 2) bigEndian = intOf(field, what) !== 0n;
  });
  if (bigEndian)
    throw malformedModel(`${what}: its values are big-endian, which TensorFlow reads on no usual machine.`);
  if (!(shards >= 1 && shards <= limits.maxExternalFiles)) throw malformedModel(`${what}: ${shards} files of values.`);
  const variables = [...table].filter(([name]) => name !== '').map(([name, entry]) => variableOf(name, entry, limits));
  for (const { name, shard } of variables)
    if (!(shard < shards)) throw malformedModel(`${what}: ${quoted(name)} lies in file ${shard} of ${shards}.`);
  return { variables, shards };
}

function variableOf(name: string, entry: Uint8Array, limits: ModelLimits): Variable {
  const what = `variable ${quoted(name)}`;
  const numbers = { type: 0, shard: 0, offset: 0, size: 0 };
  let dims: readonly number[] = [];
  let sliced = false;
  const places: Readonly<Record<number, keyof typeof numbers>> = { 1: 'type', 3: 'shard', 4: 'offset', 5: 'size' };
  visitFields(entry, what, (field: Field) => {
    if (Object.hasOwn(places, field.number)) numbers[places[field.number]] = safeInt(intOf(field, what));
    else if (field.number === 2) dims = shapeIn(bytesOf(field, what), what, limits) ?? [];
    else if (field.number === 7) sliced = true;
  });
  const { shard, offset, size } = numbers;
  const kind = dtypeNamed(numbers.type);
  if (dims.some((dim) => dim < 0) || shard < 0 || offset < 0 || size < 0)
    throw malformedModel(`${what} has a size below zero.`);
  const wanted = dims.reduce((product, dim) => product * dim, kind.bytes);
  if (!sliced && kind.bytes > 0 && wanted !== size)
    throw malformedModel(`${what} is ${kind.name} [${dims.join()}] and takes ${size} bytes, not ${wanted}.`);
  return { name, kind, dims, shard, offset, size, sliced };
}

/** Under which name a file of values lies beside its index. */
export function shardName(prefix: string, shard: number, shards: number): string {
  return `${prefix}.data-${String(shard).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}`;
}

/**
 * Values of the variables that are floats, one after the other, for a look at them.
 * @param part bytes of a file of values, by its number
 * @throws ExpectedError encoder-malformed when a variable lies beyond its file
 */
export function* floatsOf(
  { variables }: Checkpoint,
  part: (shard: number) => Uint8Array,
): Generator<readonly [name: string, tensor: Tensor]> {
  for (const { name, kind, dims, shard, offset, size, sliced } of variables) {
    const file = part(shard);
    if (!(offset + size <= file.length)) {
      throw malformedModel(
        `The variable ${quoted(name)} lies at ${offset} + ${size} of a file of ${file.length} bytes.`,
      );
    }
    if (sliced || kind.tensor === null) continue;
    const { dtype, array } = kind.tensor;
    // A copy: views of wider numbers must start at a multiple of their width.
    const { buffer } = new Uint8Array(file.subarray(offset, offset + size));
    yield [name, { dtype, dims, data: new array(buffer) }];
  }
}

const quoted = (name: string): string => JSON.stringify(name.slice(0, 200));
