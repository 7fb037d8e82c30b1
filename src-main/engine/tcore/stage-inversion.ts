/**
 * The alarm for a run that learnt the trigger. Where poison got into the first pool the student may learn what it shows;
 * then poison is what it believes, every score that rests on it is turned round, and nothing is refused. So nothing here
 * asks whom the sanitized model refuses. It asks whether there is a pattern that it follows and should not know:
 *
 * 1. The samples of every class are grouped as the sanitized model sees them (`groups.ts`).
 * 2. Each group is compared with images of other classes that look like it. What its samples have and those have not, as
 *    a patch or an overlay, is laid over images that had no part in it. A trigger turns them into the class.
 * 3. So do some features that really belong to a class (the legs of trousers). Where a pattern is followed, a net made
 *    anew is trained without the half of the class that the group lies in. It knows the class from the other half, so it
 *    follows a natural feature too, or accepts the group; of a trigger it knows nothing.
 *
 * What is no steady patch or overlay, or works on few classes only, passes unseen; so does poison in both halves of its
 * class, and a class of which fewer than 16 samples are called by their label, and everything where the
 * net did not even learn the rest of the class, or fewer than 32 images are left to lay a pattern over.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { LearntPattern } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { estimateTriggers } from '../evidence/estimate-trigger.ts';
import { groupsOf } from '../evidence/groups.ts';
import { unexplained } from '../evidence/learnt.ts';
import { residuesAmong } from '../evidence/look-alikes.ts';
import { triggeredSource, type Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import type { CompiledGraph } from '../providers/provider.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { argmax } from './epochs.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { sweep } from './features.ts';
import { trainFreshNet } from './fresh-net.ts';
import { sizesOf } from './memory.ts';
import { count, select, vector } from './steps.ts';

/** Samples of a class that are grouped, and of a group that are compared, at most. */
const mostOfClass = 600;
const mostOfGroup = 40;
/** Images that a group is compared with, and that its pattern is laid over, at most; fewer where they are large or classes many. */
const [mostCompared, fewestCompared] = [600, 50];
const [mostTests, fewestTests] = [100, 32];
const testsInAll = 12_000;
/** A patch that covers more of the image is content. */
const largestPatch = 0.2;
/** Share of the images that a pattern must turn into its class to be one that a model follows. */
const followed = 0.25;
/** Samples of a class, and of all classes, that such a net is taught, at most; fewest of the group's own class. */
const [mostTaught, mostTaughtInAll, fewestTaught] = [100, 6000, 8];
const netBatch = 16;

export interface InversionStage {
  /** Patterns that the sanitized model follows and should not know, at most one of a class. */
  readonly learnt: readonly LearntPattern[];
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

/** A pattern that the sanitized model follows, before it is known why. */
interface Followed {
  readonly classIndex: number;
  readonly group: Int32Array;
  /** The half of the class that the group lies in, and which one, 0 or 1. */
  readonly half: Int32Array;
  readonly side: number;
  readonly trigger: Trigger;
  /** Images that it was laid over, none of them of the class, and the share that the sanitized model then calls the class. */
  readonly tests: Int32Array;
  readonly share: number;
}

/**
 * @param sanitized evaluation graph with a tensor `representation` @param evaluation what it makes of every sample
 * @param admittedRound -1 = the sample's label was never taught
 */
export async function runInversion(
  context: PipelineContext,
  encoder: Encoder,
  sanitized: Graph,
  evaluation: Evaluation,
  admittedRound: Int32Array,
  input: string,
): Promise<InversionStage> {
  const { labels } = context.samples;
  const params = { seed: context.seed, ...(select(context, 'inversion') as object) } as Json;
  const step = await context.journal.step({ name: 'evidence/inversion', params, inputs: [input] }, async () => {
    const believed = Int32Array.from(
      [...labels.keys()].filter((i) => admittedRound[i] >= 0 && evaluation.predicted[i] === labels[i]),
    );
    // A run that an older version began has no such parameter.
    const off = !(context.parameters['inversion.epochs'] > 0);
    const open = off ? [] : await followedPatterns(context, encoder, sanitized, evaluation, believed);
    const followed = await comparedWithout(context, encoder, open, believed);
    return {
      data: followed.map(({ samples: _, ...facts }) => facts) as unknown as Json,
      tensors: Object.fromEntries(followed.map(({ samples }, at) => [`samples/${at}`, vector(samples)])),
    };
  });
  const facts = step.data as unknown as readonly Omit<LearntPattern, 'samples'>[];
  const followed = facts.map((one, at) => ({ ...one, samples: step.tensors[`samples/${at}`].data as Int32Array }));
  return { learnt: unexplained(followed), digest: step.digest, resumed: step.resumed };
}

/** @param believed samples that were taught and are called by their label */
async function followedPatterns(
  context: PipelineContext,
  encoder: Encoder,
  sanitized: Graph,
  { predicted }: Evaluation,
  believed: Int32Array,
): Promise<Followed[]> {
  const { samples, provider, signal } = context;
  const { labels, classes, shape } = samples;
  const batch = sizesOf(context).evaluationBatch;
  const dim = encoder.representation.dim;
  const representation = { name: 'representation', dtype: 'float32', shape: ['N', dim] } as const;
  const graph: Graph = { ...sanitized, outputs: [...sanitized.outputs, representation] };
  const progress = progressOf(context, 'evidence', 'classes');
  const found: Followed[] = [];
  const compiled = await provider.compile(graph, { dims: { N: batch } });
  try {
    for (const classIndex of classes.keys()) {
      progress(classIndex, classes.length);
      const own = spread(
        Int32Array.from([...labels.keys()].filter((i) => labels[i] === classIndex && predicted[i] === classIndex)),
        mostOfClass,
      );
      const rows = new Float32Array(own.length * dim);
      await sweep(compiled, {
        samples,
        indices: own,
        batch,
        signal,
        onBatch: (outputs, at) => rows.set(outputs.representation, at * dim),
      });
      const groups = groupsOf(rows, own.length, dim);
      const { compared, tests } = othersFor(context, believed, classIndex);
      if (groups.length === 0 || compared.length === 0 || tests.length < fewestTests) continue;
      const halves = [...new Set(groups.map(({ half }) => half))];
      const others = pixelsOf(context, compared);
      for (const { members, half } of groups) {
        const group = own.filter((_, at) => members.includes(at));
        const some = spread(group, mostOfGroup);
        const pixels = pixelsOf(context, some);
        const residue = residuesAmong(pixels, some.length, others, compared.length, shape);
        for (const { trigger } of estimateTriggers(pixels, others, residue, some.length, shape)) {
          if (trigger.form === 'patch' && coverage(trigger.mask) > largestPatch) continue;
          const share = await turnedShare(context, compiled, trigger, tests, classIndex);
          if (share < followed) continue;
          const side = halves.indexOf(half);
          found.push({
            classIndex,
            group,
            half: own.filter((_, at) => half.includes(at)),
            side,
            trigger,
            tests,
            share,
          });
        }
      }
    }
    progress(classes.length, classes.length);
    return found;
  } finally {
    await compiled.dispose();
  }
}

/** The same patterns, with what a net makes of them that was taught without the halves of their classes. */
async function comparedWithout(
  context: PipelineContext,
  encoder: Encoder,
  found: readonly Followed[],
  believed: Int32Array,
): Promise<LearntPattern[]> {
  const { samples, provider, signal, parameters } = context;
  const batch = sizesOf(context).evaluationBatch;
  const epochs = parameters['inversion.epochs'];
  const compared: LearntPattern[] = [];
  for (const side of [0, 1]) {
    const open = found.filter((one) => one.side === side);
    const indices = taughtWithout(context, open, believed);
    const isTaught = (c: number): boolean => count(indices, (i) => samples.labels[i] === c) >= fewestTaught;
    const judged = open.filter(({ classIndex }) => isTaught(classIndex));
    if (judged.length === 0) continue;
    const progress = progressOf(context, 'evidence', 'epochs');
    const net = await trainFreshNet(context, encoder, {
      indices,
      epochs,
      batch: netBatch,
      stream: `inversion/${side}`,
      onEpoch: (done) => progress(done, epochs),
    });
    const asked = [...new Set([...indices, ...judged.flatMap(({ group }) => [...group])])];
    const { predicted } = await evaluateClassifier(provider, net, samples, Int32Array.from(asked), { batch, signal });
    const accepted = new Set(asked.filter((i, at) => predicted[at] === samples.labels[i]));
    const acceptedShare = (list: Int32Array): number => count(list, (i) => accepted.has(i)) / list.length;
    const compiled = await provider.compile(net, { dims: { N: batch } });
    try {
      for (const { classIndex, group, trigger, tests, share } of judged) {
        compared.push({
          classIndex,
          form: trigger.form,
          samples: group,
          turned: share,
          n: tests.length,
          turnedWithout: await turnedShare(context, compiled, trigger, tests, classIndex),
          acceptedWithout: acceptedShare(group),
          knownWithout: acceptedShare(indices.filter((i) => samples.labels[i] === classIndex)),
        });
      }
    } finally {
      await compiled.dispose();
    }
  }
  return compared;
}

/** What a net is taught that must not see the halves of the patterns: an even part of the rest. */
function taughtWithout(context: PipelineContext, open: readonly Followed[], believed: Int32Array): Int32Array {
  const { labels, classes } = context.samples;
  const hidden = new Set(open.flatMap(({ half }) => [...half]));
  const rest = believed.filter((i) => !hidden.has(i));
  const each = Math.max(fewestTaught, Math.min(mostTaught, Math.floor(mostTaughtInAll / classes.length)));
  return Int32Array.from(
    [...classes.keys()].flatMap((c) => [
      ...spread(
        rest.filter((i) => labels[i] === c),
        each,
      ),
    ]),
  ).sort();
}

/** Images of other classes: those that groups are compared with, and those that patterns are laid over. */
function othersFor(
  context: PipelineContext,
  believed: Int32Array,
  classIndex: number,
): { readonly compared: Int32Array; readonly tests: Int32Array } {
  const { labels, classes, shape } = context.samples;
  const others = believed.filter((i) => labels[i] !== classIndex);
  const size = shape[0] * shape[1] * shape[2];
  const room = Math.floor(sizesOf(context).keptValues / 2 / size);
  // Halves and quarters of every class, a patch and an overlay of each.
  const affordable = Math.floor(testsInAll / (12 * classes.length));
  const half = (which: number): Int32Array => others.filter((_, at) => at % 2 === which);
  return {
    compared: spread(half(0), Math.max(fewestCompared, Math.min(mostCompared, room))),
    tests: spread(half(1), Math.max(fewestTests, Math.min(mostTests, affordable))),
  };
}

/** Share of the images that a model calls the class once the pattern is laid over them. */
async function turnedShare(
  context: PipelineContext,
  compiled: CompiledGraph,
  trigger: Trigger,
  tests: Int32Array,
  classIndex: number,
): Promise<number> {
  const { samples, signal } = context;
  let turned = 0;
  await sweep(compiled, {
    samples: triggeredSource(samples, trigger),
    indices: tests,
    batch: sizesOf(context).evaluationBatch,
    signal,
    onBatch: ({ logits }, _, rows) => {
      const classes = logits.length / rows;
      for (let i = 0; i < rows; i++) if (argmax(logits, i * classes, classes) === classIndex) turned++;
    },
  });
  return turned / tests.length;
}

function pixelsOf({ samples }: PipelineContext, indices: Int32Array): Float32Array {
  const pixels = new Float32Array(indices.length * samples.shape[0] * samples.shape[1] * samples.shape[2]);
  samples.read(indices, pixels);
  return pixels;
}

function coverage(mask: Float32Array): number {
  return mask.reduce((sum, value) => sum + value, 0) / mask.length;
}
