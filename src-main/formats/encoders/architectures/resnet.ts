/**
 * Residual networks (He et al. 2016) in torchvision's names: ImageNet stem (7x7, pooling) or CIFAR stem (3x3, none, as
 * SimCLR and many others use it), basic blocks or bottlenecks (the stride on the 3x3 convolution), grouped or not.
 */
import type { Weights } from '../weights.ts';
import { imageNet, type Architecture, type ArchitectureFamily } from './architecture.ts';
import { square, type Feature, type Scope } from './scope.ts';

interface Config {
  readonly name: string;
  readonly blocks: readonly number[];
  readonly bottleneck: boolean;
  readonly stem: 7 | 3;
}

const known: Readonly<Record<string, readonly [bottleneck: boolean, blocks: readonly number[]]>> = {
  resnet18: [false, [2, 2, 2, 2]],
  resnet34: [false, [3, 4, 6, 3]],
  resnet50: [true, [3, 4, 6, 3]],
  resnet101: [true, [3, 4, 23, 3]],
  resnet152: [true, [3, 8, 36, 3]],
};

export const resnets: ArchitectureFamily = {
  anchors: ['conv1.weight', '0.weight'],
  names: Object.keys(known).flatMap((name) => [name, `${name}-cifar`]),
  canonical(weights) {
    if (weights.has('conv1.weight'))
      return [...weights.keys()].some((name) => name.startsWith('layer1.0.')) ? weights : null;
    return fromSequence(weights);
  },
  detect(weights) {
    const blocks = blocksIn(weights);
    const bottleneck = weights.has('layer1.0.conv3.weight');
    const stem = stemOf(weights);
    if (blocks.length === 0 || stem === null) return null;
    const entry = Object.entries(known).find(
      ([, [deep, counts]]) => deep === bottleneck && counts.join() === blocks.join(),
    );
    const name = entry?.[0] ?? `resnet of ${bottleneck ? 'bottlenecks' : 'basic blocks'} ${blocks.join('-')}`;
    return resnet({ name: stem === 3 ? `${name}-cifar` : name, blocks, bottleneck, stem });
  },
  named(name, weights) {
    const plain = name.replace(/-cifar$/, '');
    const [bottleneck, blocks] = known[plain];
    // The stem of a plain name is the file's: "resnet18" is said of both kinds.
    const stem = name !== plain ? 3 : (stemOf(weights) ?? 7);
    return resnet({ name: stem === 3 ? `${plain}-cifar` : plain, blocks, bottleneck, stem });
  },
};

/** Blocks of each stage, told by any part of theirs, so that one that lacks a convolution is told to lack it. */
function blocksIn(weights: Weights): readonly number[] {
  const blocks: number[] = [];
  for (const name of weights.keys()) {
    const [, stage, block] = /^layer([1-8])\.(\d{1,3})\.(?:conv|bn)\d\./.exec(name) ?? [];
    if (block === undefined || Number(block) >= 200) continue;
    const at = Number(stage) - 1;
    blocks[at] = Math.max(blocks[at] ?? 0, Number(block) + 1);
  }
  return Array.from(blocks, (count) => count ?? 0);
}

function stemOf(weights: Weights): 7 | 3 | null {
  const kernel = weights.get('conv1.weight')?.dims[2];
  return kernel === 7 || kernel === 3 ? kernel : null;
}

/** `nn.Sequential` of a ResNet's children: 0 = conv1, 1 = bn1, then the stages, numbered after ReLU and pooling. */
function fromSequence(weights: Weights): Weights | null {
  if (!weights.has('0.weight') || !weights.has('1.running_mean')) return null;
  const stages = new Set<number>();
  for (const name of weights.keys()) {
    const [, index] = /^(\d+)\.0\.conv1\.weight$/.exec(name) ?? [];
    if (index !== undefined) stages.add(Number(index));
  }
  if (stages.size === 0) return null;
  const ordered = [...stages].sort((a, b) => a - b);
  const renamed = new Map<string, typeof weights extends ReadonlyMap<string, infer W> ? W : never>();
  for (const [name, weight] of weights) {
    const [, index, rest] = /^(\d+)\.(.*)$/.exec(name) ?? [];
    const stage = ordered.indexOf(Number(index));
    if (index === '0') renamed.set(`conv1.${rest}`, weight);
    else if (index === '1') renamed.set(`bn1.${rest}`, weight);
    else if (index !== undefined && stage >= 0) renamed.set(`layer${stage + 1}.${rest}`, weight);
    else renamed.set(name, weight);
  }
  return renamed;
}

function resnet({ name, blocks, bottleneck, stem }: Config): Architecture {
  return {
    name,
    size: stem === 7 ? [224, 224] : [32, 32],
    fixedSize: false,
    normalisation: stem === 7 ? imageNet(name) : null,
    assumptions:
      stem === 7
        ? []
        : ['the 3x3 stem is taken to have stride 1 and no pooling behind it, as in the CIFAR form of SimCLR'],
    roots: ['conv1', 'bn1', 'fc', ...blocks.map((_, i) => `layer${i + 1}`)],
    channels: (weights) => weights.get('conv1.weight')?.dims[1] ?? 3,
    build(scope, image) {
      let x = scope.conv(image, 'conv1', stem, {
        strides: square(stem === 7 ? 2 : 1),
        pads: stem === 7 ? [3, 3, 3, 3] : [1, 1, 1, 1],
      });
      x = scope.relu(scope.norm(x, 'bn1'));
      if (stem === 7) x = scope.maxPool(x, 3, 2, 1);
      blocks.forEach((count, stage) => {
        for (let i = 0; i < count; i += 1) {
          const stride = i === 0 && stage > 0 ? 2 : 1;
          x = residual(scope, x, `layer${stage + 1}.${i}`, stride, bottleneck);
        }
      });
      return head(scope, scope.globalPool(x), 'fc');
    },
  };
}

function residual(scope: Scope, x: Feature, name: string, stride: number, bottleneck: boolean): Feature {
  const around = { strides: square(1), pads: [1, 1, 1, 1] };
  const down = { strides: square(stride), pads: [1, 1, 1, 1] };
  let y = bottleneck ? scope.conv(x, `${name}.conv1`, 1) : scope.conv(x, `${name}.conv1`, 3, down);
  y = scope.relu(scope.norm(y, `${name}.bn1`));
  y = scope.norm(scope.conv(y, `${name}.conv2`, 3, bottleneck ? down : around), `${name}.bn2`);
  if (bottleneck) y = scope.norm(scope.conv(scope.relu(y), `${name}.conv3`, 1), `${name}.bn3`);
  const shortcut = shortcutOf(scope, name);
  const changes = stride !== 1 || Math.abs(x.channels - y.channels) > 0;
  if (!changes && shortcut === null) return scope.relu(scope.add(y, x));
  const [conv, norm] = shortcut ?? [`${name}.downsample.0`, `${name}.downsample.1`];
  const other = scope.norm(scope.conv(x, conv, 1, { strides: square(stride) }), norm);
  return scope.relu(scope.add(y, other));
}

/** torchvision calls it downsample, many CIFAR forms shortcut. */
function shortcutOf(scope: Scope, name: string): readonly [string, string] | null {
  for (const word of ['downsample', 'shortcut']) {
    if (scope.has(`${name}.${word}.0.weight`)) return [`${name}.${word}.0`, `${name}.${word}.1`];
  }
  return null;
}

/**
 * A classifier or projection as the file has it: one layer `fc`, or several `fc.0`, `fc.2` with ReLU (and normalisation)
 * between them. Without one the vectors are the output.
 */
export function head(scope: Scope, x: Feature, name: string): Feature {
  if (scope.has(`${name}.weight`)) return scope.linear(x, name);
  const layers = new Set<number>();
  for (const each of scope.weights.keys()) {
    const [, index] = each.startsWith(`${name}.`) ? (/^(\d+)\.weight$/.exec(each.slice(name.length + 1)) ?? []) : [];
    if (index !== undefined) layers.add(Number(index));
  }
  let out = x;
  let before = -1;
  for (const index of [...layers].sort((a, b) => a - b)) {
    // A number left out between two layers is a ReLU (or a dropout, which is nothing here, in front of the first).
    if (before >= 0 && index > before + 1) out = scope.relu(out);
    if (scope.has(`${name}.${index}.running_mean`)) {
      out = scope.norm(out, `${name}.${index}`);
    } else out = scope.linear(out, `${name}.${index}`);
    before = index;
  }
  return out;
}
