/** Vision transformers (Dosovitskiy et al. 2021) in the names of torchvision, timm and HF transformers. */
import { intsTensor } from '../../../engine/graph/tensors.ts';
import type { Weights } from '../weights.ts';
import { imageNet, type Architecture, type ArchitectureFamily } from './architecture.ts';
import { head } from './resnet.ts';
import { rowsOf, square, transposed, type Feature, type Scope } from './scope.ts';

/** How one library names the parts. */
interface Naming {
  readonly library: 'torchvision' | 'timm' | 'HF transformers';
  readonly patch: string;
  readonly token: string;
  readonly positions: string;
  readonly block: (i: number) => string;
  readonly norms: readonly [string, string];
  /** Packed query, key and value: name of weight and bias; or three layers. */
  readonly packed: readonly [weight: string, bias: string] | null;
  readonly separate: readonly [string, string, string] | null;
  readonly projection: string;
  readonly hidden: readonly [string, string];
  readonly norm: string;
  readonly head: string;
  readonly epsilon: number;
  readonly roots: readonly string[];
}

const torchvision = (hidden: readonly [string, string]): Naming => ({
  library: 'torchvision',
  patch: 'conv_proj',
  token: 'class_token',
  positions: 'encoder.pos_embedding',
  block: (i) => `encoder.layers.encoder_layer_${i}`,
  norms: ['ln_1', 'ln_2'],
  packed: ['self_attention.in_proj_weight', 'self_attention.in_proj_bias'],
  separate: null,
  projection: 'self_attention.out_proj',
  hidden,
  norm: 'encoder.ln',
  head: 'heads.head',
  epsilon: 1e-6,
  roots: ['conv_proj', 'class_token', 'encoder', 'heads'],
});

const timm: Naming = {
  library: 'timm',
  patch: 'patch_embed.proj',
  token: 'cls_token',
  positions: 'pos_embed',
  block: (i) => `blocks.${i}`,
  norms: ['norm1', 'norm2'],
  packed: ['attn.qkv.weight', 'attn.qkv.bias'],
  separate: null,
  projection: 'attn.proj',
  hidden: ['mlp.fc1', 'mlp.fc2'],
  norm: 'norm',
  head: 'head',
  epsilon: 1e-6,
  roots: ['patch_embed', 'cls_token', 'pos_embed', 'blocks', 'norm', 'head'],
};

const hf: Naming = {
  library: 'HF transformers',
  patch: 'embeddings.patch_embeddings.projection',
  token: 'embeddings.cls_token',
  positions: 'embeddings.position_embeddings',
  block: (i) => `encoder.layer.${i}`,
  norms: ['layernorm_before', 'layernorm_after'],
  packed: null,
  separate: ['attention.attention.query', 'attention.attention.key', 'attention.attention.value'],
  projection: 'attention.output.dense',
  hidden: ['intermediate.dense', 'output.dense'],
  norm: 'layernorm',
  head: 'classifier',
  epsilon: 1e-12,
  roots: ['embeddings', 'encoder', 'layernorm', 'classifier'],
};

const sizes: Readonly<Record<string, number>> = { ti: 192, s: 384, b: 768, l: 1024 };

/** Width of one attention head in every published size. */
const headWidth = 64;

export const visionTransformers: ArchitectureFamily = {
  anchors: ['conv_proj.weight', 'patch_embed.proj.weight', 'embeddings.patch_embeddings.projection.weight'],
  names: Object.keys(sizes).flatMap((size) => [`vit_${size}_16`, `vit_${size}_32`]),
  canonical: (weights) => (namingOf(weights) === null ? null : weights),
  detect(weights) {
    const naming = namingOf(weights);
    const patch = weights.get(`${naming?.patch ?? ''}.weight`);
    if (naming === null || patch?.dims.length !== 4) return null;
    const depth = depthOf(naming, weights);
    const [width, , kernel] = patch.dims;
    const size = Object.entries(sizes).find(([, w]) => w === width)?.[0];
    const standard = size !== undefined && depth === (size === 'l' ? 24 : 12);
    const name = standard ? `vit_${size}_${kernel}` : `vit of ${depth} blocks, width ${width}, patches of ${kernel}`;
    return depth === 0 || width % headWidth !== 0 ? null : vit(name, naming, weights, depth, width, kernel);
  },
  named(name, weights) {
    const [, size, patch] = name.split('_');
    return vit(name, namingOf(weights) ?? timm, weights, size === 'l' ? 24 : 12, sizes[size], Number(patch));
  },
};

/** Blocks, told by any part of theirs, so that one that lacks a layer is told to lack it. */
function depthOf(naming: Naming, weights: Weights): number {
  const before = naming.block(0).slice(0, -1);
  let depth = 0;
  for (const name of weights.keys()) {
    if (!name.startsWith(before)) continue;
    const [, number] = /^(\d{1,3})\./.exec(name.slice(before.length)) ?? [];
    if (number !== undefined && Number(number) < 200) depth = Math.max(depth, Number(number) + 1);
  }
  return depth;
}

function namingOf(weights: Weights): Naming | null {
  if (weights.has('conv_proj.weight')) {
    // Since 0.14 the MLP is a sequence, before it its layers had names.
    const old = weights.has('encoder.layers.encoder_layer_0.mlp.linear_1.weight');
    return torchvision(old ? ['mlp.linear_1', 'mlp.linear_2'] : ['mlp.0', 'mlp.3']);
  }
  if (weights.has(`${timm.patch}.weight`)) return timm;
  return weights.has(`${hf.patch}.weight`) ? hf : null;
}

function vit(
  name: string,
  naming: Naming,
  weights: Weights,
  depth: number,
  width: number,
  patch: number,
): Architecture {
  const tokens = weights.get(naming.positions)?.dims[1] ?? 0;
  const side = Math.round(Math.sqrt(Math.max(1, tokens - 1)));
  const from = naming.library === 'torchvision' ? imageNet(name) : null;
  const heads = width / headWidth;
  return {
    name,
    size: [side * patch, side * patch],
    fixedSize: true,
    normalisation: from,
    assumptions: [
      `${heads} attention heads of ${headWidth} are taken, as in every published size`,
      ...(from === null
        ? [
            `weights in the names of ${naming.library} are trained with different normalisations; where no file beside them states one, give --mean and --std`,
          ]
        : []),
    ],
    roots: naming.roots,
    channels: () => weights.get(`${naming.patch}.weight`)?.dims[1] ?? 3,
    build(scope, image) {
      let x = embedded(scope, image, naming, side, patch, width);
      for (let i = 0; i < depth; i += 1) x = block(scope, x, naming, naming.block(i), side * side + 1, heads);
      x = scope.layerNorm(x, naming.norm, naming.epsilon);
      const { builder } = scope;
      const token = builder.gather(x.value, builder.constant(intsScalar(), builder.fresh('class token')), 1);
      return head(scope, { value: token, channels: width }, naming.head);
    },
  };
}

function intsScalar(): ReturnType<typeof intsTensor> {
  return { ...intsTensor([0]), dims: [] };
}

function embedded(scope: Scope, image: Feature, naming: Naming, side: number, patch: number, width: number): Feature {
  const { builder } = scope;
  const map = scope.conv(image, naming.patch, patch, { strides: square(patch) });
  const tokens = builder.transpose(builder.reshape(map.value, [0, width, side * side]), [0, 2, 1]);
  const count = builder.gather(builder.node('Shape', [image.value]), builder.ints([0]), 0);
  const shape = builder.concat([count, builder.ints([1, width])], 0);
  const token = builder.node('Expand', [scope.weight(naming.token, [1, 1, width]), shape]);
  const all = builder.concat([token, tokens], 1);
  const positions = scope.weight(naming.positions, [1, side * side + 1, width]);
  return { value: builder.add(all, positions), channels: width };
}

function block(scope: Scope, x: Feature, naming: Naming, name: string, tokens: number, heads: number): Feature {
  const { builder } = scope;
  const normed = scope.layerNorm(x, `${name}.${naming.norms[0]}`, naming.epsilon);
  const [query, key, value] = projections(scope, normed, naming, name).map((part) => {
    const split = builder.reshape(part, [0, tokens, heads, headWidth]);
    return builder.transpose(split, [0, 2, 1, 3]);
  });
  const scores = builder.matmul(
    builder.mul(query, builder.scalar(1 / Math.sqrt(headWidth))),
    builder.transpose(key, [0, 1, 3, 2]),
  );
  const mixed = builder.transpose(builder.matmul(builder.softmax(scores, -1), value), [0, 2, 1, 3]);
  const joined = { value: builder.reshape(mixed, [0, tokens, x.channels]), channels: x.channels };
  const attended = scope.add(x, scope.dense(joined, `${name}.${naming.projection}`));
  const second = scope.layerNorm(attended, `${name}.${naming.norms[1]}`, naming.epsilon);
  const hidden = scope.dense(second, `${name}.${naming.hidden[0]}`);
  const out = scope.dense({ ...hidden, value: builder.gelu(hidden.value) }, `${name}.${naming.hidden[1]}`);
  return scope.add(attended, out);
}

/** Query, key and value; packed ones are taken apart, which changes nothing and shows the heads plainly. */
function projections(scope: Scope, x: Feature, naming: Naming, name: string): string[] {
  const { builder } = scope;
  if (naming.separate !== null) return naming.separate.map((part) => scope.dense(x, `${name}.${part}`).value);
  const [weight, bias] = naming.packed ?? ['', ''];
  const width = x.channels;
  return ['query', 'key', 'value'].map((part, i) => {
    const rows = [i * width, (i + 1) * width] as const;
    const w = scope.weight(
      `${name}.${weight}`,
      [3 * width, width],
      (tensor) => transposed(rowsOf(tensor, ...rows)),
      `${name}.${weight}/${part}`,
    );
    const product = builder.matmul(x.value, w);
    if (!scope.hasBias(`${name}.${bias}`)) return product;
    const b = scope.weight(
      `${name}.${bias}`,
      [3 * width],
      (tensor) => rowsOf(tensor, ...rows),
      `${name}.${bias}/${part}`,
    );
    return builder.add(product, b);
  });
}
