/**
 * `npm run bench:channels -- [--questions masks,start,keep,unlearn] [--cases threat-1,threat-3] [--seeds 1,2,3]
 *   [--samples 1500] [--preset quick] [--threads 1] [--cache folder]`
 *
 * With `--encoder file.onnx --square side` (of `masks` alone) another encoder that takes 28 x 28 grey images, whose trigger is a white square
 * as `coresift bench` plants it.
 *
 * Q1 to Q4 of paper mode, on planted cases of the bundled images: how the channels are told apart, and what those that are
 * not trusted start from. No alarm and no second start: what growth makes of a split is what is asked.
 *   masks    Q3, Q4: of the 5 % of each layer's channels that the trigger moves most, how many are kept, by what
 *            unlearning trains and by where the masks are; chance is the keep ratio
 *   start    Q1: ACC / ASR / control (%) by the start of the untrusted channels
 *   keep     Q2: the same by which channels are kept, beside random ones
 *   unlearn  Q3: the same by what unlearning trains
 */
import { parseArgs } from 'node:util';
import { takeImages } from '../../src-main/engine/attacks/images.ts';
import { movedChannelsKept, triggerActivatedChange } from '../../src-main/engine/attacks/moved-channels.ts';
import { whiteSquare } from '../../src-main/engine/attacks/patch.ts';
import { reinitialise, rolesOf } from '../../src-main/engine/encoder/surgery.ts';
import type { Tensor } from '../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { FilterOptions } from '../../src-main/engine/tcore/filter.ts';
import { untrustedParts } from '../../src-main/engine/tcore/start-model.ts';
import { count } from '../../src-main/engine/tcore/steps.ts';
import { square, testImages } from './leak-cases.ts';
import { masksOf, outcomeOf, paperCase, paperOptions, trustedOf, unlearnedAs, type PaperCase } from './paper-case.ts';
import { unlearnRetaining } from './unlearn-retaining.ts';

const { values: given } = parseArgs({
  options: {
    questions: { type: 'string', default: 'masks,start,keep,unlearn' },
    cases: { type: 'string', default: 'threat-1,threat-3' },
    ...paperOptions,
    encoder: { type: 'string' },
    square: { type: 'string', default: '8' },
  },
});
const ways = ['all of the encoder', 'scales and shifts', 'the last third', 'with the rest retained'] as const;
const questions = new Set(given.questions.split(','));
const provider = await createOrtProvider({ threads: Number(given.threads) });
/** Results by what was tried, in the order of the runs. */
const told = new Map<string, string[]>();
const tell = (what: string, result: string): void => {
  console.log(`  ${what}: ${result}`);
  told.set(what, [...(told.get(what) ?? []), result]);
};
for (const name of given.cases.split(',')) {
  for (const seed of given.seeds.split(',').map(Number)) await study(name, seed);
  console.log(`\n${name}, seeds ${given.seeds}`);
  for (const [what, results] of told) console.log(`| ${what} | ${results.join(' | ')} |`);
  console.log('');
  told.clear();
}
await provider.dispose();

async function study(name: string, seed: number): Promise<void> {
  const found = await paperCase(provider, name, seed, given);
  const { expanded, poison } = found;
  console.log(`${name}, seed ${seed}: ${count(expanded.pool, (i) => poison.has(i))} poison in the first pool`);
  if (questions.has('masks')) await compareMasks(found);
  if (questions.has('start')) await compareStarts(found);
  if (questions.has('keep')) await compareKept(found);
  if (questions.has('unlearn')) {
    for (const way of ways) {
      const masks = await masksOf(found, (await unlearnedBy(found, way)).classifier, 'output');
      for (const keep of [0.5, 0.2]) {
        const trusted = trustedOf(found, masks, { keep });
        tell(`${way}, ${keep} of each layer`, await outcomeOf(found, { what: `${way} ${keep}`, trusted }));
      }
    }
  }
}

function unlearnedBy(found: PaperCase, way: (typeof ways)[number]): ReturnType<typeof unlearnedAs> {
  const { context, encoder, expanded, classifier } = found;
  const { layers, parameters } = encoder;
  switch (way) {
    case 'all of the encoder':
      return unlearnedAs(found, parameters);
    case 'scales and shifts': {
      const norms = new Set(layers.flatMap(({ norm }) => (norm === null ? [] : [norm.scale, norm.bias])));
      return unlearnedAs(
        found,
        parameters.filter((name) => norms.has(name)),
      );
    }
    case 'the last third':
      return unlearnedAs(found);
    case 'with the rest retained':
      return unlearnRetaining(provider, classifier, parameters, context.samples, expanded.pool, context);
  }
}

/** Q3, Q4. */
async function compareMasks(found: PaperCase): Promise<void> {
  const { truth } = found.planted;
  const own = given.encoder === undefined ? square : whiteSquare([1, 28, 28], Number(given.square));
  const stamp = truth.attack === 'none' ? own.stamp : truth.trigger.stamp;
  const shown = takeImages(
    testImages(),
    Array.from({ length: 500 }, (_, i) => i),
  );
  const change = await triggerActivatedChange(provider, found.encoder, shown, stamp);
  const kept = (masks: readonly Float32Array[], options: Partial<FilterOptions> = {}): string =>
    [0.5, 0.2]
      .map((keep) => {
        const trusted = trustedOf(found, masks, { ...options, keep }).map((row) => Array.from(row, Boolean));
        const { hits, of } = movedChannelsKept(change, trusted);
        return `${hits} of ${of}`;
      })
      .join('; ');
  for (const way of ways) {
    const { classifier, accuracy, epochs } = await unlearnedBy(found, way);
    for (const masked of ['output', 'scale'] as const) {
      const masks = await masksOf(found, classifier, masked);
      const all = masks.flatMap((mask) => [...mask]);
      const atOne = count(all, (value) => value >= 0.99) / all.length;
      tell(`${way}, mask on ${masked}: kept at 0.5; at 0.2`, kept(masks));
      console.log(
        `    ${epochs} epochs to ${(100 * accuracy).toFixed(0)} %; ${(100 * atOne).toFixed(0)} % of the masks at 1`,
      );
      if (way === ways[0] && masked === 'output') {
        tell('random channels: kept at 0.5; at 0.2', kept(masks, { ranking: 'random' }));
      }
    }
  }
}

/** Q1. */
async function compareStarts(found: PaperCase): Promise<void> {
  const { encoder, context } = found;
  const forgotten = (await unlearnedAs(found)).classifier;
  const trusted = trustedOf(found, await masksOf(found, forgotten, 'output'));
  const anew = Object.fromEntries(reinitialise(encoder, encoder.layers, trusted, context.seed));
  const roles = rolesOf(encoder);
  const zero = Object.fromEntries(
    Object.entries(anew).map(([name, tensor]) => {
      const nothing = { ...tensor, data: new Float32Array(tensor.data.length) };
      return [name, roles.get(name) === 'weight' ? untrustedFrom(found, trusted, name, nothing) : tensor];
    }),
  );
  const unlearned = Object.fromEntries(
    encoder.parameters.flatMap((name) => {
      const value = forgotten.initializers.get(name);
      return value === undefined ? [] : [[name, untrustedFrom(found, trusted, name, value)]];
    }),
  );
  tell('drawn anew (default)', await outcomeOf(found, { what: 'anew', trusted, start: anew }));
  tell('as it came', await outcomeOf(found, { what: 'kept', trusted, start: {} }));
  tell('as unlearning left it', await outcomeOf(found, { what: 'unlearned', trusted, start: unlearned }));
  tell('zero', await outcomeOf(found, { what: 'zero', trusted, start: zero }));
}

/** A parameter of the encoder, its untrusted slices taken from `value`. */
function untrustedFrom({ encoder }: PaperCase, trusted: readonly Uint8Array[], name: string, value: Tensor): Tensor {
  const own = encoder.graph.initializers.get(name) as Tensor;
  const part = untrustedParts(encoder, trusted).find((each) => each.name === name);
  if (part === undefined) return own;
  if (part.rows === undefined) return value;
  const { axis, trainable } = part.rows;
  const inner = own.dims.slice(axis + 1).reduce((a, c) => a * c, 1);
  const data = Float32Array.from(own.data as Float32Array);
  const size = own.dims[axis] * inner;
  for (let outer = 0; outer < data.length; outer += size) {
    for (const slice of trainable) {
      const at = outer + slice * inner;
      data.set((value.data as Float32Array).subarray(at, at + inner), at);
    }
  }
  return { ...own, data };
}

/** Q2. */
async function compareKept(found: PaperCase): Promise<void> {
  const masks = await masksOf(found, (await unlearnedAs(found)).classifier, 'output');
  const splits: [string, Partial<FilterOptions>][] = [
    ...[0.2, 0.3, 0.5, 0.7].map((keep): [string, Partial<FilterOptions>] => [`${keep} of each layer`, { keep }]),
    ['0.5 of all', { keep: 0.5, scope: 'global' }],
    ['random, 0.5', { keep: 0.5, ranking: 'random' }],
    ['none', { keep: 0 }],
    ['all (the encoder frozen)', { keep: 1 }],
  ];
  for (const [what, options] of splits) {
    tell(what, await outcomeOf(found, { what, trusted: trustedOf(found, masks, options) }));
  }
  for (const least of [0.5, 0.9]) {
    const trusted = masks.map((mask) => Uint8Array.from(mask, (value) => (value > least ? 1 : 0)));
    const all = trusted.flatMap((row) => [...row]);
    const share = (100 * count(all, (value) => value === 1)) / all.length;
    tell(
      `masks above ${least}`,
      `${await outcomeOf(found, { what: `above ${least}`, trusted })} (${share.toFixed(0)} % kept)`,
    );
  }
}
