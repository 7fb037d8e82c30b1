/**
 * Evidence from pictures: residues of the refused samples of the class that has most of them, and the trigger estimated
 * from them, with the rate at which it flips the undefended and the sanitized model on samples that had no part in it.
 * Where it works as a trigger, whoever of the class shows it as plainly as they do is named, refused or not.
 */
import type { Json } from '../../../src-shared/json.ts';
import { flipsAsTrigger, type TriggerEvidence } from '../../../src-shared/domain/result.ts';
import { estimateTriggers, type Estimate } from '../evidence/estimate-trigger.ts';
import { residuesAmong } from '../evidence/look-alikes.ts';
import { greyAround, pictureOf, triggerImage } from '../evidence/picture.ts';
import { meanRow, residues } from '../evidence/residue.ts';
import { controlsFor } from '../evidence/control.ts';
import { marginOf, testImages, triggerTester, type TriggerTest, type TriggerTester } from '../evidence/test-trigger.ts';
import type { Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import { sweep } from './features.ts';
import type { PipelineContext } from './context.ts';
import { sizesOf } from './memory.ts';
import { carriersOf, pixelsOf } from './pattern-carriers.ts';
import { vector } from './steps.ts';
import { packTrigger, unpackTrigger } from './trigger-tensors.ts';

/** Suspects used, fewest that are worth it, credible samples compared with, residues shown. */
const mostSuspects = 200;
const fewestSuspects = 8;
const mostCredible = 1500;
const residuesShown = 12;
/** Suspects that say how plainly the trigger is shown, and images without it that say how plainly chance shows it, at most. */
const [mostAsked, mostWithout] = [40, 400];
/** Random patterns beside each estimate. */
const controls = 5;

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
 * @param suspects ranked, most suspicious first @param credible samples the sanitized model was grown from, and the guard
 * @param wide width of the representation
 */
export async function runTriggers(
  context: PipelineContext,
  models: { readonly undefended: Graph; readonly sanitized: Graph },
  suspects: Int32Array,
  credible: Int32Array,
  wide: number,
  input: string,
): Promise<TriggerStage> {
  const step = await context.journal.step(
    { name: 'evidence/triggers', params: { seed: context.seed, by: ['view', 'look'], rule: 2 }, inputs: [input] },
    async () => {
      const found = await findTrigger(context, models, suspects, credible, wide);
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

interface Tried extends Estimate {
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
  models: { readonly undefended: Graph; readonly sanitized: Graph },
  suspects: Int32Array,
  credible: Int32Array,
  wide: number,
): Promise<Found> {
  const { samples, provider, signal } = context;
  const { evaluationBatch, keptValues } = sizesOf(context);
  const target = commonestLabel(suspects, samples.labels, samples.classes.length);
  // Large images are compared in smaller numbers: suspects are held with two backgrounds and residues, the others twice.
  const images = keptValues / (samples.shape[0] * samples.shape[1] * samples.shape[2]);
  const chosen = suspects
    .filter((i) => samples.labels[i] === target)
    .slice(0, Math.min(mostSuspects, Math.floor(images / 12)));
  // Every other credible sample is compared with; flips are counted on the rest, so that no image is used for both.
  const compared = spread(
    credible.filter((_, at) => at % 2 === 0),
    Math.min(mostCredible, Math.floor(images / 4)),
  );
  const unseen = credible.filter((i, at) => at % 2 === 1 && samples.labels[i] !== target);
  const others = compared.filter((i) => samples.labels[i] !== target);
  if (chosen.length < fewestSuspects || compared.length < 2 || others.length === 0 || unseen.length === 0)
    return nothing;
  const bad = await look(context, models.sanitized, chosen, wide);
  const good = await look(context, models.sanitized, compared, wide);
  const found = residues(bad, good, chosen.length, compared.length);
  // A second opinion on what is usual: images of other classes that look alike. No model is asked, so none can be led.
  // Of what comes of it the patch alone: an overlay would be what the class itself is like, and that flips images too.
  const otherPixels = pixelsOf(context, others);
  const residuesOf = residuesAmong(otherPixels, others.length, samples.shape);
  const estimates = [
    ...estimateTriggers(bad.pixels, good.pixels, found, chosen.length, samples.shape),
    ...estimateTriggers(
      bad.pixels,
      otherPixels,
      residuesOf(bad.pixels, chosen.length),
      chosen.length,
      samples.shape,
    ).filter(({ trigger }) => trigger.form === 'patch'),
  ];
  const options = { batch: evaluationBatch, signal };
  const tried = testImages(unseen, samples.labels, samples.classes.length);
  const tester = await triggerTester(provider, models, samples, tried, target, options);
  const random = (trigger: Trigger): Trigger[] => controlsFor(trigger, good.pixels, context.seed, controls);
  const { trigger, carriers, test, flippedControl, works } = await tryOut(tester, estimates, random);
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
        picture: pictureOf(triggerImage(trigger), samples.shape),
      },
    },
  };
}

/**
 * The estimate that works as a trigger, else that which the undefended model follows most more than the sanitized one,
 * and what its controls flip. The tester is disposed of. @param estimates at least one
 */
async function tryOut(
  tester: TriggerTester,
  estimates: readonly Estimate[],
  controlsOf: (trigger: Trigger) => readonly Trigger[],
): Promise<Tried> {
  try {
    const tried = [];
    for (const estimate of estimates) tried.push({ ...estimate, test: await tester.test(estimate.trigger) });
    tried.sort((a, b) => marginOf(b.test) - marginOf(a.test));
    let first: Tried | null = null;
    for (const one of tried) {
      const flippedControl = await tester.strongest(controlsOf(one.trigger), one.test.from);
      const found = { ...one, flippedControl, works: flipsAsTrigger({ ...one.test, flippedControl }) };
      if (found.works) return found;
      first ??= found;
    }
    if (first === null) throw new Error('There is no estimate to try.');
    return first;
  } finally {
    await tester.dispose();
  }
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
