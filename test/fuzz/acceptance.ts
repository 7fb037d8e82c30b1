/**
 * What "wrongly accepted" means. A reader that takes a file vouches for what it hands out: shapes that fit their values,
 * a graph in order, weights that are numbers or reported not to be, no more memory than the caps allow, names and labels
 * within their dataset. A file that is taken and breaks one of these is a finding.
 */
import type { Graph, Tensor } from '../../src-main/engine/graph/ir.ts';
import type { Dataset } from '../../src-main/formats/datasets/dataset.ts';
import type { OpenedEncoder } from '../../src-main/formats/encoders/encoder-file.ts';
import type { DecodedImage } from '../../src-main/formats/images/image.ts';

export class WronglyAccepted extends Error {}

const require = (fits: boolean, what: () => string): void => {
  if (!fits) throw new WronglyAccepted(`wrongly accepted: ${what()}`);
};

/** Bytes of weights per byte of the files above `WEIGHT_FLOOR`: more than that came out of nothing. */
const MAX_RATIO = 200;
const WEIGHT_FLOOR = 64 * 2 ** 20;

export function requireSoundEncoder({ graph, findings, bytes }: OpenedEncoder): void {
  let weights = 0;
  let finite = true;
  for (const [name, tensor] of graph.initializers) {
    requireSoundTensor(name, tensor);
    weights += tensor.data.byteLength;
    finite &&= isFinite(tensor);
  }
  require(weights <= Math.max(WEIGHT_FLOOR, MAX_RATIO * bytes), () => `${weights} bytes of weights from ${bytes}`);
  require(finite || findings.some(({ rule }) => rule === 'weights.not-finite'), () =>
    'weights that are no numbers, and no word of it');
  requireOrder(graph);
}

function requireSoundTensor(name: string, { dtype, dims, data }: Tensor): void {
  require(dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0), () => `${name} has the shape [${dims.join()}]`);
  const count = dims.reduce((product, dim) => product * dim, 1);
  require(data.length === count, () => `${name}: ${data.length} values for [${dims.join()}]`);
  const arrays = {
    float32: Float32Array,
    float64: Float64Array,
    float16: Uint16Array,
    int64: BigInt64Array,
    int32: Int32Array,
    uint8: Uint8Array,
    int8: Int8Array,
    bool: Uint8Array,
  };
  require(data instanceof arrays[dtype], () => `${name} is ${dtype} in a ${data.constructor.name}`);
}

function isFinite({ dtype, data }: Tensor): boolean {
  if (dtype === 'float32' || dtype === 'float64') return (data as Float32Array).every(Number.isFinite);
  return true;
}

/** Every value is made once and before it is used, so no graph runs in circles. */
function requireOrder(graph: Graph): void {
  const known = new Set<string>(graph.initializers.keys());
  const make = (name: string): void => {
    require(!known.has(name), () => `the value ${name} is made twice`);
    known.add(name);
  };
  for (const { name } of graph.inputs) make(name);
  for (const { name, inputs, outputs } of graph.nodes) {
    for (const input of inputs)
      require(input === '' || known.has(input), () => `${name} uses ${input} before it is made`);
    for (const output of outputs) if (output !== '') make(output);
  }
  for (const { name } of graph.outputs) require(known.has(name), () => `the output ${name} is never made`);
}

export function requireSoundImage({ width, height, channels, data }: DecodedImage, maxPixels: number): void {
  require(width >= 1 && height >= 1 && width * height <= maxPixels, () => `an image of ${width} x ${height}`);
  require(channels === 1 || channels === 3, () => `an image of ${String(channels)} channels`);
  require(data.length === width * height * channels, () =>
    `${data.length} values for ${width} x ${height} x ${channels}`);
}

export function requireSoundDataset(dataset: Dataset, maxFiles: number): void {
  const { count, classes } = dataset;
  require(Number.isSafeInteger(count) && count >= 0 && count <= maxFiles, () => `${count} samples`);
  require(new Set(classes).size === classes.length, () => 'two classes of one name');
  for (let i = 0; i < count; i++) {
    const label = dataset.label(i);
    require(Number.isInteger(label) && label >= 0 && label < classes.length, () => `sample ${i} is of class ${label}`);
    const name = dataset.name(i);
    const parts = name.split(/[/\\]/);
    require(name !== '' &&
      !name.includes('\0') &&
      !parts.includes('..') &&
      parts[0] !== '' &&
      !/^[A-Za-z]:/.test(name), () => `sample ${i} is named ${JSON.stringify(name.slice(0, 100))}`);
  }
}
