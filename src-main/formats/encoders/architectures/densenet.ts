/** DenseNet (Huang et al. 2017) in torchvision's names, those of its first releases too. */
import type { Weights } from '../weights.ts';
import { imageNet, type Architecture, type ArchitectureFamily } from './architecture.ts';
import { head } from './resnet.ts';
import { square } from './scope.ts';

const known: Readonly<Record<string, readonly number[]>> = {
  densenet121: [6, 12, 24, 16],
  densenet169: [6, 12, 32, 32],
  densenet201: [6, 12, 48, 32],
  densenet161: [6, 12, 36, 24],
};

export const denseNets: ArchitectureFamily = {
  anchors: ['features.conv0.weight'],
  names: Object.keys(known),
  canonical(weights) {
    if (!weights.has('features.conv0.weight')) return null;
    // "norm.1.weight" was how layers were called before dots in names were forbidden.
    return new Map([...weights].map(([name, weight]) => [name.replace(/\.(norm|conv)\.([12])\./, '.$1$2.'), weight]));
  },
  detect(weights) {
    const counts = layersIn(weights);
    if (counts.length === 0) return null;
    const name = Object.entries(known).find(([, blocks]) => blocks.join() === counts.join())?.[0];
    return denseNet(name ?? `densenet of ${counts.join('-')} layers`, counts);
  },
  named: (name) => denseNet(name, known[name]),
};

/** Layers of each block, told by any part of theirs, so that one that lacks a convolution is told to lack it. */
function layersIn(weights: Weights): readonly number[] {
  const counts: number[] = [];
  for (const name of weights.keys()) {
    const [, block, layer] = /^features\.denseblock([1-8])\.denselayer(\d{1,3})\./.exec(name) ?? [];
    if (layer === undefined || Number(layer) > 200) continue;
    const at = Number(block) - 1;
    counts[at] = Math.max(counts[at] ?? 0, Number(layer));
  }
  return Array.from(counts, (count) => count ?? 0);
}

function denseNet(name: string, counts: readonly number[]): Architecture {
  return {
    name,
    size: [224, 224],
    fixedSize: false,
    normalisation: imageNet(name),
    assumptions: [],
    roots: ['features', 'classifier'],
    channels: (weights: Weights) => weights.get('features.conv0.weight')?.dims[1] ?? 3,
    build(scope, image) {
      let x = scope.conv(image, 'features.conv0', 7, { strides: square(2), pads: [3, 3, 3, 3] });
      x = scope.maxPool(scope.relu(scope.norm(x, 'features.norm0')), 3, 2, 1);
      counts.forEach((count, block) => {
        for (let layer = 1; layer <= count; layer += 1) {
          const at = `features.denseblock${block + 1}.denselayer${layer}`;
          let y = scope.conv(scope.relu(scope.norm(x, `${at}.norm1`)), `${at}.conv1`, 1);
          y = scope.conv(scope.relu(scope.norm(y, `${at}.norm2`)), `${at}.conv2`, 3, { pads: [1, 1, 1, 1] });
          x = { value: scope.builder.concat([x.value, y.value], 1), channels: x.channels + y.channels };
        }
        if (block + 1 === counts.length) return;
        const at = `features.transition${block + 1}`;
        x = scope.averagePool(scope.conv(scope.relu(scope.norm(x, `${at}.norm`)), `${at}.conv`, 1), 2);
      });
      x = scope.relu(scope.norm(x, 'features.norm5'));
      return head(scope, scope.globalPool(x), 'classifier');
    },
  };
}
