/** The encoders of a bench: made once from their recipe, then read back by its digest. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { ExpectedError } from '../../src-shared/failure.ts';
import { plant as plantBadEncoder, plantKnowingTaps } from '../engine/attacks/encoder/bad-encoder.ts';
import { plant as plantCorrupt } from '../engine/attacks/encoder/corrupt-encoder.ts';
import { ctrlTrigger, plant as plantCtrl } from '../engine/attacks/encoder/ctrl.ts';
import { plant as plantDrupe } from '../engine/attacks/encoder/drupe.ts';
import { plantGraded, plantNear, plantOutliving } from '../engine/attacks/encoder/knowing-distillation.ts';
import { patchPlace, picturedPatch, type Place } from '../engine/attacks/encoder/outliving-patch.ts';
import type { EncoderAttackOptions, PlantedEncoder } from '../engine/attacks/encoder/poisoning.ts';
import { pretrain } from '../engine/attacks/encoder/pretrain.ts';
import { plant as plantSsl, texturedPatch } from '../engine/attacks/encoder/ssl-backdoor.ts';
import { blendTrigger } from '../engine/attacks/dataset/blended.ts';
import { scaled } from '../engine/attacks/dataset/planting.ts';
import type { LabelledImages, ImageShape, Trigger } from '../engine/attacks/images.ts';
import { whiteSquare } from '../engine/attacks/patch.ts';
import type { Encoder } from '../engine/encoder/encoder.ts';
import { understandEncoder } from '../engine/encoder/understand.ts';
import type { Graph } from '../engine/graph/ir.ts';
import { writeOnnx } from '../engine/graph/onnx/write.ts';
import type { Provider } from '../engine/providers/provider.ts';
import { openEncoder } from '../formats/encoders/open.ts';
import { systemFailure } from '../formats/system.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import type { BenchPlan, EncoderAttack, EncoderRecipe, TuningAttack } from './bench-plan.ts';
import { digestBytes, writeWhole } from './files.ts';

export interface BenchEncoder {
  readonly graph: Graph;
  /** Null for a clean encoder. */
  readonly trigger: Trigger | null;
}

export interface EncoderSource {
  readonly plan: BenchPlan;
  /** A clean encoder's file, where the domain has one; else one is pre-trained. */
  readonly file: string | null;
  readonly unlabelled: LabelledImages<Uint8Array>;
  /** Folder that keeps what was made. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onEpoch: (what: string, epoch: number, epochs: number) => void;
}

/** A clean encoder's own file as a graph. @throws as the readers */
export async function readEncoder(file: string): Promise<Graph> {
  return (await openEncoder(file)).graph;
}

/** @throws ExpectedError, RangeError (an attack's option does not fit the data) */
export async function benchEncoder(
  provider: Provider,
  recipe: EncoderRecipe,
  source: EncoderSource,
): Promise<BenchEncoder> {
  const { plan, unlabelled } = source;
  const { shape } = unlabelled;
  const { attack } = recipe;
  switch (attack) {
    case 'none':
      return { graph: await cleanEncoder(provider, source), trigger: null };
    case 'badencoder':
    case 'badencoder-taps':
    case 'badencoder-near':
    case 'badencoder-graded':
    case 'drupe': {
      // The trigger follows from the recipe, so it is not stored.
      const trigger = tunedTrigger(recipe, shape, plan.encoderSeed);
      return { graph: await tunedEncoder(provider, recipe, { attack, trigger }, source), trigger };
    }
    case 'badencoder-outliving': {
      // Before an encoder is pre-trained for it.
      keepable(patchPlace(shape, sideOf(recipe, shape)), shape);
      const graph = await tunedEncoder(provider, recipe, { attack, trigger: null }, source);
      return { graph, trigger: searchedTrigger(graph, shape) };
    }
    case 'ctrl':
      return { graph: await pretrained(provider, recipe, source), trigger: ctrlTrigger(shape) };
    case 'ssl-backdoor':
    case 'corrupt-encoder':
      return {
        graph: await pretrained(provider, recipe, source),
        trigger: texturedPatch(shape, plan.encoderSeed).trigger,
      };
  }
}

function sideOf({ size = 10 }: EncoderRecipe, shape: ImageShape): number {
  return scaled(size, shape[1]);
}

function tunedTrigger(recipe: EncoderRecipe, shape: ImageShape, seed: number): Trigger {
  const side = sideOf(recipe, shape);
  const { trigger = 'square' } = recipe;
  switch (trigger) {
    case 'square':
      return whiteSquare(shape, side);
    case 'textured':
      return texturedPatch(shape, seed, side).trigger;
    case 'blend':
      return blendTrigger(shape, seed);
    case 'frequency':
      return ctrlTrigger(shape);
  }
}

/** Where an encoder whose trigger was searched keeps it: the picture's bytes in base64. */
const triggerKey = 'coresift.bench.trigger';
const place = v.pipe(v.number(), v.integer(), v.minValue(0));
const searchedPicture = v.strictObject({ top: place, left: place, side: place, picture: v.string() });
/** Bytes of a picture of which a text of a graph's metadata may consist (`onnx/wire.ts`). */
const mostPicture = 48_000;

function keepable({ side }: Place, [channels]: ImageShape): void {
  if (channels * side ** 2 > mostPicture) {
    throw new RangeError(`a searched picture of ${side} x ${side} is too large to be kept with its encoder`);
  }
}

function keptTrigger({ description }: Trigger): string {
  const { picture, ...rest } = description.values;
  return canonicalJson(toJson({ ...rest, picture: Buffer.from(picture as readonly number[]).toString('base64') }));
}

/** @throws ExpectedError onnx-malformed when the file does not hold it: it was not made by this build's bench */
function searchedTrigger({ metadata }: Graph, shape: ImageShape): Trigger {
  try {
    const { picture, ...at } = v.parse(searchedPicture, JSON.parse(metadata[triggerKey] ?? ''));
    return picturedPatch(shape, at, [...Buffer.from(picture, 'base64')]);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof v.ValiError || error instanceof RangeError)) throw error;
    throw new ExpectedError(
      'onnx-malformed',
      'An encoder of this bench lacks the trigger that was searched for it; delete its folder "encoders".',
      { cause: error },
    );
  }
}

async function cleanEncoder(provider: Provider, source: EncoderSource): Promise<Graph> {
  return source.file === null ? pretrained(provider, { attack: 'none' }, source) : readEncoder(source.file);
}

/** An attack that searches its trigger itself keeps it in the graph's metadata. */
type Tuning =
  | { readonly attack: keyof typeof tuners; readonly trigger: Trigger }
  | { readonly attack: 'badencoder-outliving'; readonly trigger: null };

async function tunedEncoder(
  provider: Provider,
  recipe: EncoderRecipe,
  { attack, trigger }: Tuning,
  source: EncoderSource,
): Promise<Graph> {
  const { plan, unlabelled, signal } = source;
  const clean = source.file === null ? null : digestBytes(readFileSync(source.file));
  const key = {
    recipe,
    clean,
    data: plan.data,
    pretraining: plan.pretraining,
    target: plan.target,
    seed: plan.encoderSeed,
  };
  return kept(source.folder, key, async () => {
    const encoder = understandEncoder(await cleanEncoder(provider, source));
    const common = {
      seed: plan.encoderSeed,
      target: plan.target,
      signal,
      onEpoch: (epoch: number, epochs: number) => source.onEpoch(attack, epoch, epochs),
      ...(recipe.epochs === undefined ? {} : { epochs: recipe.epochs }),
    };
    if (trigger === null) {
      const side = sideOf(recipe, unlabelled.shape);
      const { planted, truth } = await plantOutliving(provider, encoder, unlabelled, { ...common, side });
      return { ...planted, metadata: { ...planted.metadata, [triggerKey]: keptTrigger(truth.trigger) } };
    }
    return (await tuners[attack](provider, encoder, unlabelled, { ...common, trigger }, recipe)).planted;
  });
}

type Tuner = (
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: EncoderAttackOptions,
  recipe: EncoderRecipe,
) => Promise<PlantedEncoder>;

const tuners: Readonly<Record<Exclude<TuningAttack, 'badencoder-outliving'>, Tuner>> = {
  badencoder: plantBadEncoder,
  'badencoder-taps': plantKnowingTaps,
  'badencoder-near': (provider, encoder, shadow, options, { share }) =>
    plantNear(provider, encoder, shadow, { ...options, ...(share === undefined ? {} : { share }) }),
  'badencoder-graded': plantGraded,
  drupe: plantDrupe,
};

async function pretrained(provider: Provider, recipe: EncoderRecipe, source: EncoderSource): Promise<Graph> {
  const { plan, signal } = source;
  const key = { recipe, data: plan.data, pretraining: plan.pretraining, target: plan.target, seed: plan.encoderSeed };
  // Clean pre-training does not depend on the target: encoders of all targets share it.
  return kept(source.folder, recipe.attack === 'none' ? { ...key, target: null } : key, () => {
    const options = {
      seed: plan.encoderSeed,
      target: plan.target,
      ...(recipe.rate === undefined ? {} : { rate: recipe.rate }),
    };
    const images =
      recipe.attack === 'ctrl'
        ? plantCtrl(source.unlabelled, options).planted
        : recipe.attack === 'ssl-backdoor'
          ? plantSsl(source.unlabelled, options).planted
          : recipe.attack === 'corrupt-encoder'
            ? plantCorrupt(source.unlabelled, options).planted
            : source.unlabelled;
    const { area, architecture, ...how } = plan.pretraining;
    return pretrain(provider, images, {
      ...how,
      ...(architecture === undefined ? {} : { architecture }),
      seed: plan.encoderSeed,
      signal,
      views: {
        // A sign mirrored may be another sign; the plates' colours tell classes apart.
        ...(plan.data.domain === 'signs' ? { flip: false, grey: 0 } : {}),
        ...(area === undefined ? {} : { area }),
      },
      onEpoch: (epoch, epochs) => source.onEpoch('pre-training', epoch, epochs),
    });
  });
}

/** Bumped when an attack or pre-training changes what it makes, so that a bench folder never mixes two. */
const recipeVersions: Readonly<Record<EncoderAttack, number>> = {
  none: 1,
  badencoder: 1,
  'badencoder-taps': 1,
  'badencoder-near': 1,
  'badencoder-graded': 2,
  'badencoder-outliving': 2,
  drupe: 3,
  ctrl: 1,
  'ssl-backdoor': 1,
  'corrupt-encoder': 1,
};

async function kept(
  folder: string,
  key: { readonly recipe: EncoderRecipe; readonly [part: string]: unknown },
  make: () => Promise<Graph>,
): Promise<Graph> {
  const recipe = canonicalJson(toJson({ version: recipeVersions[key.recipe.attack], key }));
  const file = join(folder, `${digestBytes(recipe).slice(0, 24)}.onnx`);
  if (existsSync(file)) return readEncoder(file);
  const graph = await make();
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw systemFailure(error, folder);
  }
  const metadata = { ...graph.metadata, 'coresift.bench.recipe': recipe };
  writeWhole(file, writeOnnx({ ...graph, metadata }, { producer: 'coresift' }));
  return readEncoder(file);
}
