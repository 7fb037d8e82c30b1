import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderSigns } from '../../../src-main/engine/attacks/domains/signs.ts';
import { architectures, pretrain, pretrainMethods } from '../../../src-main/engine/attacks/encoder/pretrain.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const signs = renderSigns({ count: 96, seed: 1, classes: 3 });
const short = { epochs: 6, batch: 32, seed: 1, widths: [8, 8, 12], signal: new AbortController().signal };

describe('pre-training', () => {
  it.each(pretrainMethods)('by %s learns, and leaves an encoder that can be audited', async (method) => {
    const losses: number[] = [];
    const made = await pretrain(provider, signs, { ...short, method, onEpoch: (_at, _of, loss) => losses.push(loss) });
    expect(losses).toHaveLength(6);
    // MoCo's queue is random rows first, which are easily told from a key.
    expect(losses[5]).toBeLessThan(method === 'moco' ? Math.max(...losses) : losses[0]);
    const { input, representation } = understandEncoder(made);
    expect([input.channels, input.height, representation.dim]).toEqual([3, 32, 12]);
    expect(made.inputs.map(({ name }) => name)).toEqual(['image']);
  });

  it.each([
    ['small-net', 'conv+bn', 128],
    ['resnet-18', 'conv+bn', 128],
    ['vit', 'vit', 96],
  ] as const)('of a %s leaves one of its family', async (architecture, family, dim) => {
    const losses: number[] = [];
    const how = { epochs: 2, batch: 32, seed: 1, signal: new AbortController().signal, architecture };
    const onEpoch = (_at: number, _of: number, loss: number): void => void losses.push(loss);
    const made = await pretrain(provider, signs, { ...how, method: 'supervised', onEpoch });
    expect(losses[1]).toBeLessThan(losses[0]);
    const encoder = understandEncoder(made);
    expect([encoder.family, encoder.representation.dim]).toEqual([family, dim]);
    // Eighteen layers of weights, the head's and those of shortcuts not counted; a transformer's taps are its blocks.
    const weights = encoder.parameters.filter((name) => /^(stem|layer.*conv[12])\.weight$/.test(name));
    if (architecture === 'resnet-18') expect(weights).toHaveLength(17);
    if (architecture === 'vit') expect(encoder.taps.filter(({ kind }) => kind === 'tokens').length).toBeGreaterThan(5);
  });

  it('knows every architecture that a plan may name, and refuses images that are no whole patches', async () => {
    expect(architectures).toEqual(['small-net', 'resnet-18', 'vit']);
    const odd = {
      pixels: new Uint8Array(32 * 900),
      shape: [1, 30, 30] as const,
      labels: new Int32Array(32),
      classes: 2,
    };
    const how = { ...short, method: 'supervised', architecture: 'vit' } as const;
    await expect(pretrain(provider, odd, how)).rejects.toThrow('patches of 4 x 4 pixels; met 30 x 30');
  });

  it('looks at labels in supervised pre-training alone', async () => {
    const other = { ...signs, labels: signs.labels.map((label) => (label + 1) % 3) };
    for (const method of pretrainMethods) {
      const lossOf = async (images: typeof signs): Promise<number> => {
        let last = NaN;
        await pretrain(provider, images, { ...short, epochs: 1, method, onEpoch: (_at, _of, loss) => (last = loss) });
        return last;
      };
      expect((await lossOf(signs)) === (await lossOf(other))).toBe(method !== 'supervised');
    }
  });

  it('says what is wrong with too few images', async () => {
    const few = { ...signs, pixels: signs.pixels.subarray(0, 31 * 3072), labels: signs.labels.subarray(0, 31) };
    await expect(pretrain(provider, few, { ...short, method: 'supervised' })).rejects.toThrow(/one batch of 32 images/);
  });
});
