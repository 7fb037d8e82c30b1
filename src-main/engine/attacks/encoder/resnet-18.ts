/** ResNet-18 (He et al., CVPR 2016) with the 3x3 stem for small images: eighteen layers, a quarter as wide. */
import type { ImageShape } from '../images.ts';
import { netLayers, pooledNet, residualBlock, type PretrainingNet } from './pretraining-net.ts';

/** Published: 64. A quarter of it is what two processors pre-train in half an hour. */
const width = 16;

/** Stem 3x3, four stages of two blocks (strides 1, 2, 2, 2; 16 to 128 channels), global average pool. */
export function resnet18(shape: ImageShape, seed: number): PretrainingNet {
  const [channels, height, across] = shape;
  const layers = netLayers('ResNet-18', seed, 'resnet-18');
  const { b, convolution } = layers;
  const image = b.input('image', 'float32', ['N', channels, height, across]);
  let value = b.relu(convolution(image, 'stem', channels, width, 3, 1));
  let from = width;
  for (let stage = 0; stage < 4; stage++) {
    const to = width * 2 ** stage;
    for (let block = 0; block < 2; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      value = residualBlock(layers, value, `layer${stage + 1}.${block}`, [from, to], stride, false);
      from = to;
    }
  }
  return pooledNet(layers, value, from);
}
