/** Unlearning, recovering and filtering on a net whose backdoor is one channel that was put in by hand. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineContext } from '../../../src-main/engine/tcore/context.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { channelLipschitz, filterChannels } from '../../../src-main/engine/tcore/filter.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { recoverFilters, type Recovered } from '../../../src-main/engine/tcore/recover.ts';
import { fitPoolHead } from '../../../src-main/engine/tcore/stage-probe.ts';
import { unlearn, unlearnBatch, unlearnedParameters, type Unlearned } from '../../../src-main/engine/tcore/unlearn.ts';
import { stamped, toySource, type ToyImages } from '../../support/toy-audit.ts';
import { plantedCase, plantedChannel, target, type PlantOptions } from './planted-net.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

interface Outcome {
  readonly encoder: Encoder;
  readonly classifier: Graph;
  readonly images: ToyImages;
  readonly context: PipelineContext;
  readonly forgotten: Unlearned;
  readonly recovered: Recovered;
  /** chi of the planted channel's layer. */
  readonly trusted: Uint8Array;
}

async function run(options: PlantOptions): Promise<Outcome> {
  const { context, images } = await plantedCase(provider, options, { 'unlearn.epochs': 40, 'recover.epochs': 20 });
  const { samples, parameters, seed, signal } = context;
  const encoder = await prepareEncoder(context);
  const pool = Int32Array.from(samples.labels, (_, i) => i);
  const { classifier } = await fitPoolHead(context, encoder, pool, 'unlearn/head');
  const common = { parameters, seed, signal, onEpoch: () => {} };
  const forgotten = await unlearn(provider, classifier, encoder.parameters, samples, pool, common);
  const recovered = await recoverFilters(provider, forgotten.classifier, encoder, samples, pool, {
    ...common,
    batch: Math.max(32, unlearnBatch(pool.length)),
  });
  const lipschitz = encoder.layers.map((layer) => channelLipschitz(layer, encoder.graph.initializers));
  const [trusted] = filterChannels(encoder, recovered.masks, lipschitz, {
    keep: 0.5,
    scope: 'layer',
    ranking: 'masks',
    seed,
  });
  return { encoder, classifier, images, context, forgotten, recovered, trusted };
}

/** Share of stamped images of other classes that the classifier calls the target. */
async function attackRate({ classifier, images, context }: Outcome): Promise<number> {
  const source = toySource({ ...images, pixels: images.pixels.map((image) => stamped(image, images.shape)) });
  const { predicted } = await evaluateClassifier(provider, classifier, source, null, {
    batch: 50,
    signal: context.signal,
  });
  const others = [...images.labels.keys()].filter((i) => images.labels[i] !== target);
  return others.filter((i) => predicted[i] === target).length / others.length;
}

/** How many channels of the layer have a smaller mask than the planted one. */
const channelsBelow = ({ recovered: { masks } }: Outcome): number =>
  masks[0].filter((mask) => mask < masks[0][plantedChannel]).length;

describe.each([
  ['fires on bright spots of clean images too', { seed: 1, threshold: 0.62, gain: 40 }],
  ['fires on bright spots of clean images too', { seed: 2, threshold: 0.62, gain: 20 }],
  ['fires on the trigger only', { seed: 1, threshold: 0.7, gain: 130 }],
  ['fires on the trigger only', { seed: 2, threshold: 0.7, gain: 90 }],
])('a planted channel that %s (%o)', (_, options) => {
  let outcome: Outcome;
  beforeAll(async () => {
    outcome = await run(options);
  });

  it('makes the untrusted encoder obey the trigger, or this would prove nothing', async () => {
    expect(await attackRate(outcome)).toBeGreaterThan(0.9);
  });

  it('gets a mask among the lowest tenth of its layer and is not trusted', () => {
    expect(channelsBelow(outcome)).toBeLessThan(2);
    expect(outcome.trusted[plantedChannel]).toBe(0);
    expect(outcome.trusted.filter((value) => value === 1).length).toBe(10);
  });

  it('gets a mask of exactly 0, from which none comes back, only when the pool never excites it', () => {
    const mask = outcome.recovered.masks[0][plantedChannel];
    if (options.threshold < 0.7) expect(mask).toBeGreaterThan(0);
    else expect(mask).toBe(0);
  });

  it('leaves masks in 0..1', () => {
    const all = outcome.recovered.masks.flatMap((mask) => [...mask]);
    expect(all.length).toBe(44);
    expect(all.every((mask) => mask >= 0 && mask <= 1)).toBe(true);
    expect(new Set(all).size).toBeGreaterThan(4);
  });
});

describe('unlearning and recovering', () => {
  let outcome: Outcome;
  let before: Map<string, number[]>;
  beforeAll(async () => {
    const { context } = await plantedCase(provider, { seed: 1, threshold: 0.62, gain: 40 });
    before = values((await prepareEncoder(context)).graph);
    outcome = await run({ seed: 1, threshold: 0.62, gain: 40 });
  });

  it('forgets the clean function and brings at least 20 points of it back with masks alone', () => {
    const { forgotten, recovered } = outcome;
    expect(forgotten.stopped).toBe('forgotten');
    expect(forgotten.accuracy).toBeLessThanOrEqual(0.3);
    expect(recovered.accuracy).toBeGreaterThan(forgotten.accuracy + 0.2);
    expect(recovered.losses.at(-1) as number).toBeLessThan(recovered.losses[0]);
  });

  it('trains the last third of the channel layers, or all that there is', () => {
    const { encoder } = outcome;
    const layers = Array.from({ length: 4 }, (_, l) => ({
      ...encoder.layers[0],
      id: `layer ${l}`,
      rows: [{ ...encoder.layers[0].rows[0], param: `weight ${l}` }],
    }));
    const parameters = ['weight 0', 'weight 1', 'weight 2', 'weight 3', 'of no channel'];
    expect(unlearnedParameters({ ...encoder, layers, parameters }, 'last')).toEqual(['weight 2', 'weight 3']);
    expect(unlearnedParameters({ ...encoder, layers, parameters }, 'all')).toEqual(parameters);
  });

  it('stops within the epoch in which it has forgotten', async () => {
    let steps = 0;
    const counting: Provider = {
      ...provider,
      async compile(graph, options) {
        const compiled = await provider.compile(graph, options);
        return { ...compiled, run: (feeds) => (steps++, compiled.run(feeds)) };
      },
    };
    const { classifier, encoder, context } = outcome;
    const pool = Int32Array.from(context.samples.labels, (_, i) => i);
    const options = {
      ...context,
      parameters: { ...context.parameters, 'unlearn.learningRate': 0.1 },
      onEpoch: () => {},
    };
    const { stopped, losses } = await unlearn(counting, classifier, encoder.parameters, context.samples, pool, options);
    expect(stopped).toBe('forgotten');
    expect(losses.length).toBe(1);
    expect(steps).toBeLessThan(pool.length / unlearnBatch(pool.length));
  });

  it('moves weights and running statistics of a copy and no bit of the encoder it was given', () => {
    expect(values(outcome.encoder.graph)).toEqual(before);
    const moved = outcome.encoder.parameters.filter(
      (name) => values(outcome.forgotten.classifier).get(name)?.join() !== before.get(name)?.join(),
    );
    expect(moved).toEqual(outcome.encoder.parameters);
  });

  it('keeps the head fixed while it unlearns', () => {
    const head = (graph: Graph): [string, number[]][] =>
      [...values(graph)].filter(([name]) => name.startsWith('head.'));
    expect(head(outcome.classifier).length).toBeGreaterThan(0);
    expect(head(outcome.forgotten.classifier)).toEqual(head(outcome.classifier));
  });
});

function values(graph: Graph): Map<string, number[]> {
  return new Map([...graph.initializers].map(([name, tensor]) => [name, Array.from(tensor.data as Float32Array)]));
}
