import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import { tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { architectureNames } from '../../../src-main/formats/encoders/architectures/match.ts';
import { openEncoder } from '../../../src-main/formats/encoders/open.ts';
import {
  readRawSafetensors,
  readSafetensors,
  writeSafetensors,
} from '../../../src-main/formats/models-out/safetensors.ts';
import { codeOf, failureOf, put, scratchFolder } from './make.ts';

const fixtures = fileURLToPath(new URL('../../fixtures/torch/', import.meta.url));
const resnet = join(fixtures, 'resnet18-half.safetensors');

/** The fixture's weights, changed and written anew. */
function changed(name: string, change: (tensors: Map<string, Tensor>) => void): string {
  const tensors = new Map(readSafetensors(readFileSync(resnet)).tensors);
  change(tensors);
  return put(scratchFolder(), name, writeSafetensors(tensors));
}

describe('weights and known architectures', () => {
  it('says which parameters are missing, extra and of wrong shape', async () => {
    const file = changed('broken.safetensors', (tensors) => {
      tensors.delete('layer1.0.bn1.bias');
      tensors.delete('layer1.1.conv1.weight');
      tensors.set('layer1.0.gate.weight', tensorOf('float32', [1], [1]));
      tensors.set('layer2.0.conv2.weight', tensorOf('float32', [8, 8, 1, 1], Array<number>(64).fill(0)));
    });
    const failure = await failureOf(() => openEncoder(file, { arch: 'resnet18' }));
    expect(failure.code).toBe('architecture-mismatch');
    expect(failure.message).toContain('2 missing: layer1.0.bn1.bias, layer1.1.conv1.weight');
    expect(failure.message).toContain('1 of wrong shape: layer2.0.conv2.weight [8, 8, 1, 1] instead of [any, 8, 3, 3]');
    expect(failure.message).toContain('1 extra: layer1.0.gate.weight');
    // Without a name the same: no architecture is taken that only nearly fits.
    expect(await codeOf(() => openEncoder(file))).toBe('architecture-mismatch');
  });

  it('takes the architecture that the analyst names, and no other', async () => {
    const opened = await openEncoder(resnet, { arch: 'resnet18' });
    expect(opened.architecture).toMatchObject({
      name: 'resnet18',
      how: expect.stringContaining('named by the analyst') as string,
    });
    for (const arch of architectureNames.filter((name) => name !== 'resnet18')) {
      const code = await codeOf(() => openEncoder(resnet, { arch }));
      expect([arch, code]).toEqual([arch, 'architecture-mismatch']);
    }
    const unknown = await failureOf(() => openEncoder(resnet, { arch: 'resnet19' }));
    expect(unknown.code).toBe('usage');
    expect(unknown.message).toContain('vit_b_16');
  });

  it('does not take --arch for a file that has its own graph', async () => {
    const onnx = fileURLToPath(new URL('../../fixtures/encoders/resnet-bn.onnx', import.meta.url));
    expect(await codeOf(() => openEncoder(onnx, { arch: 'resnet18' }))).toBe('usage');
    expect(await openEncoder(onnx)).toMatchObject({ format: 'onnx', architecture: null, findings: [] });
  });

  it('leaves projections and copies out and says so', async () => {
    const file = changed('projection.safetensors', (tensors) => {
      tensors.set('g.0.weight', tensorOf('float32', [2], [1, 1]));
      for (const [name, tensor] of [...tensors]) if (name !== 'g.0.weight') tensors.set(`ema.${name}`, tensor);
    });
    const { notes, architecture } = await openEncoder(file);
    expect(architecture?.how).not.toContain('prefix');
    expect(notes.join('\n')).toMatch(/are no part of it and were not examined: g\.0\.weight/);
    expect(notes.join('\n')).toMatch(/1 more encoders of this kind .*under the prefix "ema\."/);
  });

  it('says what it cannot know', async () => {
    const simclr = await openEncoder(join(fixtures, 'simclr-checkpoint.pt'));
    expect(simclr.notes.join('\n')).toContain('the 3x3 stem is taken to have stride 1');
    expect(simclr.notes.join('\n')).toContain('beside weights it holds: epoch, arch, args');
    const vit = await openEncoder(join(fixtures, 'vit-timm.pth'));
    expect(vit.notes.join('\n')).toContain('give --mean and --std');
    expect(vit.normalisation).toBeNull();
  });

  it('knows sizes that position embeddings fix', async () => {
    const vit = join(fixtures, 'vit-torchvision.pth');
    expect(await codeOf(() => openEncoder(vit, { inputSize: [64, 64] }))).toBe('wrong-input-size');
    expect((await openEncoder(vit)).graph.inputs[0].shape).toEqual(['N', 3, 32, 32]);
    expect((await openEncoder(resnet)).graph.inputs[0].shape).toEqual(['N', 3, 224, 224]);
    expect((await openEncoder(resnet, { inputSize: [48, 64] })).graph.inputs[0].shape).toEqual(['N', 3, 48, 64]);
  });

  it('takes an encoder of grey images, without the normalisation of coloured ones', async () => {
    const file = changed('grey.safetensors', (tensors) => {
      tensors.set('conv1.weight', tensorOf('float32', [4, 1, 7, 7], Array<number>(196).fill(0.1)));
    });
    const opened = await openEncoder(file);
    expect(opened.graph.inputs[0].shape[1]).toBe(1);
    expect(opened.normalisation).toBeNull();
  });

  it('says of weights that are of no kind it knows what they are', async () => {
    const file = put(
      scratchFolder(),
      'other.safetensors',
      writeSafetensors(new Map([['a.b', tensorOf('float32', [1], [1])]])),
    );
    const failure = await failureOf(() => openEncoder(file));
    expect(failure.code).toBe('architecture-unknown');
    expect(failure.message).toContain('It holds 1 tensors: a.b');
  });
});

describe('sharded safetensors', () => {
  const shard = readFileSync(join(fixtures, 'vit-hf/model-00001-of-00002.safetensors'));
  const index = (map: Record<string, unknown>): string => JSON.stringify({ weight_map: map });

  it('binds every shard by its digest', async () => {
    const { parts, bytes } = await openEncoder(join(fixtures, 'vit-hf/model.safetensors.index.json'));
    expect(parts.map(({ name }) => name)).toEqual([
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
    expect(bytes).toBeGreaterThan(shard.length);
  });

  it('refuses by name what leads elsewhere, is not there, or is not what the index says', async () => {
    const folder = scratchFolder();
    put(folder, 'shard.safetensors', shard);
    const [name] = readRawSafetensors(shard).tensors.keys();
    const cases: [Record<string, unknown>, string][] = [
      [{ [name]: '../shard.safetensors' }, 'encoder-malformed'],
      [{ [name]: '/etc/passwd' }, 'encoder-malformed'],
      [{ [name]: 'none.safetensors' }, 'file-missing'],
      [{ other: 'shard.safetensors' }, 'encoder-malformed'],
      [{ [name]: 7 }, 'encoder-malformed'],
      [{}, 'architecture-unknown'],
    ];
    for (const [map, code] of cases) {
      const file = put(folder, 'index.json', index(map));
      expect([map, await codeOf(() => openEncoder(file))]).toEqual([map, code]);
    }
  });
});
