/**
 * Evidence from pictures: residues of the refused samples of the class that has most of them, and the trigger estimated
 * from them, with the rate at which it flips the undefended and the sanitized model on samples that had no part in it.
 * Where it works as a trigger, whoever of the class shows it as plainly as they do is named, refused or not. Where it does
 * not, or the suspects are too few, the same is asked of whoever else is refused, class by class: little poison makes no
 * cluster, but what it shares still works.
 */
import type { Json } from '../../../src-shared/json.ts';
import { flipsAsTrigger, type TriggerEvidence } from '../../../src-shared/domain/result.ts';
import { estimateTriggers, type Estimate } from '../evidence/estimate-trigger.ts';
import { residuesAmong } from '../evidence/look-alikes.ts';
import { greyAround, pictureOf, triggerImage } from '../evidence/picture.ts';
import { meanRow, residues } from '../evidence/residue.ts';
import { controlsFor } from '../evidence/control.ts';
import { fewestSharing } from '../evidence/suspects.ts';
import { byReach, testImages, triggerTester, type TriggerTest, type TriggerTester } from '../evidence/test-trigger.ts';
import type { Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import { sweep } from './features.ts';
import type { PipelineContext } from './context.ts';
import { sizesOf } from './memory.ts';
import { carriersOf, pixelsOf } from './pattern-carriers.ts';
import { vector } from './steps.ts';
import { packTrigger, unpackTrigger } from './trigger-tensors.ts';

/** Suspects used, credible samples compared with, residues shown. */
const mostSuspects = 200;
const mostCredible = 1500;
const residuesShown = 12;
/** Suspects that say how plainly the trigger is shown, and images without it that say how plainly chance shows it, at most. */
const [mostAsked, mostWithout] = [40, 400];
/** Random patterns beside each estimate. */
const controls = 5;
/** What is made of few samples is drawn towards nothing: where no estimate works, overlays, and their controls, are as strong as this. */
const stronger = 2;

export interface TriggerStage {
  readonly evidence: TriggerEvidence;
  /** The best estimate in full size; null without one. */
  readonly trigger: Trigger | null;
  /** Samples of its class that show it, ascending; none where it does not work as a trigger. */
  readonly showing: Int32Array;
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

/**
 * @param groups samples of one label that may share something, most suspicious first: the first with a trigger that works is
 *   told of, else the first @param credible samples the sanitized model was grown
 *   from, and the guard @param wide width of the representation
 */
export async function runTriggers(
  context: PipelineContext,
  models: Models,
  groups: readonly Int32Array[],
  credible: Int32Array,
  wide: number,
  input: string,
): Promise<TriggerStage> {
  const step = await context.journal.step(
    { name: 'evidence/triggers', params: { seed: context.seed, by: ['view', 'look'], rule: 8 }, inputs: [input] },
    async () => {
      const found = await findTrigger(context, models, groups, credible, wide);
      return {
        data: found.evidence as unknown as Json,
        tensors: {
          showing: vector(found.showing),
          ...(found.trigger === null ? {} : packTrigger(found.trigger)),
        },
      };
    },
  );
  const evidence = step.data as unknown as TriggerEvidence;
  return {
    evidence,
    trigger: unpackTrigger(step.tensors),
    showing: step.tensors.showing.data as Int32Array,
    digest: step.digest,
    resumed: step.resumed,
  };
}

interface Models {
  readonly undefended: Graph;
  readonly sanitized: Graph;
}

interface Tried extends Estimate {
  readonly strength?: number;
  readonly test: TriggerTest;
  readonly flippedControl: number;
  readonly works: boolean;
}

type Found = Pick<TriggerStage, 'evidence' | 'trigger' | 'showing'>;

const nothing: Found = {
  evidence: { residues: [], meanResidue: null, estimate: null },
  trigger: null,
  showing: new Int32Array(0),
};

async function findTrigger(
  context: PipelineContext,
  models: Models,
  groups: readonly Int32Array[],
  credible: Int32Array,
  wide: number,
): Promise<Found> {
  const { samples } = context;
  // Large images are compared in smaller numbers: suspects are held with two backgrounds and residues, the others twice.
  const images = sizesOf(context).keptValues / (samples.shape[0] * samples.shape[1] * samples.shape[2]);
  let first: Found | null = null;
  for (const group of groups) {
    const target = commonestLabel(group, samples.labels, samples.classes.length);
    // An even part where there are too many: the first in the file are whoever's who made it.
    const chosen = spread(
      group.filter((i) => samples.labels[i] === target),
      Math.min(mostSuspects, Math.max(fewestSharing, Math.floor(images / 12))),
    );
    const asked = new Set(chosen);
    const others = credible.filter((i) => !asked.has(i));
    const found = await sharedTrigger(context, models, { target, chosen }, others, images, wide);
    // A pattern of no suspects is told of only where it also tells most of them from everybody else.
    const telling = first === null || found.showing.length > 0;
    if (found.evidence.estimate?.works === true && telling) return found;
    first ??= found;
  }
  return first ?? nothing;
}

/** What samples of one class share that credible ones do not, and whether it works as a trigger. @param images held at most */
async function sharedTrigger(
  context: PipelineContext,
  models: Models,
  { target, chosen }: { readonly target: number; readonly chosen: Int32Array },
  credible: Int32Array,
  images: number,
  wide: number,
): Promise<Found> {
  const { samples, provider, signal } = context;
  const { evaluationBatch } = sizesOf(context);
  // Every other credible sample is compared with; flips are counted on the rest, so that no image is used for both.
  const compared = spread(
    credible.filter((_, at) => at % 2 === 0),
    Math.min(mostCredible, Math.max(2 * fewestSharing, Math.floor(images / 4))),
  );
  const unseen = credible.filter((i, at) => at % 2 === 1 && samples.labels[i] !== target);
  const others = compared.filter((i) => samples.labels[i] !== target);
  if (chosen.length < fewestSharing || compared.length < 2 || others.length === 0 || unseen.length === 0)
    return nothing;
  const bad = await look(context, models.sanitized, chosen, wide);
  const good = await look(context, models.sanitized, compared, wide);
  const found = residues(bad, good, chosen.length, compared.length);
  // A second opinion on what is usual: images of other classes that look alike. No model is asked, so none can be led.
  // Of what comes of it the patch alone: an overlay would be what the class itself is like, and that flips images too.
  const otherPixels = pixelsOf(context, others);
  const residuesOf = residuesAmong(otherPixels, others.length, samples.shape);
  const estimates = [
    ...estimateTriggers(bad.pixels, good.pixels, found, chosen.length, samples.shape, fewestSharing),
    ...estimateTriggers(
      bad.pixels,
      otherPixels,
      residuesOf(bad.pixels, chosen.length),
      chosen.length,
      samples.shape,
      fewestSharing,
    ).filter(({ trigger }) => trigger.form === 'patch'),
  ];
  const options = { batch: evaluationBatch, signal };
  const tried = testImages(unseen, samples.labels, samples.classes.length);
  const tester = await triggerTester(provider, models, samples, tried, target, options);
  const random = (trigger: Trigger): Trigger[] => controlsFor(trigger, good.pixels, context.seed, controls);
  const { trigger, carriers, test, flippedControl, works, strength } = await tryOut(tester, estimates, random);
  const size = found.residue.length / chosen.length;
  const shown = Array.from({ length: Math.min(residuesShown, chosen.length) }, (_, at) => ({
    sample: chosen[at],
    picture: pictureOf(greyAround(found.residue.subarray(at * size, (at + 1) * size)), samples.shape),
  }));
  const pattern = { trigger, some: spread(chosen, mostAsked) };
  const [showing] = works
    ? await carriersOf(context, [pattern], residuesOf, spread(unseen, mostWithout), target)
    : [nothing.showing];
  return {
    trigger,
    showing,
    evidence: {
      residues: shown,
      meanResidue: pictureOf(greyAround(meanRow(found.residue, chosen.length)), samples.shape),
      estimate: {
        form: trigger.form,
        target,
        suspects: chosen.length,
        carriers,
        ...test,
        flippedControl,
        works,
        ...(strength === undefined ? {} : { strength }),
        picture: pictureOf(triggerImage(trigger), samples.shape),
      },
    },
  };
}

/**
 * The estimate that works as a trigger, of all classes if one does, else that which the undefended model follows most more
 * than the sanitized one, and what its controls flip; made stronger only where none works. The tester is disposed of. @param estimates at least one
 */
async function tryOut(
  tester: TriggerTester,
  estimates: readonly Estimate[],
  controlsOf: (trigger: Trigger) => readonly Trigger[],
): Promise<Tried> {
  try {
    let first: Tried | null = null;
    for (const round of [estimates, estimates.flatMap(strengthened)]) {
      const tried: Omit<Tried, 'flippedControl' | 'works'>[] = [];
      for (const estimate of round) tried.push({ ...estimate, test: await tester.test(estimate.trigger) });
      tried.sort((a, b) => byReach(a.test, b.test));
      for (const one of tried) {
        // Chance is asked only of what might work without it, and of what is shown if nothing does.
        const flips = { ...one.test, ...(one.strength === undefined ? {} : { strength: one.strength }) };
        if (first !== null && !flipsAsTrigger(flips)) continue;
        const flippedControl = await tester.strongest(controlsOf(one.trigger), one.test.from);
        const found = { ...one, flippedControl, works: flipsAsTrigger({ ...flips, flippedControl }) };
        if (found.works) return found;
        first ??= found;
      }
    }
    if (first === null) throw new Error('There is no estimate to try.');
    return first;
  } finally {
    await tester.dispose();
  }
}

/** An overlay laid on more strongly; a patch covers what it covers. */
function strengthened({ trigger, carriers }: Estimate): (Estimate & { readonly strength: number })[] {
  if (trigger.form === 'patch') return [];
  const shift = trigger.shift.map((value) => stronger * value);
  return [{ trigger: { form: 'overlay', shift }, carriers, strength: stronger }];
}

/** Pixels `[n, C, H, W]` and the sanitized model's representations `[n, wide]` of some samples. */
async function look(
  context: PipelineContext,
  classifier: Graph,
  indices: Int32Array,
  wide: number,
): Promise<{ pixels: Float32Array; rows: Float32Array }> {
  const { provider, samples, signal } = context;
  const { evaluationBatch } = sizesOf(context);
  const size = samples.shape[0] * samples.shape[1] * samples.shape[2];
  const pixels = new Float32Array(indices.length * size);
  samples.read(indices, pixels);
  const rows = new Float32Array(indices.length * wide);
  const graph: Graph = { ...classifier, outputs: [{ name: 'representation', dtype: 'float32', shape: ['N', wide] }] };
  const compiled = await provider.compile(graph, { dims: { N: evaluationBatch } });
  try {
    await sweep(compiled, {
      samples,
      indices,
      batch: evaluationBatch,
      signal,
      onBatch: ({ representation }, at) => rows.set(representation, at * wide),
    });
  } finally {
    await compiled.dispose();
  }
  return { pixels, rows };
}

function commonestLabel(indices: Int32Array, labels: Int32Array, classes: number): number {
  const counts = new Int32Array(classes);
  for (const i of indices) counts[labels[i]]++;
  return counts.indexOf(Math.max(...counts));
}
