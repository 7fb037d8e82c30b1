/** A small vision transformer (Dosovitskiy et al., ICLR 2021): patches of 4x4, a class token, pre-norm blocks. */
import type { ImageShape } from '../images.ts';
import { netLayers, type NetLayers, type PretrainingNet } from './pretraining-net.ts';

const patch = 4;
/** Class token and positions start uniform in +- this. */
const tableSpread = 0.02;
const sizes = { dim: 96, depth: 6, heads: 3, hidden: 192 };

/** @throws RangeError when the image is no whole number of patches high and wide */
export function visionTransformer(shape: ImageShape, seed: number): PretrainingNet {
  const [channels, height, width] = shape;
  if (height % patch !== 0 || width % patch !== 0) {
    throw new RangeError(`a vision transformer reads patches of ${patch} x ${patch} pixels; met ${height} x ${width}`);
  }
  const layers = netLayers('vision transformer', seed, 'vision transformer');
  const { b, weight, filled } = layers;
  const { dim, depth } = sizes;
  const patches = (height / patch) * (width / patch);
  const image = b.input('image', 'float32', ['N', channels, height, width]);
  const embedding = b.conv(
    image,
    weight('embedding.weight', [dim, channels, patch, patch], channels * patch * patch),
    filled('embedding.bias', [dim], 0),
    { strides: [patch, patch] },
  );
  const tokens = b.transpose(b.reshape(embedding, [0, dim, patches]), [0, 2, 1]);
  // The class token is the first row of the table: a place in front of the patches that nothing but the table fills.
  const placed = b.node('Pad', [tokens, b.ints([0, 1, 0, 0, 0, 0])]);
  let value = b.add(placed, weight('positions', [1, patches + 1, dim], 1 / tableSpread ** 2));
  for (let block = 0; block < depth; block++) value = encoderBlock(layers, value, `block${block}`, patches + 1);
  const normal = layerNorm(layers, value, 'norm', dim);
  const first = b.squeeze(b.slice(normal, 1, 0, 1), [1]);
  b.node('Identity', [first], {}, 'representation');
  b.output('representation', 'float32', ['N', dim]);
  return { graph: b.build(), dim, parameters: layers.parameters, transformer: true };
}

function encoderBlock(layers: NetLayers, x: string, name: string, tokens: number): string {
  const { b } = layers;
  const { dim, heads, hidden } = sizes;
  const each = dim / heads;
  const seen = layerNorm(layers, x, `${name}.norm1`, dim);
  const split = (part: string): string =>
    b.transpose(b.reshape(dense(layers, seen, `${name}.${part}`, dim, dim), [0, tokens, heads, each]), [0, 2, 1, 3]);
  const [query, key, value] = ['query', 'key', 'value'].map(split);
  const scores = b.mul(b.matmul(query, b.transpose(key, [0, 1, 3, 2])), b.scalar(1 / Math.sqrt(each)));
  const context = b.transpose(b.matmul(b.softmax(scores), value), [0, 2, 1, 3]);
  const attended = dense(layers, b.reshape(context, [0, tokens, dim]), `${name}.projection`, dim, dim);
  const between = b.add(x, attended);
  const inner = b.gelu(dense(layers, layerNorm(layers, between, `${name}.norm2`, dim), `${name}.mlp1`, dim, hidden));
  return b.add(between, dense(layers, inner, `${name}.mlp2`, hidden, dim));
}

function dense({ b, weight, filled }: NetLayers, x: string, name: string, from: number, to: number): string {
  return b.add(b.matmul(x, weight(`${name}.weight`, [from, to], from)), filled(`${name}.bias`, [to], 0));
}

function layerNorm({ b, filled }: NetLayers, x: string, name: string, dim: number): string {
  return b.layerNorm(x, filled(`${name}.scale`, [dim], 1), filled(`${name}.shift`, [dim], 0));
}
