/**
 * What else draws images together in the untrusted encoder than the square of the patch scan: a faint overlay, searched by
 * gradient, and the trigger that was recovered from refused samples. The latter says whether poison of the dataset carries the encoder's
 * own trigger: a head can be taught to answer to anything, but not to make the encoder see different images as one.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { EncoderOverlay } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { collapseUnder } from '../evidence/collapse.ts';
import { controlsFor } from '../evidence/control.ts';
import type { Overlay, OwnTrigger } from '../evidence/encoder-verdict.ts';
import { scanForOverlay } from '../evidence/overlay-scan.ts';
import { isTrigger } from '../evidence/patch-scan.ts';
import { pictureOf, triggerImage } from '../evidence/picture.ts';
import { countFlips, triggeredSource, type Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
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

export interface CollapseStage {
  readonly overlay: Overlay;
  /** Null where there is no trigger to ask about. */
  readonly own: OwnTrigger | null;
  /** The overlay in full size, and as evidence; null where none was searched. */
  readonly trigger: Trigger | null;
  readonly shown: EncoderOverlay | null;
  readonly digest: string;
  readonly resumed: boolean;
}

interface Models {
  readonly undefended: Graph;
  readonly sanitized: Graph;
}

/** @param credible samples the sanitized model was grown from, no suspect among them @param recovered a trigger that works */
export async function runCollapse(
  context: PipelineContext,
  encoder: Encoder,
  models: Models,
  credible: Int32Array,
  recovered: Trigger | null,
  input: string,
): Promise<CollapseStage> {
  const { samples, parameters, seed } = context;
  const params = { seed, ...(select(context, 'scan') as object) } as Json;
  const step = await context.journal.step({ name: 'evidence/collapse', params, inputs: [input] }, async () => {
    const measured = spread(credible, parameters['scan.images']);
    const { overlay, trigger } = await searchOverlay(context, encoder, models, credible, measured);
    const own = recovered === null || measured.length < 2 ? null : await ownOf(context, encoder, measured, recovered);
    return { data: { overlay, own } as unknown as Json, tensors: trigger === null ? {} : packTrigger(trigger) };
  });
  const { overlay, own } = step.data as unknown as Pick<CollapseStage, 'overlay' | 'own'>;
  const trigger = unpackTrigger(step.tensors);
  const shown = trigger === null || !('scan' in overlay) ? null : shownOverlay(overlay, trigger, samples);
  return { overlay, own, trigger, shown, digest: step.digest, resumed: step.resumed };
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

/** @param measured of the credible ones */
async function searchOverlay(
  context: PipelineContext,
  encoder: Encoder,
  models: Models,
  credible: Int32Array,
  measured: Int32Array,
): Promise<{ readonly overlay: Overlay; readonly trigger: Trigger | null }> {
  const { provider, samples, parameters, signal, seed } = context;
  const budget = parameters['scan.overlay'];
  if (budget === 0) return { overlay: { none: 'off' }, trigger: null };
  const taken = new Set(measured);
  const others = Int32Array.from({ length: samples.count }, (_, i) => i).filter((i) => !taken.has(i));
  if (measured.length < 2 || others.length === 0) return { overlay: { none: 'few-images' }, trigger: null };
  const onProgress = progressOf(context, 'evidence', 'steps');
  // A step of the search takes what a training step does.
  const batch = Math.max(2, Math.min(mostAtOnce, parameters['distil.batch']));
  const search = { budget, batch, seed, signal, onProgress };
  const found = await scanForOverlay(provider, encoder, samples, measured, others, search);
  if (typeof found === 'string') return { overlay: { none: found }, trigger: null };
  const { scan, trigger } = found;
  // What does not draw images together is no trigger, whatever it turns.
  if (!isTrigger(scan)) return { overlay: { scan, turned: null }, trigger };
  const tried = spread(credible, 10 * parameters['scan.images']);
  const laid = triggeredSource(samples, trigger);
  const options = { batch: sizesOf(context).evaluationBatch, signal };
  const undefended = await countFlips(provider, models.undefended, samples, laid, tried, null, options);
  const { target } = undefended;
  const sanitized = await countFlips(provider, models.sanitized, samples, laid, tried, target, options);
  // Some nets give way to a faint overlay though nothing was planted: a clean one of the same build, grown from the same images, would, too.
  const clean = await scanForOverlay(provider, trunkOf(models.sanitized, encoder), samples, measured, others, search);
  const reached = typeof clean === 'string' ? null : clean.scan.collapse;
  return { overlay: { scan, turned: { undefended, sanitized, clean: reached } }, trigger };
}

/** The sanitized model up to its representation, in place of the encoder. */
function trunkOf(sanitized: Graph, encoder: Encoder): Encoder {
  const { dim } = encoder.representation;
  const outputs = [{ name: 'representation', dtype: 'float32' as const, shape: ['N', dim] }];
  return { ...encoder, graph: { ...sanitized, outputs } };
}

function shownOverlay(
  { scan, turned }: Extract<Overlay, { readonly scan: unknown }>,
  trigger: Trigger,
  { shape }: PipelineContext['samples'],
): EncoderOverlay {
  const strong: Trigger =
    trigger.form === 'overlay' ? { ...trigger, shift: trigger.shift.map((value) => shownStronger * value) } : trigger;
  return {
    ...scan,
    turned:
      turned === null
        ? null
        : {
            target: turned.undefended.target,
            flippedUndefended: turned.undefended.share,
            flippedSanitized: turned.sanitized.share,
            n: turned.undefended.n,
          },
    picture: pictureOf(triggerImage(strong), shape),
    strength: shownStronger,
  };
}
