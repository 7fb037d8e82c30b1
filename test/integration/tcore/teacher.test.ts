/** Distilled mode asks the encoder to the end where it knows more than the labels taught, and only there. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderSigns } from '../../../src-main/engine/attacks/domains/signs.ts';
import { pretrain } from '../../../src-main/engine/attacks/encoder/pretrain.ts';
import { smallNet } from '../../../src-main/engine/attacks/encoder/small-net.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { toyContext, type ToyImages } from '../../support/toy-audit.ts';

const classes = 4;
const widths = [8, 8, 16];
const signal = new AbortController().signal;
let provider: Provider;
let learnt: Graph;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
  const many = renderSigns({ count: 512, seed: 1, classes });
  learnt = await pretrain(provider, many, { method: 'supervised', epochs: 12, batch: 32, seed: 1, widths, signal });
}, 60_000);
afterAll(() => provider.dispose());

const { pixels, labels } = renderSigns({ count: 80, seed: 2, classes });
const size = 3 * 32 * 32;
const images: ToyImages = {
  shape: [3, 32, 32],
  pixels: Array.from(labels, (_, i) => Float32Array.from(pixels.subarray(i * size, (i + 1) * size), (v) => v / 255)),
  labels,
  classes: ['a', 'b', 'c', 'd'],
};

/** Of every round, whether the encoder was asked. */
async function asked(encoder: Graph, overrides: Readonly<Record<string, number>> = {}): Promise<boolean[]> {
  const context = toyContext(provider, encoder, images, overrides, { mode: 'distilled' });
  const { rounds } = await bootstrapAudit(context);
  return rounds.map(({ distilled = 0 }) => distilled > 0);
}

it('an encoder that knows the classes is asked to the end', async () => {
  expect(await asked(learnt)).toEqual([true, true, true]);
  expect(await asked(learnt, { 'distil.lead': 1 })).toEqual([true, true, false]);
});

it('an encoder of random weights is not', async () => {
  const longer = { 'distil.warmupEpochs': 20, 'distil.growEpochs': 4 };
  expect(await asked(smallNet([3, 32, 32], 5, widths).graph, longer)).toEqual([true, true, false]);
});
