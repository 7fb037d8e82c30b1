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

async function agrees(path: string, wanted: Expected, sizes: boolean): Promise<void> {
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
  } finally {
    await compiled.dispose();
  }
}

describe('small checkpoints as PyTorch 1.13 wrote them', () => {
  it.each(Object.entries(expectedIn(folder)))('%s gives the features of PyTorch', async (file, wanted) => {
    await agrees(join(folder, file), wanted, true);
  });
});

/** Hundreds of megabytes and a minute: on demand, `npm run conformance:torch`. */
const wantsLarge = process.env.CORESIFT_TORCH === '1';
const python = '/usr/bin/python3';
const hasTorch = wantsLarge && spawnSync(python, ['-c', 'import torch, torchvision']).status === 0;
if (wantsLarge && !hasTorch) throw new Error(`${python} has no torch and torchvision: nothing would be compared.`);

describe.skipIf(!hasTorch)(
  "torchvision's own architectures, imported without --arch (npm run conformance:torch)",
  () => {
    const large = hasTorch ? mkdtempSync(join(tmpdir(), 'coresift-torch-')) : '';
    beforeAll(() => {
      execFileSync(python, [join(folder, 'make_checkpoints.py'), 'large', large], { stdio: 'ignore' });
    });
    afterAll(() => rmSync(large, { recursive: true, force: true }));

    it.each(['resnet18', 'resnet50', 'mobilenet_v2', 'vgg11_bn', 'densenet121', 'vit_b_16'])('%s', async (name) => {
      await agrees(join(large, `${name}.pth`), expectedIn(large)[`${name}.pth`], false);
    });
  },
);
