/**
 * What a SavedModel says of itself (saved_model.proto, meta_graph.proto, graph.proto, function.proto, node_def.proto,
 * tensor_shape.proto): the version that wrote it, its tags, its signatures, the operators of its graph and functions.
 */
import { bytesOf, intOf, safeInt, textOf, visitFields, type Field } from '../../../engine/graph/onnx/wire.ts';
import type { ModelLimits } from '../../limits.ts';
import { malformedModel, tooLargeModel } from '../fields.ts';

/** A TensorFlow type (types.proto). */
export interface TensorKind {
  readonly name: string;
  /** Of one value; 0 where values have no fixed size. */
  readonly bytes: number;
  /** How values that may be no numbers are held here; null for all others. */
  readonly tensor: {
    readonly dtype: 'float32' | 'float64' | 'float16';
    readonly array: new (bytes: ArrayBuffer) => Float32Array | Float64Array | Uint16Array;
  } | null;
}

const KINDS: Readonly<Record<number, readonly [name: string, bytes: number, tensor?: TensorKind['tensor']]>> = {
  1: ['float32', 4, { dtype: 'float32', array: Float32Array }],
  2: ['float64', 8, { dtype: 'float64', array: Float64Array }],
  3: ['int32', 4],
  4: ['uint8', 1],
  5: ['int16', 2],
  6: ['int8', 1],
  7: ['string', 0],
  8: ['complex64', 8],
  9: ['int64', 8],
  10: ['bool', 1],
  14: ['bfloat16', 2],
  17: ['uint16', 2],
  18: ['complex128', 16],
  19: ['float16', 2, { dtype: 'float16', array: Uint16Array }],
  20: ['resource', 0],
  21: ['variant', 0],
  22: ['uint32', 4],
  23: ['uint64', 8],
};

export function dtypeNamed(number: number): TensorKind {
  if (!Object.hasOwn(KINDS, number)) return { name: `type ${number}`, bytes: 0, tensor: null };
  const [name, bytes, tensor] = KINDS[number];
  return { name, bytes, tensor: tensor ?? null };
}

export interface SavedTensor {
  readonly name: string;
  readonly dtype: string;
  /** -1 = open; null where even the number of dimensions is. */
  readonly dims: readonly number[] | null;
}

export interface Signature {
  readonly name: string;
  readonly inputs: readonly SavedTensor[];
  readonly outputs: readonly SavedTensor[];
}

export interface SavedModel {
  /** '' where the file does not say. */
  readonly version: string;
  readonly tags: readonly string[];
  readonly signatures: readonly Signature[];
  readonly functions: number;
  /** How often each operator stands in the graph and its functions. */
  readonly operators: ReadonlyMap<string, number>;
}

/**
 * @param what names the file in errors
 * @throws ExpectedError encoder-malformed, encoder-too-large
 */
export function readSavedModel(bytes: Uint8Array, what: string, limits: ModelLimits): SavedModel {
  const operators = new Map<string, number>();
  const tags: string[] = [];
  const signatures: Signature[] = [];
  let version = '';
  let functions = 0;
  let nodes = 0;
  const most = limits.maxLayers * 20;
  const node = (body: Uint8Array): void => {
    nodes += 1;
    if (nodes > most) throw tooLargeModel(`${what} has more than ${most} operators.`);
    visitFields(body, 'a node', (field) => {
      if (field.number !== 2) return;
      const op = textOf(field, 'a node').slice(0, 200);
      operators.set(op, (operators.get(op) ?? 0) + 1);
    });
  };
  const graph = (body: Uint8Array): void =>
    visitFields(body, 'a graph', (field) => {
      if (field.number === 1) node(bytesOf(field, 'a graph'));
      if (field.number !== 2) return;
      within(field, 'a library', 1, (definition) => {
        functions += 1;
        visitFields(definition, 'a function', (inner) => {
          if (inner.number === 3) node(bytesOf(inner, 'a function'));
        });
      });
    });
  const about = (body: Uint8Array): void =>
    visitFields(body, 'its description', (field) => {
      if (field.number === 4) tags.push(textOf(field, 'a tag').slice(0, 100));
      else if (field.number === 5) version = textOf(field, 'its version').slice(0, 100);
      if (tags.length > MOST_LISTED) throw tooLargeModel(`${what} has more than ${MOST_LISTED} tags.`);
    });
  within({ number: 0, wire: 2, varint: 0n, bytes }, what, 2, (meta) =>
    visitFields(meta, 'a meta graph', (field) => {
      if (field.number === 1) about(bytesOf(field, 'a meta graph'));
      else if (field.number === 2) graph(bytesOf(field, 'a meta graph'));
      else if (field.number === 5) {
        signatures.push(signatureOf(bytesOf(field, 'a signature'), limits));
        if (signatures.length > MOST_LISTED) throw tooLargeModel(`${what} has more than ${MOST_LISTED} signatures.`);
      }
    }),
  );
  return { version, tags, signatures, functions, operators };
}

/** Tags, signatures, tensors of a signature. */
const MOST_LISTED = 1000;

function within(field: Field, what: string, number: number, use: (body: Uint8Array) => void): void {
  visitFields(bytesOf(field, what), what, (inner) => {
    if (inner.number === number) use(bytesOf(inner, what));
  });
}

/** An entry of a map from text to SignatureDef. */
function signatureOf(entry: Uint8Array, limits: ModelLimits): Signature {
  let name = '';
  const inputs: SavedTensor[] = [];
  const outputs: SavedTensor[] = [];
  visitFields(entry, 'a signature', (field) => {
    if (field.number === 1) name = textOf(field, 'a signature').slice(0, 200);
    if (field.number !== 2) return;
    visitFields(bytesOf(field, 'a signature'), 'a signature', (inner) => {
      if (inner.number > 2) return;
      const list = inner.number === 1 ? inputs : outputs;
      list.push(tensorOf(bytesOf(inner, 'a signature'), limits));
      if (list.length > MOST_LISTED) throw tooLargeModel(`A signature has more than ${MOST_LISTED} tensors.`);
    });
  });
  return { name, inputs, outputs };
}

/** An entry of a map from text to TensorInfo. */
function tensorOf(entry: Uint8Array, limits: ModelLimits): SavedTensor {
  let name = '';
  let dtype = dtypeNamed(0).name;
  let dims: readonly number[] | null = [];
  visitFields(entry, 'a tensor', (field) => {
    if (field.number === 1) name = textOf(field, 'a tensor').slice(0, 200);
    if (field.number !== 2) return;
    visitFields(bytesOf(field, 'a tensor'), 'a tensor', (inner) => {
      if (inner.number === 2) dtype = dtypeNamed(safeInt(intOf(inner, 'a tensor'))).name;
      else if (inner.number === 3) dims = shapeIn(bytesOf(inner, 'a tensor'), `the tensor "${name}"`, limits);
    });
  });
  return { name, dtype, dims };
}

/** Sizes of a TensorShapeProto, -1 where one is open; null where their number is. */
export function shapeIn(body: Uint8Array, what: string, limits: ModelLimits): readonly number[] | null {
  const dims: number[] = [];
  let open = false;
  visitFields(body, what, (field) => {
    if (field.number === 3) open = intOf(field, what) !== 0n;
    if (field.number !== 2) return;
    let size = 0;
    visitFields(bytesOf(field, what), what, (inner) => {
      if (inner.number === 1) size = safeInt(intOf(inner, what));
    });
    dims.push(size);
    if (dims.length > limits.maxRank) throw malformedModel(`${what} has more than ${limits.maxRank} dimensions.`);
  });
  return open ? null : dims;
}
