/** The nets of the engine benchmark as graphs with random weights; `torch_peer.py` builds the same. */
import { graphBuilder, type GraphBuilder } from '../../src-main/engine/graph/builder.ts';
import type { Graph, Tensor } from '../../src-main/engine/graph/ir.ts';
import { mean, softmaxCrossEntropy } from '../../src-main/engine/graph/losses.ts';
import { sizeOf } from '../../src-main/engine/graph/tensors.ts';

export const CLASSES = 10;

/** Normal-like numbers from a small generator: sums of four uniform ones. */
export function weights(dims: readonly number[], spread: number, seed: number): Tensor {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const data = Float32Array.from(
    { length: sizeOf(dims) },
    () => (uniform() + uniform() + uniform() + uniform()) * spread,
  );
  return { dtype: 'float32', dims, data };
}

interface Layers {
  readonly b: GraphBuilder;
  conv(x: string, from: number, to: number, kernel: number, stride?: number, group?: number): string;
  norm(x: string, channels: number): string;
  linear(x: string, from: number, to: number): string;
  /** Names of weights in order. */
  readonly trained: string[];
}

function layers(): Layers {
  const b = graphBuilder();
  const trained: string[] = [];
  let count = 0;
  const parameter = (what: string, tensor: Tensor): string => {
    const name = b.constant(tensor, `${what}${(count += 1)}`);
    trained.push(name);
    return name;
  };
  const constant = (channels: number, value: number): Tensor => ({
    dtype: 'float32',
    dims: [channels],
    data: new Float32Array(channels).fill(value),
  });
  return {
    b,
    trained,
    conv(x, from, to, kernel, stride = 1, group = 1) {
      const dims = [to, from / group, kernel, kernel];
      const weight = parameter(
        'conv',
        weights(dims, 1.7 * Math.sqrt(2 / (kernel * kernel * (from / group))), count + 1),
      );
      const pad = Math.floor(kernel / 2);
      return b.conv(x, weight, undefined, { strides: [stride, stride], pads: [pad, pad, pad, pad], group });
    },
    norm(x, channels) {
      const scale = parameter('scale', constant(channels, 1));
      const bias = parameter('bias', constant(channels, 0));
      const average = b.constant(constant(channels, 0), `mean${count}`);
      const variance = b.constant(constant(channels, 1), `variance${count}`);
      return b.batchNorm(x, scale, bias, average, variance);
    },
    linear(x, from, to) {
      const weight = parameter('linear', weights([to, from], 1 / Math.sqrt(from), count + 1));
      return b.gemm(x, weight, parameter('offset', constant(to, 0)), { transB: true });
    },
  };
}

export interface Net {
  /** Input `x`, output `logits`. */
  readonly graph: Graph;
  readonly image: readonly [channels: number, height: number, width: number];
  /** Weights that a training run may change. */
  readonly trained: readonly string[];
}

function finish(net: Layers, logits: string, image: Net['image']): Net {
  net.b.output(net.b.node('Identity', [logits], {}, 'logits'), 'float32', ['N', CLASSES]);
  return { graph: net.b.build(), image, trained: net.trained };
}

function residual(widths: readonly number[], blocks: readonly number[]): Net {
  const net = layers();
  const { b, conv, norm } = net;
  b.input('x', 'float32', ['N', 3, 32, 32]);
  let x = b.relu(norm(conv('x', 3, widths[0], 3), widths[0]));
  let from = widths[0];
  widths.forEach((to, stage) => {
    for (let block = 0; block < blocks[stage]; block += 1) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const inner = b.relu(norm(conv(x, from, to, 3, stride), to));
      const deep = norm(conv(inner, to, to, 3), to);
      const beside = stride !== 1 || from !== to ? norm(conv(x, from, to, 1, stride), to) : x;
      x = b.relu(b.add(deep, beside));
      from = to;
    }
  });
  return finish(net, net.linear(b.flatten(b.globalAveragePool(x)), from, CLASSES), [3, 32, 32]);
}

/** ResNet-8: 25 million multiplications per 32x32 image. */
export const resnet8 = (): Net => residual([16, 32, 64], [1, 1, 1]);
/** ResNet-18 with the 3x3 stem for 32x32 images. */
export const resnet18 = (): Net => residual([64, 128, 256, 512], [2, 2, 2, 2]);

/** ResNet-50 for 224x224 images. */
export function resnet50(): Net {
  const net = layers();
  const { b, conv, norm } = net;
  b.input('x', 'float32', ['N', 3, 224, 224]);
  let x = b.relu(norm(conv('x', 3, 64, 7, 2), 64));
  x = b.maxPool(x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let from = 64;
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const inner = 64 * 2 ** stage;
    for (let block = 0; block < blocks; block += 1) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const first = b.relu(norm(conv(x, from, inner, 1), inner));
      const second = b.relu(norm(conv(first, inner, inner, 3, stride), inner));
      const third = norm(conv(second, inner, 4 * inner, 1), 4 * inner);
      const beside = block === 0 ? norm(conv(x, from, 4 * inner, 1, stride), 4 * inner) : x;
      x = b.relu(b.add(third, beside));
      from = 4 * inner;
    }
  });
  return finish(net, net.linear(b.flatten(b.globalAveragePool(x)), from, CLASSES), [3, 224, 224]);
}

/** MobileNetV2 for 224x224 images. */
export function mobilenetV2(): Net {
  const net = layers();
  const { b, conv, norm } = net;
  const clipped = (x: string): string => b.clip(x, 0, 6);
  b.input('x', 'float32', ['N', 3, 224, 224]);
  let x = clipped(norm(conv('x', 3, 32, 3, 2), 32));
  let from = 32;
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ];
  for (const [factor, to, repeats, firstStride] of stages) {
    for (let block = 0; block < repeats; block += 1) {
      const stride = block === 0 ? firstStride : 1;
      const inner = from * factor;
      const opened = factor === 1 ? x : clipped(norm(conv(x, from, inner, 1), inner));
      const filtered = clipped(norm(conv(opened, inner, inner, 3, stride, inner), inner));
      const closed = norm(conv(filtered, inner, to, 1), to);
      x = stride === 1 && from === to ? b.add(x, closed) : closed;
      from = to;
    }
  }
  x = clipped(norm(conv(x, from, 1280, 1), 1280));
  return finish(net, net.linear(b.flatten(b.globalAveragePool(x)), 1280, CLASSES), [3, 224, 224]);
}

/** One encoder block of a ViT: 197 tokens of 192 numbers, 3 heads; the loss is the mean of the result's squares. */
/** @param width of the tokens; 192 with 3 heads is ViT-Ti's, 384 with 6 ViT-S's */
export function vitBlock(batch: number, width: number): { readonly graph: Graph; readonly trained: readonly string[] } {
  const b = graphBuilder();
  const trained: string[] = [];
  const tokens = 197;
  const heads = width / 64;
  const each = width / heads;
  const parameter = (name: string, dims: readonly number[], spread: number, level = 0): string => {
    const tensor = weights(dims, spread, trained.length + 1);
    tensor.data.forEach((value, at) => (tensor.data[at] = Number(value) + level));
    trained.push(name);
    return b.constant(tensor, name);
  };
  const linear = (x: string, name: string, from: number, to: number): string =>
    b.add(
      b.matmul(x, parameter(`${name}.weight`, [from, to], 1 / Math.sqrt(from))),
      parameter(`${name}.bias`, [to], 0),
    );
  const norm = (x: string, name: string): string =>
    b.layerNorm(x, parameter(`${name}.scale`, [width], 0, 1), parameter(`${name}.bias`, [width], 0));
  b.input('x', 'float32', [batch, tokens, width]);
  const mixed = linear(norm('x', 'norm1'), 'qkv', width, 3 * width);
  const split = b.transpose(b.reshape(mixed, [batch, tokens, 3, heads, each]), [2, 0, 3, 1, 4]);
  const [q, k, v] = [0, 1, 2].map((index) => b.squeeze(b.slice(split, 0, index, index + 1), [0]));
  const scores = b.mul(b.matmul(q, b.transpose(k, [0, 1, 3, 2])), b.scalar(1 / Math.sqrt(each)));
  const seen = b.transpose(b.matmul(b.softmax(scores), v), [0, 2, 1, 3]);
  const attended = b.add('x', linear(b.reshape(seen, [batch, tokens, width]), 'out', width, width));
  const hidden = b.gelu(linear(norm(attended, 'norm2'), 'up', width, 4 * width));
  const y = b.add(attended, linear(hidden, 'down', 4 * width, width));
  b.output(b.node('Identity', [mean(b, b.mul(y, y))], {}, 'loss'), 'float32', []);
  return { graph: b.build(), trained };
}

/** The net with labels `y` and a scalar output `loss`. */
export function withLoss(net: Net): Graph {
  const b = graphBuilder(net.graph);
  b.input('y', 'int64', ['N']);
  const loss = mean(b, softmaxCrossEntropy(b, 'logits', 'y', CLASSES));
  b.output(b.node('Identity', [loss], {}, 'loss'), 'float32', []);
  return b.build();
}
