/** VGG with or without batch normalisation (Simonyan and Zisserman 2015) in torchvision's names. */
import { imageNet, type Architecture, type ArchitectureFamily } from './architecture.ts';
import { head } from './resnet.ts';
import type { Weights } from '../weights.ts';

/** Convolutions between poolings. */
const known: Readonly<Record<string, readonly number[]>> = {
  vgg11: [1, 1, 2, 2, 2],
  vgg13: [2, 2, 2, 2, 2],
  vgg16: [2, 2, 3, 3, 3],
  vgg19: [2, 2, 4, 4, 4],
};

export const vggs: ArchitectureFamily = {
  anchors: ['features.0.weight'],
  names: Object.keys(known).flatMap((name) => [name, `${name}_bn`]),
  canonical: (weights) => (weights.has('features.0.weight') ? weights : null),
  detect(weights) {
    const { convolutions, normed } = placesIn(weights);
    const groups: number[] = [];
    let next = 0;
    for (const index of convolutions) {
      if (index === next) groups[Math.max(0, groups.length - 1)] = (groups.at(-1) ?? 0) + 1;
      else if (index === next + 1) groups.push(1);
      else return null;
      next = index + (normed ? 3 : 2);
    }
    if (groups.length === 0 || groups.length > 8) return null;
    const plain = Object.entries(known).find(([, counts]) => counts.join() === groups.join())?.[0];
    return vgg(`${plain ?? `vgg of ${groups.join('-')} convolutions`}${normed ? '_bn' : ''}`, groups, normed);
  },
  named: (name) => vgg(name, known[name.replace(/_bn$/, '')], name.endsWith('_bn')),
};

/** Where convolutions stand in `features`, told by any part of theirs or of the normalisation behind them. */
function placesIn(weights: Weights): { readonly convolutions: readonly number[]; readonly normed: boolean } {
  const parts = [...weights.keys()].flatMap((name) => {
    const [, index, part] = /^features\.(\d{1,3})\.(\w+)$/.exec(name) ?? [];
    return index === undefined ? [] : [[Number(index), part] as const];
  });
  const norms = new Set(parts.filter(([, part]) => part.startsWith('running_')).map(([index]) => index));
  const others = parts.filter(([index, part]) => /^(?:weight|bias)$/.test(part) && !norms.has(index));
  const convolutions = new Set([...others.map(([index]) => index), ...[...norms].map((index) => index - 1)]);
  return { convolutions: [...convolutions].sort((a, b) => a - b), normed: norms.size > 0 };
}

function vgg(name: string, groups: readonly number[], normed: boolean): Architecture {
  return {
    name,
    size: [224, 224],
    fixedSize: false,
    normalisation: imageNet(name),
    assumptions: ['a pooling of 2x2 is taken to stand behind the last convolution, as in torchvision'],
    roots: ['features', 'classifier'],
    channels: (weights: Weights) => weights.get('features.0.weight')?.dims[1] ?? 3,
    build(scope, image, [height, width]) {
      let x = image;
      let index = 0;
      for (const count of groups) {
        for (let i = 0; i < count; i += 1) {
          x = scope.conv(x, `features.${index}`, 3, { pads: [1, 1, 1, 1] });
          if (normed) x = scope.norm(x, `features.${index + 1}`);
          x = scope.relu(x);
          index += normed ? 3 : 2;
        }
        x = scope.maxPool(x, 2, 2, 0);
        index += 1;
      }
      const sides = [height, width].map((side) => Math.floor(side / 2 ** groups.length));
      const flat = scope.size('classifier.0.weight', 1) / x.channels;
      // The classifier reads a grid of 7x7 positions; from a map of another size torchvision makes it by pooling.
      const grid = Math.sqrt(flat);
      if (scope.has('classifier.0.weight') && Number.isInteger(grid) && sides.every((side) => side % grid === 0)) {
        if (sides.some((side) => side !== grid)) {
          const kernel = sides.map((side) => side / grid);
          x = { ...x, value: scope.builder.averagePool(x.value, { kernel, strides: kernel }) };
        }
        const vector = { value: scope.builder.flatten(x.value, 1), channels: x.channels * flat };
        return head(scope, vector, 'classifier');
      }
      return scope.globalPool(x);
    },
  };
}
