/** MobileNetV2 (Sandler et al. 2018) in torchvision's names, any width. */
import { imageNet, type Architecture, type ArchitectureFamily } from './architecture.ts';
import { head } from './resnet.ts';
import { square, type Feature, type Scope } from './scope.ts';

/** Blocks that halve the map, by their place in `features`. */
const halving = new Set([2, 4, 7, 14]);
const blocks = 17;

export const mobileNets: ArchitectureFamily = {
  anchors: ['features.0.0.weight'],
  names: ['mobilenet_v2'],
  canonical: (weights) =>
    weights.has('features.0.0.weight') && [...weights.keys()].some((name) => name.startsWith('features.1.conv.'))
      ? weights
      : null,
  detect: (weights) =>
    [...weights.keys()].some((name) => name.startsWith(`features.${blocks}.conv.`)) ? mobileNet : null,
  named: () => mobileNet,
};

const mobileNet: Architecture = {
  name: 'mobilenet_v2',
  size: [224, 224],
  fixedSize: false,
  normalisation: imageNet('mobilenet_v2'),
  assumptions: [],
  roots: ['features', 'classifier'],
  channels: (weights) => weights.get('features.0.0.weight')?.dims[1] ?? 3,
  build(scope, image) {
    let x = unit(scope, image, 'features.0', 3, 2);
    for (let i = 1; i <= blocks; i += 1) x = inverted(scope, x, `features.${i}.conv`, halving.has(i) ? 2 : 1);
    x = unit(scope, x, `features.${blocks + 1}`, 1, 1);
    return head(scope, scope.globalPool(x), 'classifier');
  },
};

/** Convolution, normalisation, ReLU6. */
function unit(scope: Scope, x: Feature, name: string, kernel: 1 | 3, stride: number): Feature {
  const pad = kernel === 3 ? 1 : 0;
  const y = scope.conv(x, `${name}.0`, kernel, { strides: square(stride), pads: [pad, pad, pad, pad] });
  return scope.relu6(scope.norm(y, `${name}.1`));
}

function inverted(scope: Scope, x: Feature, name: string, stride: number): Feature {
  // The first block does not widen: its first convolution is the depthwise one.
  const widens = ['weight', 'bias', 'running_mean', 'running_var'].some((part) => scope.has(`${name}.3.${part}`));
  let y = x;
  if (widens) y = unit(scope, y, `${name}.0`, 1, 1);
  y = unit(scope, y, `${name}.${widens ? 1 : 0}`, 3, stride);
  const last = widens ? 2 : 1;
  y = scope.norm(scope.conv(y, `${name}.${last}`, 1), `${name}.${last + 1}`);
  return stride === 1 && x.channels === y.channels ? scope.add(x, y) : y;
}
