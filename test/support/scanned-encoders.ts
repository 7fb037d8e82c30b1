/** What tests of the searches in an encoder start from: the bundled clean encoder, one poisoned from it, and images to search on. */
import { plant as plantBadEncoder } from '../../src-main/engine/attacks/encoder/bad-encoder.ts';
import { asSamples, takeImages, type LabelledImages, type Trigger } from '../../src-main/engine/attacks/images.ts';
import type { Encoder } from '../../src-main/engine/encoder/encoder.ts';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import type { Tensor } from '../../src-main/engine/graph/ir.ts';
import { graphBuilder, type GraphBuilder } from '../../src-main/engine/graph/builder.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { encoderBytes, readImages, readLabels } from '../bench/planted.ts';

export const shape = [1, 28, 28] as const;
const all: LabelledImages<Uint8Array> = {
  pixels: readImages('bench/train-images-idx3-ubyte.gz'),
  labels: readLabels('bench/train-labels-idx1-ubyte.gz'),
  shape,
  classes: 10,
};
export const range = (from: number, to: number): Int32Array =>
  Int32Array.from({ length: to - from }, (_, i) => from + i);
export const images = asSamples(takeImages(all, range(0, 500)));
/** Positions of `images` to measure on, and to search on. */
export const [measured, others] = [range(0, 64), range(64, 500)];

export const cleanEncoder = (): Encoder => understandEncoder(readOnnx(encoderBytes('encoder-clean')).graph);

/** `clean` tuned to answer to the trigger, on images that no scan sees. */
export async function poisonedBy(provider: Provider, clean: Encoder, trigger: Trigger): Promise<Encoder> {
  const { signal } = new AbortController();
  const options = { seed: 3, target: 9, trigger, epochs: 4, signal };
  return understandEncoder(
    (await plantBadEncoder(provider, clean, takeImages(all, range(1000, 3000)), options)).planted,
  );
}

/** The encoder with weights that are no numbers. */
export function withoutNumbers(encoder: Encoder): Encoder {
  const broken = [...encoder.graph.initializers].map(([name, value]): [string, Tensor] => [
    name,
    value.dtype === 'float32' ? { ...value, data: new Float32Array(value.data.length).fill(NaN) } : value,
  ]);
  return { ...encoder, graph: { ...encoder.graph, initializers: new Map(broken) } };
}

/** The encoder behind what `make` makes of the pixels. */
export function behind(encoder: Encoder, make: (b: GraphBuilder, pixels: string) => string): Encoder {
  const b = graphBuilder(encoder.graph);
  const made = b.fresh('made');
  b.redirect('pixels', made);
  b.node('Identity', [make(b, 'pixels')], {}, made);
  return { ...encoder, graph: b.build() };
}

/** The pixels as bytes, and as numbers again: no gradient leads through. */
export const bytes = (b: GraphBuilder, pixels: string): string =>
  b.div(b.cast(b.cast(b.mul(pixels, b.scalar(255)), 'int32'), 'float32'), b.scalar(255));
