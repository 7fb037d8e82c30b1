/** Which channels a trigger moves most (trigger-activated change), and how many of them a defence kept as trusted. */
import type { Encoder } from '../encoder/encoder.ts';
import { graphBuilder } from '../graph/builder.ts';
import { inferShapes } from '../graph/shapes.ts';
import type { Provider } from '../providers/provider.ts';
import { imageSize, readImage, type LabelledImages, type Stamp } from './images.ts';

/**
 * Trigger-activated change of every channel of every layer: the mean over images of the Euclidean distance between the channel's map
 * with and without the trigger (Zheng et al., ECCV 2022). Shape: `[layers][channels]`.
 * @param images at least one
 */
export async function triggerActivatedChange(
  provider: Provider,
  encoder: Encoder,
  images: LabelledImages,
  stamp: Stamp,
): Promise<readonly Float64Array[]> {
  const batch = Math.min(50, images.labels.length);
  const size = imageSize(images.shape);
  const b = graphBuilder(encoder.graph);
  const types = inferShapes(encoder.graph, { N: 2 * batch });
  const outputs = encoder.layers.map((layer) => {
    const rank = types.get(layer.maskAt)?.dims.length ?? 0;
    const difference = b.sub(b.slice(layer.maskAt, 0, 0, batch), b.slice(layer.maskAt, 0, batch, 2 * batch));
    const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 0 && axis !== layer.axis);
    const squares = b.mul(difference, difference);
    return b.sqrt(axes.length === 0 ? squares : b.reduceSum(squares, axes));
  });
  b.setOutputs(
    outputs.map((value, l) => ({ name: value, dtype: 'float32', shape: [batch, encoder.layers[l].channels] })),
  );
  const sums = encoder.layers.map((layer) => new Float64Array(layer.channels));
  const compiled = await provider.compile(b.build(), { dims: { N: 2 * batch } });
  try {
    const pixels = new Float32Array(2 * batch * size);
    const rounds = Math.floor(images.labels.length / batch);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < batch; i++) {
        const image = readImage(images, round * batch + i);
        pixels.set(stamp(image), i * size);
        pixels.set(image, (batch + i) * size);
      }
      const made = await compiled.run({
        pixels: { dtype: 'float32', dims: [2 * batch, ...images.shape], data: pixels },
      });
      outputs.forEach((value, l) => {
        const rows = made[value].data as Float32Array;
        const perChannel = rows.length / batch / sums[l].length;
        for (let i = 0; i < rows.length; i++) {
          const channel = Math.floor((i % (rows.length / batch)) / perChannel);
          sums[l][channel] += rows[i] / perChannel / (rounds * batch);
        }
      });
    }
  } finally {
    await compiled.dispose();
  }
  return sums;
}

/** Of the 5 % of each layer's channels (at least one) that the trigger moves most: how many are trusted. Chance is the keep ratio. */
export function movedChannelsKept(
  change: readonly Float64Array[],
  trusted: readonly (readonly boolean[])[],
): { readonly hits: number; readonly of: number } {
  let hits = 0;
  let of = 0;
  change.forEach((values, l) => {
    if (values.every((value) => value === 0)) return;
    const top = [...values.keys()]
      .sort((a, c) => values[c] - values[a] || a - c)
      .slice(0, Math.max(1, Math.round(0.05 * values.length)));
    of += top.length;
    hits += top.filter((channel) => trusted[l][channel]).length;
  });
  return { hits, of };
}
