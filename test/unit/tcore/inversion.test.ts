/** The alarm for a run that learnt the trigger: a model that did sets it off, one that learnt from clean data does not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { trainFreshNet } from '../../../src-main/engine/tcore/fresh-net.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { runInversion, type InversionStage } from '../../../src-main/engine/tcore/stage-inversion.ts';
import { poisoned, stamped, toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const target = 1;
const clean = toyImages({ sizes: [32, 32, 32, 32] });
const planted = poisoned(clean, 21, target);

type Refused = ReadonlyMap<number, Int32Array>;

/** Asks the alarm about a model that was taught every label, or all but some, against one that was taught every label. */
async function taught(
  images: ToyImages,
  untaught: ReadonlySet<number> = new Set(),
  originals: Int32Array = Int32Array.from(images.labels.keys()),
): Promise<(epochs: number, refused?: Refused) => Promise<InversionStage>> {
  const graph = fileGraph('resnet-bn');
  const context = toyContext(provider, graph, images);
  const encoder = await prepareEncoder(context);
  const everything = Int32Array.from(images.labels.keys()).filter((i) => originals[i] === i);
  const netOf = (indices: Int32Array): Promise<Graph> =>
    trainFreshNet(context, encoder, { indices, epochs: 12, batch: 16, stream: 'taught', onEpoch: () => {} });
  const undefended = await netOf(everything);
  const sanitized = untaught.size > 0 ? await netOf(everything.filter((i) => !untaught.has(i))) : undefended;
  const options = { batch: 50, signal: context.signal };
  const evaluation = await evaluateClassifier(provider, sanitized, context.samples, null, options);
  const admittedRound = new Int32Array(images.labels.length).fill(-1);
  for (const i of everything) if (!untaught.has(i)) admittedRound[i] = 0;
  return (epochs, refused = new Map()) => {
    const changed = toyContext(provider, graph, images, { 'inversion.epochs': epochs }, { originals });
    return runInversion(changed, encoder, { undefended, sanitized }, evaluation, refused, admittedRound, 'toy');
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

  it('finds what a few poison samples taught from those that are refused, and nothing where none was taught', async () => {
    const poison = [...planted.poison];
    const few = new Set(poison.slice(4));
    const refused = new Map([[target, Int32Array.from(few).sort()]]);
    const ask = await taught(planted.images, few);
    const { learnt } = await ask(8, refused);
    expect(learnt.map(({ classIndex }) => classIndex)).toEqual([target]);
    // Those that were taught are found by what the refused ones share.
    expect([...learnt[0].samples]).toEqual(expect.arrayContaining(poison.slice(0, 4)));
    expect([...learnt[0].samples].filter((i) => planted.poison.has(i)).length).toBeGreaterThan(0.9 * poison.length);
    // The pattern turns too few for a group of what is believed to show it.
    expect((await ask(8)).learnt).toEqual([]);
    const none = await taught(planted.images, new Set(poison));
    expect((await none(8, new Map([[target, Int32Array.from(poison).sort()]]))).learnt).toEqual([]);
  });

  it('of what is refused also finds a square that covers a quarter of the image', async () => {
    const [, height] = clean.shape;
    const { images, poison } = poisoned(clean, 21, target, height / 2);
    const refused = Int32Array.from([...poison].slice(4)).sort();
    const { learnt } = await (await taught(images, new Set(refused)))(8, new Map([[target, refused]]));
    expect(learnt.map(({ classIndex, form }) => [classIndex, form])).toEqual([[target, 'patch']]);
    expect([...learnt[0].samples]).toEqual(expect.arrayContaining([...poison].slice(0, 4)));
  });

  it('asks those that an inverted model refuses, where all that it takes for the class is poison', async () => {
    const { labels } = planted.images;
    const own = Int32Array.from([...labels.keys()].filter((i) => labels[i] === target && !planted.poison.has(i)));
    const ask = await taught(planted.images, new Set(own));
    const { learnt } = await ask(8, new Map([[target, own]]));
    expect(learnt.map(({ classIndex }) => classIndex)).toEqual([target]);
    const [{ samples, vouched }] = learnt;
    expect([...samples].filter((i) => planted.poison.has(i)).length).toBeGreaterThan(0.8 * samples.length);
    // The class is grown again from those that the first model refused.
    expect(vouched.length).toBeGreaterThan(own.length / 2);
    expect([...own]).toEqual(expect.arrayContaining([...vouched]));
    // Of a class that nothing speaks against, what it refuses is no better witness.
    expect((await ask(8)).learnt).toEqual([]);
  });

  it('is not talked out of a trigger by copies of one stamped image with a right label', async () => {
    const { labels, pixels } = planted.images;
    const own = [...labels.keys()].find((i) => labels[i] === target && !planted.poison.has(i)) as number;
    const stampedOnes = (count: number): ToyImages => ({
      ...planted.images,
      pixels: [...pixels, ...new Array<Float32Array>(count).fill(stamped(pixels[own], clean.shape))],
      labels: Int32Array.from([...labels, ...new Array<number>(count).fill(target)]),
    });
    const images = stampedOnes(101);
    const originals = Int32Array.from(images.labels.keys(), (i) => Math.min(i, labels.length));
    const [once] = (await (await taught(stampedOnes(1)))(8)).learnt;
    const [often] = (await (await taught(images, new Set(), originals))(8)).learnt;
    expect(once.form).toBe('patch');
    expect(often).toEqual(once);
  });
});
