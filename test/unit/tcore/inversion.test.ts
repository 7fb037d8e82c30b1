/** The alarm for a run that learnt the trigger: a model that did sets it off, one that learnt from clean data does not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { trainFreshNet } from '../../../src-main/engine/tcore/fresh-net.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { runInversion, type InversionStage } from '../../../src-main/engine/tcore/stage-inversion.ts';
import { poisoned, toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const target = 1;
const clean = toyImages({ sizes: [32, 32, 32, 32] });
const planted = poisoned(clean, 21, target);

/** Asks the alarm about a model that was taught every label. */
async function taught(images: ToyImages): Promise<(epochs: number) => Promise<InversionStage>> {
  const graph = fileGraph('resnet-bn');
  const context = toyContext(provider, graph, images);
  const encoder = await prepareEncoder(context);
  const indices = Int32Array.from(images.labels.keys());
  const net = await trainFreshNet(context, encoder, {
    indices,
    epochs: 12,
    batch: 16,
    stream: 'taught',
    onEpoch: () => {},
  });
  const options = { batch: 50, signal: context.signal };
  const evaluation = await evaluateClassifier(provider, net, context.samples, null, options);
  const admittedRound = new Int32Array(images.labels.length);
  return (epochs) => {
    const changed = toyContext(provider, graph, images, { 'inversion.epochs': epochs });
    return runInversion(changed, encoder, net, evaluation, admittedRound, 'toy');
  };
}

describe('the alarm for a run that learnt the trigger', () => {
  it('names the class and the samples that share the trigger; with 0 epochs there is none', async () => {
    const ask = await taught(planted.images);
    const { learnt } = await ask(8);
    expect(learnt.map(({ classIndex }) => classIndex)).toEqual([target]);
    const [{ samples, turned, turnedWithout }] = learnt;
    expect([...samples].filter((i) => planted.poison.has(i)).length).toBeGreaterThan(0.8 * samples.length);
    expect(turned).toBeGreaterThan(0.5);
    expect(turned - turnedWithout).toBeGreaterThan(0.25);
    expect((await ask(0)).learnt).toEqual([]);
  });

  it('is silent where nothing was planted', async () => {
    expect((await (await taught(clean))(8)).learnt).toEqual([]);
  });
});
