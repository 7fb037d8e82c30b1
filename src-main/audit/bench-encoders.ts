/** The encoders of a bench: made once from their recipe, then read back by its digest. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plant as plantBadEncoder, plantKnowingTaps } from '../engine/attacks/encoder/bad-encoder.ts';
import { plant as plantCorrupt } from '../engine/attacks/encoder/corrupt-encoder.ts';
import { ctrlTrigger, plant as plantCtrl } from '../engine/attacks/encoder/ctrl.ts';
import { plant as plantDrupe } from '../engine/attacks/encoder/drupe.ts';
import type { EncoderAttackOptions } from '../engine/attacks/encoder/poisoning.ts';
import { pretrain } from '../engine/attacks/encoder/pretrain.ts';
import { plant as plantSsl, texturedPatch } from '../engine/attacks/encoder/ssl-backdoor.ts';
import { blendTrigger } from '../engine/attacks/dataset/blended.ts';
import { scaled } from '../engine/attacks/dataset/planting.ts';
import type { LabelledImages, ImageShape, Trigger } from '../engine/attacks/images.ts';
import { whiteSquare } from '../engine/attacks/patch.ts';
import { understandEncoder } from '../engine/encoder/understand.ts';
import type { Graph } from '../engine/graph/ir.ts';
import { writeOnnx } from '../engine/graph/onnx/write.ts';
import type { Provider } from '../engine/providers/provider.ts';
import { openEncoder } from '../formats/encoders/open.ts';
import { systemFailure } from '../formats/system.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import type { BenchPlan, EncoderAttack, EncoderRecipe } from './bench-plan.ts';
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
  const trigger = encoderTrigger(recipe, unlabelled.shape, plan.encoderSeed);
  switch (recipe.attack) {
    case 'none':
      return { graph: await cleanEncoder(provider, source), trigger };
    case 'badencoder':
    case 'badencoder-taps':
    case 'drupe':
      return { graph: await tunedEncoder(provider, recipe, trigger as Trigger, source), trigger };
    case 'ctrl':
    case 'ssl-backdoor':
    case 'corrupt-encoder':
      return { graph: await pretrained(provider, recipe, source), trigger };
  }
}

/** The trigger follows from the recipe, so it is never stored. */
function encoderTrigger(recipe: EncoderRecipe, shape: ImageShape, seed: number): Trigger | null {
  switch (recipe.attack) {
    case 'none':
      return null;
    case 'badencoder':
    case 'badencoder-taps':
    case 'drupe':
      return tunedTrigger(recipe, shape, seed);
    case 'ctrl':
      return ctrlTrigger(shape);
    case 'ssl-backdoor':
    case 'corrupt-encoder':
      return texturedPatch(shape, seed).trigger;
  }
}

function tunedTrigger({ trigger = 'square', size = 10 }: EncoderRecipe, shape: ImageShape, seed: number): Trigger {
  const side = scaled(size, shape[1]);
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

async function cleanEncoder(provider: Provider, source: EncoderSource): Promise<Graph> {
  return source.file === null ? pretrained(provider, { attack: 'none' }, source) : readEncoder(source.file);
}

async function tunedEncoder(
  provider: Provider,
  recipe: EncoderRecipe,
  trigger: Trigger,
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
    const options: EncoderAttackOptions = {
      seed: plan.encoderSeed,
      target: plan.target,
      trigger,
      signal,
      onEpoch: (epoch, epochs) => source.onEpoch(recipe.attack, epoch, epochs),
      ...(recipe.epochs === undefined ? {} : { epochs: recipe.epochs }),
    };
    const attack = { badencoder: plantBadEncoder, 'badencoder-taps': plantKnowingTaps, drupe: plantDrupe };
    const { planted } = await attack[recipe.attack as keyof typeof attack](provider, encoder, unlabelled, options);
    return planted;
  });
}

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
  writeWhole(file, writeOnnx({ ...graph, metadata: { 'coresift.bench.recipe': recipe } }, { producer: 'coresift' }));
  return readEncoder(file);
}
