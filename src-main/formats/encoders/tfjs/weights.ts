/**
 * The weights of a TF.js model: groups of tensors end to end over one or more shard files, quantised or not
 * (tensorflow/tfjs, tfjs-core/src/io/types.ts and io_utils.ts).
 */
import type { Tensor, TensorData } from '../../../engine/graph/ir.ts';
import { float16Value } from '../../../engine/graph/onnx/tensor.ts';
import type { ModelLimits } from '../../limits.ts';
import { fieldsOf, malformedModel, shown, tooLargeModel, unsupportedModel, type Fields } from '../fields.ts';

export interface TfjsWeights {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** How many were quantised, by kind. */
  readonly quantised: ReadonlyMap<string, number>;
  /** Bytes that the manifest states, and that the shards have. */
  readonly bytes: number;
}

const WIDTHS: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  bool: 1,
  uint8: 1,
  uint16: 2,
  float16: 2,
};

interface Spec {
  readonly name: string;
  readonly dims: readonly number[];
  readonly count: number;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly quantisation: { readonly kind: string; readonly scale: number; readonly min: number } | null;
  readonly bytes: number;
}

/**
 * @param manifest the `weightsManifest` of model.json
 * @param part bytes of a file below the model's folder; guards the path
 * @throws ExpectedError encoder-malformed (a shard too short or too long, a name twice), encoder-too-large, unsupported-encoder
 */
export function readTfjsWeights(
  manifest: unknown,
  part: (location: string) => Uint8Array,
  limits: ModelLimits,
): TfjsWeights {
  if (!Array.isArray(manifest)) throw malformedModel(`model.json: weightsManifest is ${shown(manifest)}.`);
  const tensors = new Map<string, Tensor>();
  const quantised = new Map<string, number>();
  let bytes = 0;
  manifest.forEach((entry: unknown, index) => {
    const group = fieldsOf(entry, `weight group ${index}`);
    const specs = group
      .list('weights')
      .map((each, at) => specOf(fieldsOf(each, `weight ${at} of group ${index}`), limits));
    if (tensors.size + specs.length > limits.maxTensors) {
      throw tooLargeModel(`More than ${limits.maxTensors} weights (limit maxTensors).`);
    }
    const paths = group.list('paths').map((path) => {
      if (typeof path !== 'string') throw malformedModel(`Weight group ${index}: ${shown(path)} is no file name.`);
      return path;
    });
    const wanted = specs.reduce((sum, spec) => sum + spec.bytes, 0);
    if (wanted > limits.maxBytes) throw tooLargeModel(`Weight group ${index} claims ${wanted} bytes (limit maxBytes).`);
    const shards = paths.map(part);
    const met = shards.reduce((sum, shard) => sum + shard.length, 0);
    if (met !== wanted) {
      throw malformedModel(
        `Weight group ${index}: its ${shards.length} shards have ${met} bytes, ${wanted} are stated.`,
      );
    }
    const data = shards.length === 1 ? shards[0] : joined(shards, met);
    let at = 0;
    for (const spec of specs) {
      if (tensors.has(spec.name)) throw malformedModel(`The weight "${spec.name}" is given twice.`);
      tensors.set(spec.name, {
        dtype: spec.dtype,
        dims: spec.dims,
        data: decode(spec, data.subarray(at, at + spec.bytes)),
      });
      if (spec.quantisation !== null) {
        const { kind } = spec.quantisation;
        quantised.set(kind, (quantised.get(kind) ?? 0) + 1);
      }
      at += spec.bytes;
    }
    bytes += wanted;
  });
  return { tensors, quantised, bytes };
}

function specOf(fields: Fields, limits: ModelLimits): Spec {
  const name = fields.text('name');
  const what = `The weight "${name}"`;
  const dims = fields.list('shape').map((dim) => {
    if (!Number.isInteger(dim) || Number(dim) < 0 || Number(dim) > 2 ** 40) {
      throw malformedModel(`${what} has the shape ${shown(fields.raw('shape'))}.`);
    }
    return Number(dim);
  });
  if (dims.length > limits.maxRank) throw tooLargeModel(`${what} has ${dims.length} dimensions (limit maxRank).`);
  const count = dims.reduce((product, dim) => product * dim, 1);
  const dtype = fields.text('dtype');
  if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
    throw unsupportedModel(`${what} is of type ${shown(dtype)}; float32, int32 and bool are read.`);
  }
  const quantisation = fields.raw('quantization') === undefined ? null : quantisationOf(fields.object('quantization'));
  const bytes = count * WIDTHS[quantisation?.kind ?? dtype];
  if (!(bytes <= limits.maxBytes)) throw tooLargeModel(`${what} claims ${dims.join('x')} values (limit maxBytes).`);
  return { name, dims, count, dtype, quantisation, bytes };
}

function quantisationOf(fields: Fields): Spec['quantisation'] {
  const kind = fields.text('dtype');
  if (kind === 'float16') return { kind, scale: 1, min: 0 };
  if (kind !== 'uint8' && kind !== 'uint16') throw unsupportedModel(`${fields.what} is ${shown(kind)}.`);
  return { kind, scale: fields.number('scale'), min: fields.number('min') };
}

function joined(shards: readonly Uint8Array[], size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  for (const shard of shards) {
    out.set(shard, at);
    at += shard.length;
  }
  return out;
}

function decode({ dtype, quantisation, count, name }: Spec, bytes: Uint8Array): TensorData {
  // A copy: the file's bytes need not be aligned.
  const own = new Uint8Array(bytes).buffer;
  if (quantisation !== null) {
    const { kind, scale, min } = quantisation;
    if (dtype === 'bool') throw malformedModel(`The weight "${name}" is a quantised bool.`);
    if (kind === 'float16') return Float32Array.from(new Uint16Array(own), float16Value);
    const stored = kind === 'uint8' ? new Uint8Array(own) : new Uint16Array(own);
    const value = (each: number): number => each * scale + min;
    return dtype === 'int32'
      ? Int32Array.from(stored, (each) => Math.round(value(each)))
      : Float32Array.from(stored, value);
  }
  switch (dtype) {
    case 'float32':
      return new Float32Array(own, 0, count);
    case 'int32':
      return new Int32Array(own, 0, count);
    case 'bool':
      return Uint8Array.from(bytes, (each) => (each === 0 ? 0 : 1));
  }
}
