/** Encoders of a bench: made once, with the trigger that was searched for them, and read back as they were. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { benchEncoder, type EncoderSource } from '../../../src-main/audit/bench-encoders.ts';
import { checkPlan } from '../../../src-main/audit/bench-plan.ts';
import { renderSigns } from '../../../src-main/engine/attacks/domains/signs.ts';
import { readImage } from '../../../src-main/engine/attacks/images.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';

vi.mock(import('../../../src-main/engine/attacks/encoder/outliving-patch.ts'), async (original) => {
  const real = await original();
  const effort = { students: 1, epochs: 1, rounds: 1 };
  return { ...real, outlivingPatch: (...[a, b, c, d]) => real.outlivingPatch(a, b, c, { ...d, effort }) };
});

const folder = mkdtempSync(join(tmpdir(), 'bench-encoders-'));
const unlabelled = renderSigns({ count: 48, seed: 1, classes: 3 });
const plan = checkPlan({
  name: 'nets',
  data: { domain: 'signs', classes: 3, imbalance: 1, samples: 100, test: 100, pretraining: 512 },
  target: 1,
  pretraining: { method: 'supervised', epochs: 1, batch: 16 },
  encoders: { clean: { attack: 'none' } },
  datasets: { clean: { attack: 'none' } },
  cells: 'all',
  seeds: [1],
  presets: ['quick'],
  modes: ['distilled'],
});
const source: EncoderSource = {
  plan,
  file: null,
  unlabelled,
  folder,
  signal: new AbortController().signal,
  onEpoch: () => undefined,
};

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(async () => {
  await provider.dispose();
  rmSync(folder, { recursive: true });
});

it('keeps the patch that was searched for an encoder with it', async () => {
  const recipe = { attack: 'badencoder-outliving', epochs: 1 } as const;
  const made = await benchEncoder(provider, recipe, source);
  expect(readdirSync(folder)).toHaveLength(2);
  const again = await benchEncoder(provider, recipe, source);
  expect(readdirSync(folder)).toHaveLength(2);
  expect(again.trigger?.description).toEqual(made.trigger?.description);
  const image = readImage(unlabelled, 3);
  expect(again.trigger?.stamp(image)).toEqual(made.trigger?.stamp(image));
  expect(made.trigger?.stamp(image)).not.toEqual(image);
});

it('pre-trains the architecture of the plan', async () => {
  const pretraining = { ...plan.pretraining, architecture: 'vit' } as const;
  const made = await benchEncoder(provider, { attack: 'none' }, { ...source, plan: { ...plan, pretraining } });
  expect(understandEncoder(made.graph).family).toBe('vit');
});

it('refuses a picture that it could not keep, or that does not fit, before anything is trained', async () => {
  const onEpoch = vi.fn();
  const large = { ...unlabelled, shape: [3, 256, 256] as const };
  const recipe = { attack: 'badencoder-outliving', size: 20 } as const;
  await expect(benchEncoder(provider, recipe, { ...source, unlabelled: large, onEpoch })).rejects.toThrow(
    'a searched picture of 160 x 160 is too large to be kept',
  );
  await expect(benchEncoder(provider, { ...recipe, size: 32 }, { ...source, onEpoch })).rejects.toThrow('does not fit');
  expect(onEpoch).not.toHaveBeenCalled();
});
