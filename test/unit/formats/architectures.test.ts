import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import { tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { architectureNames } from '../../../src-main/formats/encoders/architectures/match.ts';
import type { OpenedEncoder } from '../../../src-main/formats/encoders/encoder-file.ts';
import { openEncoder, optionsWith } from '../../../src-main/formats/encoders/open.ts';
import { pytorchReader } from '../../../src-main/formats/encoders/pytorch.ts';
import { openEncoderSource } from '../../../src-main/formats/encoders/source.ts';
import { defaultLimits } from '../../../src-main/formats/limits.ts';
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

  it.each([
    ['resnet18-half.safetensors', 'layer3.0.conv1.weight', 'resnet18'],
    ['vgg11_bn.pth', 'features.8.weight', 'vgg11_bn'],
    // A layer without bias is a layer of its own kind, unless all others of that kind have one.
    ['vgg11_bn.pth', 'features.4.bias', 'vgg11_bn'],
    ['mobilenet_v2.pth', 'features.3.conv.3.weight', 'mobilenet_v2'],
    ['densenet-double.pth', 'features.denseblock2.denselayer1.conv1.weight', 'densenet'],
  ])('%s without its %s is told what it lacks', async (file, name, architecture) => {
    const { graph } = await openEncoder(join(fixtures, file));
    const tensors = new Map(graph.initializers);
    expect(tensors.delete(name)).toBe(true);
    const failure = await failureOf(() =>
      openEncoder(put(scratchFolder(), 'a.safetensors', writeSafetensors(tensors))),
    );
    expect(failure.code).toBe('architecture-mismatch');
    expect(failure.message).toContain(`As ${architecture}`);
    expect(failure.message).toContain(`1 missing: ${name}.`);
  });

  it('a file that does not begin as the named architecture does is told where that begins', async () => {
    const file = changed('stemless.safetensors', (tensors) => tensors.delete('conv1.weight'));
    const failure = await failureOf(() => openEncoder(file, { arch: 'resnet18' }));
    expect(failure.message).toContain('Nothing in it begins as resnet18 does (conv1.weight, 0.weight). It holds 1');
  });

  it('quantised and sparse tensors raise no alarm and are refused by name', async () => {
    const file = join(fixtures, 'odd-tensors.pth');
    expect(
      await pytorchReader.scan?.(openEncoderSource(file, defaultLimits.model), optionsWith(defaultLimits)),
    ).toEqual({ findings: [], notExamined: [] });
    const failure = await failureOf(() => openEncoder(file));
    expect(failure.message).toContain(
      'It holds 1 tensors: ordinary. 4 tensors are of a form that is not read: net.quantised (qtensor), net.by_channel (qtensor), net.sparse (sparse_tensor), net.rows (sparse_csr_tensor).',
    );
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

describe('normalisation and size stated beside the weights', () => {
  const weights = readFileSync(resnet);
  const beside = async (name: string, config: unknown, file = 'model.safetensors'): Promise<OpenedEncoder> => {
    const folder = scratchFolder();
    put(folder, name, typeof config === 'string' ? config : JSON.stringify(config));
    return await openEncoder(put(folder, file, weights));
  };
  const size = ({ graph }: OpenedEncoder): unknown => graph.inputs[0].shape.slice(2);
  const transformers = {
    do_normalize: true,
    image_mean: [0.5, 0.4, 0.3],
    image_std: [0.2, 0.25, 0.5],
    rescale_factor: 0.00392156862745098,
    size: { height: 96, width: 64 },
  };

  it('are taken from the files of the hubs, and the digest covers them', async () => {
    const opened = await beside('preprocessor_config.json', transformers);
    expect(opened.normalisation).toEqual({
      mean: [0.5, 0.4, 0.3],
      std: [0.2, 0.25, 0.5],
      source: 'from the file (preprocessor_config.json)',
    });
    expect([size(opened), opened.parts.length]).toEqual([[96, 64], 1]);
    expect(opened.notes.join('\n')).toContain('96 x 64 pixels, as the file beside the weights has it');
    const timm = { pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], input_size: [3, 160, 160] } };
    const other = await beside('config.json', timm);
    expect([other.normalisation?.mean, size(other)]).toEqual([
      [0.5, 0.5, 0.5],
      [160, 160],
    ]);
  });

  it('mean and deviation of values 0..255 become those of 0..1', async () => {
    const raw = { ...transformers, do_rescale: false, image_mean: [127.5, 51, 0], image_std: [255, 51, 25.5] };
    const { normalisation } = await beside('preprocessor_config.json', raw);
    expect([normalisation?.mean, normalisation?.std]).toEqual([
      [0.5, 0.2, 0],
      [1, 0.2, 0.1],
    ]);
  });

  it.each([
    ['no JSON', '{'],
    ['a deviation of zero', { ...transformers, image_std: [1, 0, 1] }],
    ['a mean that is no numbers', { ...transformers, image_mean: ['a', 0, 1] }],
  ])('that cannot be: %s is said, and the architecture has the word', async (_what, config) => {
    const opened = await beside('preprocessor_config.json', config);
    expect(opened.notes.join('\n')).toContain('preprocessor_config.json beside the weights was not understood');
    expect(opened.normalisation?.source).toContain('from the architecture');
  });

  it('are not taken beside weights of another name, nor when the analyst names a size', async () => {
    const elsewhere = await beside('preprocessor_config.json', transformers, 'resnet.safetensors');
    expect([elsewhere.normalisation?.source, elsewhere.parts]).toEqual([expect.stringContaining('architecture'), []]);
    const folder = scratchFolder();
    put(folder, 'preprocessor_config.json', JSON.stringify(transformers));
    const file = put(folder, 'model.safetensors', weights);
    expect(size(await openEncoder(file, { inputSize: [48, 48] }))).toEqual([48, 48]);
  });
});

describe('sharded safetensors', () => {
  const weights = readFileSync(resnet);
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

  it('notes where index and files do not agree', async () => {
    const folder = scratchFolder();
    put(folder, 'shard.safetensors', weights);
    const names = [...readRawSafetensors(weights).tensors.keys()];
    const map = Object.fromEntries(names.slice(0, -1).map((name) => [name, 'shard.safetensors']));
    expect(names.at(-1)).toMatch(/^fc\./);
    const text = JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });
    const opening = openEncoder(put(folder, 'model.safetensors.index.json', text));
    const notes = (await opening).notes.join('\n');
    expect(notes).toContain(`1 tensors of its files are not named by the index and were not examined: ${names.at(-1)}`);
    expect(notes).toMatch(/the index says that its tensors have 1 bytes; they have \d{5,}/);
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
