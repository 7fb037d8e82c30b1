/** The small residual encoder of the bench: the net that `resources/samples/fashion/make_sample.py` trains. */
import type { ImageShape } from '../images.ts';
import { netLayers, pooledNet, residualBlock, type PretrainingNet } from './pretraining-net.ts';

/** Channels of the stem and of the four residual blocks. */
export const smallWidths: readonly number[] = [16, 24, 48, 96, 128];

/** Stem 3x3, four blocks (strides 2, 2, 2, 1), global average pool. Weights start as PyTorch's. */
export function smallNet(shape: ImageShape, seed: number, widths: readonly number[] = smallWidths): PretrainingNet {
  const [channels, height, width] = shape;
  const layers = netLayers('small encoder', seed, 'small net');
  const { b, convolution } = layers;
  const image = b.input('image', 'float32', ['N', channels, height, width]);
  let value = b.relu(convolution(image, 'stem', channels, widths[0], 3, 1));
  for (let stage = 1; stage < widths.length; stage++) {
    const stride = stage === widths.length - 1 ? 1 : 2;
    value = residualBlock(layers, value, `stage${stage}`, [widths[stage - 1], widths[stage]], stride, true);
  }
  return pooledNet(layers, value, widths[widths.length - 1]);
}
