/** Checkpoints that PyTorch wrote, imported without a word about what they are, against the features PyTorch computes. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { numbersOf, tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { rowsIn, seenRow, tableRows, type TableRow } from './table.ts';

interface Expected {
  readonly architecture: string;
  readonly size: readonly [number, number];
  /** Whether the architecture brings ImageNet's normalisation with it. */
  readonly normalised: boolean;
  readonly dim: number;
  readonly representation: readonly number[];
  readonly prefix?: string;
  readonly path?: string;
  readonly module?: boolean;
}

const folder = fileURLToPath(new URL('../fixtures/torch/', import.meta.url));
const expectedIn = (path: string): Record<string, Expected> =>
  JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8')) as Record<string, Expected>;

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

/** The images of make_checkpoints.py. */
function images(height: number, width: number): number[] {
  return Array.from({ length: 2 * 3 * height * width }, (_, i) => ((i * 7919) % 1000) / 1000);
}

/** @returns the largest difference from PyTorch's features, relative to the largest of them */
async function agrees(path: string, wanted: Expected, sizes: boolean): Promise<number> {
  const opened = await openEncoder(path, { inputSize: sizes ? wanted.size : null });
  expect(opened.architecture?.name).toBe(wanted.architecture);
  expect(opened.normalisation === null).toBe(!wanted.normalised);
  expect(opened.findings).toEqual([]);
  if (wanted.prefix !== undefined) expect(opened.architecture?.how).toContain(`"${wanted.prefix}"`);
  if (wanted.path !== undefined) expect(opened.architecture?.how).toContain(`in "${wanted.path}"`);
  expect(opened.notes.some((note) => note.includes('pickled modules'))).toBe(wanted.module === true);
  const { mean = null, std = null } = opened.normalisation ?? {};
  const encoder = understandEncoder(opened.graph, { mean, std });
  expect([encoder.input.height, encoder.input.width]).toEqual(wanted.size);
  expect(encoder.representation.dim).toBe(wanted.dim);
  const compiled = await provider.compile(encoder.graph, { dims: { N: 2 } });
  try {
    const pixels = tensorOf('float32', [2, 3, ...wanted.size], images(...wanted.size));
    const got = numbersOf((await compiled.run({ pixels })).representation);
    const scale = Math.max(...wanted.representation.map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    const worst = Math.max(...got.map((value, i) => Math.abs(value - wanted.representation[i])));
    expect(worst / scale).toBeLessThan(1e-4);
    return worst / scale;
  } finally {
    await compiled.dispose();
  }
}

/** What each of the committed checkpoints has that the others have not. */
const features: Readonly<Record<string, string>> = {
  'legacy.pth': 'state dict in the format before 1.6',
  'resnet18-half.pth': 'state dict, half precision',
  'resnet18-half.safetensors': 'half precision',
  'simclr-checkpoint.pt': 'SimCLR checkpoint: nested state dict, prefix "module.f.", optimizer and arguments beside it',
  'moco.pth.tar': 'MoCo checkpoint: encoder and momentum encoder, the one in use is taken',
  'views.pth': 'transposed, strided, expanded and shared tensors',
  'vgg11_bn.pth': 'VGG-11-BN with few channels, nested under "net"',
  'mobilenet_v2.pth': 'MobileNetV2 of a tenth of the width, half precision',
  'densenet-double.pth': 'DenseNet, double precision',
  'densenet-module.pt': 'a whole pickled module',
  'vit-torchvision.pth': "vision transformer, torchvision's names, bfloat16",
  'vit-timm.pth': 'vision transformer, timm\'s names, nested under "model", bfloat16',
  'vit-hf/model.safetensors.index.json':
    'vision transformer, names of HF transformers, two shards with an index, bfloat16',
};

const formatOf = (file: string): string =>
  file.includes('safetensors') ? 'safetensors' : `PyTorch .${file.replace(/^[^.]*\./, '')}`;

describe('small checkpoints as PyTorch 1.13 wrote them', () => {
  const table = tableRows('pytorch');

  it.each(Object.entries(expectedIn(folder)))('%s gives the features of PyTorch', async (file, wanted) => {
    await agrees(join(folder, file), wanted, true);
    const result = "found without --arch, no finding, within 1e-4 of PyTorch's features";
    table.row({ format: formatOf(file), feature: `${features[file]} [${file}]`, result });
  });
});

/** Gigabytes and minutes: on demand, `npm run conformance:torch`. */
const wantsLarge = process.env.CORESIFT_TORCH === '1';
const python = '/usr/bin/python3';
const hasTorch = wantsLarge && spawnSync(python, ['-c', 'import torch, torchvision']).status === 0;
if (wantsLarge && !hasTorch) throw new Error(`${python} has no torch and torchvision: nothing would be compared.`);
if (!wantsLarge) console.warn('SKIPPED: state dicts of full size (run `npm run conformance:torch`)');

const large: Readonly<Record<string, string>> = {
  'resnet18.pth': 'torchvision ResNet-18',
  'resnet34.pth': 'torchvision ResNet-34',
  'resnet34-cifar.pth': 'ResNet-34 with the 3x3 stem for 32 x 32 pixels',
  'resnet50.pth': 'torchvision ResNet-50',
  'mobilenet_v2.pth': 'torchvision MobileNetV2',
  'vgg11_bn.pth': 'torchvision VGG-11-BN',
  'densenet121.pth': 'torchvision DenseNet-121',
  'vit_b_16.pth': 'torchvision ViT-B/16',
  'vit_ti_16-timm.pth': "ViT-Ti/16 in timm's names",
  'vit_b_16-timm.pth': "ViT-B/16 in timm's names",
  'vit_b_16-hf.safetensors': 'ViT-B/16 in the names of HF transformers',
};

const rowOf = (file: string): TableRow => ({
  format: formatOf(file),
  feature: `${large[file]}, full size (npm run conformance:torch)`,
  result: "found without --arch, no finding, within 1e-4 of PyTorch's features",
});

it('the page names no state dict of full size that this test would not see', () => {
  expect(Object.keys(large).map(rowOf)).toEqual(expect.arrayContaining(rowsIn('pytorch-full-size')));
});

describe.skipIf(!hasTorch)('state dicts of full size, imported without --arch (npm run conformance:torch)', () => {
  it.each(Object.keys(large))(
    '%s',
    async (file) => {
      const made = mkdtempSync(join(tmpdir(), 'coresift-torch-'));
      try {
        execFileSync(python, [join(folder, 'make_checkpoints.py'), 'large', made, file], { stdio: 'ignore' });
        const met = await agrees(join(made, file), expectedIn(made)[file], false);
        console.log(`${file}: largest difference ${met.toExponential(1)} of the largest feature`);
        seenRow('pytorch-full-size', rowOf(file));
      } finally {
        rmSync(made, { recursive: true });
      }
    },
    300_000,
  );
});
