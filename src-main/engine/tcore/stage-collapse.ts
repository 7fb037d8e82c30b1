/**
 * What else draws images together in the untrusted encoder than the square of the patch scan: a faint overlay and a small patch, each
 * searched by gradient, and the trigger that was recovered from refused samples. The latter says whether poison of the dataset carries the encoder's
 * own trigger: a head can be taught to answer to anything, but not to make the encoder see different images as one.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { EncoderOverlay, EncoderTexture, SearchedTurns } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { collapseUnder, cosineOf } from '../evidence/collapse.ts';
import { controlsFor } from '../evidence/control.ts';
import type { OwnTrigger, Searched } from '../evidence/encoder-verdict.ts';
import type { SearchFailure, SearchOptions } from '../evidence/gradient-search.ts';
import { scanForOverlay, type OverlayScan } from '../evidence/overlay-scan.ts';
import { isTrigger } from '../evidence/patch-scan.ts';
import { pictureOf, triggerImage } from '../evidence/picture.ts';
import { scanForTexture, type TextureScan } from '../evidence/texture-scan.ts';
import { countFlips, triggeredSource, type Trigger } from '../evidence/trigger.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { sizesOf } from './memory.ts';
import { pixelsOf } from './pattern-carriers.ts';
import { select } from './steps.ts';
import { packTrigger, unpackTrigger } from './trigger-tensors.ts';

/** Images per step of the search, and per run. */
const mostAtOnce = 32;
/** Random patterns beside a recovered trigger. */
const controls = 5;
/** A budget is hardly seen as it is: the picture has the overlay ten times as strong. */
const shownStronger = 10;

/** What one search met: as the verdict takes it, in full size, and as evidence; the latter two null where it was not made. */
export interface SearchFound<Scan, Shown> {
  readonly met: Searched<Scan>;
  readonly trigger: Trigger | null;
  readonly shown: Shown | null;
}

export interface CollapseStage {
  readonly overlay: SearchFound<OverlayScan, EncoderOverlay>;
  readonly texture: SearchFound<TextureScan, EncoderTexture>;
  /** Null where there is no trigger to ask about. */
  readonly own: OwnTrigger | null;
  readonly digest: string;
  readonly resumed: boolean;
}

interface Models {
  readonly undefended: Graph;
  readonly sanitized: Graph;
}

/**
 * @param credible samples the sanitized model was grown from, no suspect among them @param recovered a trigger that works
 * @param settled whether the encoder is suspicious already: then nobody asks whether what the searches met was planted
 */
export async function runCollapse(
  context: PipelineContext,
  encoder: Encoder,
  models: Models,
  credible: Int32Array,
  recovered: Trigger | null,
  settled: boolean,
  input: string,
): Promise<CollapseStage> {
  const { samples, parameters, seed } = context;
  // A run that was begun by an older rule looks again.
  const params = { seed, rule: 3, settled, ...(select(context, 'scan') as object) } as Json;
  const step = await context.journal.step({ name: 'evidence/collapse', params, inputs: [input] }, async () => {
    const measured = spread(credible, parameters['scan.images']);
    const overlay = await search(context, encoder, models, credible, measured, overlaySearch(parameters), settled);
    const texture = await search(context, encoder, models, credible, measured, textureSearch(parameters), settled);
    const own = recovered === null || measured.length < 2 ? null : await ownOf(context, encoder, measured, recovered);
    return {
      data: { overlay: overlay.met, texture: texture.met, own } as unknown as Json,
      tensors: { ...packed('overlay/', overlay.trigger), ...packed('texture/', texture.trigger) },
    };
  });
  const met = step.data as unknown as {
    readonly overlay: Searched<OverlayScan>;
    readonly texture: Searched<TextureScan>;
    readonly own: OwnTrigger | null;
  };
  const overlay = unpackTrigger(step.tensors, 'overlay/');
  const texture = unpackTrigger(step.tensors, 'texture/');
  return {
    overlay: { met: met.overlay, trigger: overlay, shown: shownOverlay(met.overlay, overlay, samples) },
    texture: { met: met.texture, trigger: texture, shown: shownTexture(met.texture, texture, samples) },
    own: met.own,
    digest: step.digest,
    resumed: step.resumed,
  };
}

function packed(prefix: string, trigger: Trigger | null): Record<string, Tensor> {
  if (trigger === null) return {};
  return Object.fromEntries(Object.entries(packTrigger(trigger)).map(([name, tensor]) => [prefix + name, tensor]));
}

/** The encoder's own answer to a trigger, and to the strongest of some random patterns of its size. */
async function ownOf(
  context: PipelineContext,
  encoder: Encoder,
  measured: Int32Array,
  trigger: Trigger,
): Promise<OwnTrigger> {
  const { provider, samples, signal, seed } = context;
  const batch = Math.min(mostAtOnce, sizesOf(context).evaluationBatch);
  const under = (one: Trigger) => collapseUnder(provider, encoder, samples, measured, one, { batch, signal });
  const { base, collapse } = await under(trigger);
  let control = base;
  for (const random of controlsFor(trigger, pixelsOf(context, measured), seed, controls)) {
    control = Math.max(control, (await under(random)).collapse);
  }
  return { base, collapse, control, images: measured.length };
}

interface Found<Scan> {
  readonly scan: Scan;
  readonly trigger: Trigger;
  readonly centre: Float32Array;
}

/** A search by gradient; null = not asked for. */
type Search<Scan> =
  | ((
      provider: PipelineContext['provider'],
      encoder: Encoder,
      samples: PipelineContext['samples'],
      measured: Int32Array,
      others: Int32Array,
      options: SearchOptions,
    ) => Promise<Found<Scan> | SearchFailure>)
  | null;

function overlaySearch(parameters: PipelineContext['parameters']): Search<OverlayScan> {
  const budget = parameters['scan.overlay'];
  // A run that an older version began has no such parameter.
  if (!(budget > 0)) return null;
  return (provider, encoder, samples, measured, others, options) =>
    scanForOverlay(provider, encoder, samples, measured, others, { budget, ...options });
}

function textureSearch(parameters: PipelineContext['parameters']): Search<TextureScan> {
  const side = parameters['scan.texture'];
  if (!(side > 0)) return null;
  return (provider, encoder, samples, measured, others, options) =>
    scanForTexture(provider, encoder, samples, measured, others, { side, ...options });
}

/** @param measured of the credible ones */
async function search<Scan extends { readonly base: number; readonly collapse: number }>(
  context: PipelineContext,
  encoder: Encoder,
  models: Models,
  credible: Int32Array,
  measured: Int32Array,
  how: Search<Scan>,
  settled: boolean,
): Promise<{ readonly met: Searched<Scan>; readonly trigger: Trigger | null }> {
  const { provider, samples, parameters, signal, seed } = context;
  if (how === null) return { met: { none: 'off' }, trigger: null };
  const taken = new Set(measured);
  const others = Int32Array.from({ length: samples.count }, (_, i) => i).filter((i) => !taken.has(i));
  if (measured.length < 2 || others.length === 0) return { met: { none: 'few-images' }, trigger: null };
  const onProgress = progressOf(context, 'evidence', 'steps');
  // A step of the search takes what a training step does.
  const batch = Math.max(2, Math.min(mostAtOnce, parameters['distil.batch']));
  const { evaluationBatch } = sizesOf(context);
  const asked = { batch, measureBatch: Math.min(mostAtOnce, evaluationBatch), seed, signal, onProgress };
  const found = await how(provider, encoder, samples, measured, others, asked);
  if (typeof found === 'string') return { met: { none: found }, trigger: null };
  const { scan, trigger } = found;
  // What does not draw images together is no trigger, whatever it turns.
  if (!isTrigger(scan)) return { met: { scan, turned: null }, trigger };
  const tried = spread(credible, 10 * parameters['scan.images']);
  const laid = triggeredSource(samples, trigger);
  const options = { batch: evaluationBatch, signal };
  const undefended = await countFlips(provider, models.undefended, samples, laid, tried, null, options);
  const { target } = undefended;
  const sanitized = await countFlips(provider, models.sanitized, samples, laid, tried, target, options);
  if (settled) return { met: { scan, turned: { undefended, sanitized, elsewhere: null, clean: null } }, trigger };
  // Some nets give way to so little though nothing was planted. Such a net gives way in other directions, too, and a clean one of the
  // same build, grown from the same images, may as well.
  const other = await how(provider, encoder, samples, measured, others, { ...asked, away: found.centre });
  const clean = await how(provider, trunkOf(models.sanitized, encoder), samples, measured, others, asked);
  const turned = {
    undefended,
    sanitized,
    elsewhere: typeof other === 'string' ? null : reachedElsewhere(other, found),
    clean: typeof clean === 'string' ? null : clean.scan.collapse,
  };
  return { met: { scan, turned }, trigger };
}

/** Cosine of two answers from which they are one. */
const sameAnswer = 0.9;

/** How near the second search brings images, null where that is no number; `same` where it ended where the first did: there is nothing else. */
function reachedElsewhere<Scan extends { readonly base: number; readonly collapse: number }>(
  other: Found<Scan>,
  first: Found<Scan>,
): number | 'same' | null {
  const near = cosineOf(other.centre, first.centre);
  if (!Number.isFinite(near)) return null;
  // An answer of zeros has no direction, and no other like it.
  const silent = [first, other].every(({ centre }) => centre.every((value) => value === 0));
  return near >= sameAnswer || silent ? 'same' : other.scan.collapse;
}

/** The sanitized model up to its representation, in place of the encoder. */
function trunkOf(sanitized: Graph, encoder: Encoder): Encoder {
  const { dim } = encoder.representation;
  const outputs = [{ name: 'representation', dtype: 'float32' as const, shape: ['N', dim] }];
  return { ...encoder, graph: { ...sanitized, outputs } };
}

function shownOverlay(
  met: Searched<OverlayScan>,
  trigger: Trigger | null,
  { shape }: PipelineContext['samples'],
): EncoderOverlay | null {
  if (!('scan' in met) || trigger === null) return null;
  const strong: Trigger =
    trigger.form === 'overlay' ? { ...trigger, shift: trigger.shift.map((value) => shownStronger * value) } : trigger;
  const picture = pictureOf(triggerImage(strong), shape);
  return { ...met.scan, turned: turnsOf(met), picture, strength: shownStronger };
}

function shownTexture(
  met: Searched<TextureScan>,
  trigger: Trigger | null,
  { shape }: PipelineContext['samples'],
): EncoderTexture | null {
  if (!('scan' in met) || trigger === null) return null;
  const { row, column, size, base, collapse, images } = met.scan;
  const picture = pictureOf(triggerImage(trigger), shape);
  return { row, column, size, base, collapse, images, turned: turnsOf(met), picture };
}

function turnsOf({ turned }: Extract<Searched<unknown>, { readonly scan: unknown }>): SearchedTurns | null {
  if (turned === null) return null;
  const { undefended, sanitized } = turned;
  return {
    target: undefended.target,
    flippedUndefended: undefended.share,
    flippedSanitized: sanitized.share,
    n: undefended.n,
  };
}
