/**
 * The alarm for a run that learnt the trigger. Where poison got into the first pool the student may learn what it shows;
 * then poison is what it believes, every score that rests on it is turned round, and nothing is refused. So whom the
 * sanitized model refuses is not enough to go by. What is asked is whether there is a pattern that it follows and should
 * not know:
 *
 * 1. The samples of every class are grouped as the sanitized model sees them (`groups.ts`). Where it learnt a part of the
 *    poison only, it refuses the rest: of a class that is suspicious for that, the suspects are a group, too.
 * 2. Each group is compared with images of other classes that look like it. What its samples have and those have not, as
 *    a patch or an overlay, is laid over images that had no part in it. A trigger turns them into the class. Whoever
 *    else shows it as plainly carries it, too (`followed-patterns.ts`).
 * 3. So do some features that really belong to a class (the legs of trousers). Where a pattern is followed, a net made
 *    anew is trained without who carries it and without the half of the class that the group lies in, as far as that
 *    leaves enough of the class. It knows the class from the rest, so it follows a natural feature too, or accepts those
 *    that carry it; of a trigger it knows nothing. Where the model takes hardly any other sample for the class, the rest
 *    is what it refuses of it.
 *
 * What is no steady patch or overlay, or works on few classes only, passes unseen; so do poison all over its class that
 * nothing tells apart, a class of which fewer than 16 samples are called by their label, and everything where the net
 * did not even learn the rest of the class, or fewer than 32 images are left to lay a pattern over.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { LearntPattern } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { canJudge, unexplained } from '../evidence/learnt.ts';
import type { Trigger } from '../evidence/trigger.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import type { StepResult } from '../journal.ts';
import { spread } from '../math/spread.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { fewestTaught, followedPatterns, turnedShare, type Followed } from './followed-patterns.ts';
import { trainFreshNet } from './fresh-net.ts';
import { sizesOf } from './memory.ts';
import { count, select, vector } from './steps.ts';
import { packTrigger, unpackTrigger } from './trigger-tensors.ts';

/** Samples of a class, and of all classes, that such a net is taught, at most. */
const [mostTaught, mostTaughtInAll] = [100, 6000];
const netBatch = 16;

/** A learnt pattern with what a second start needs of it. */
export interface LearntGroup extends LearntPattern {
  /** What was hidden from a net made anew: the samples that share it, and the half of the class that they lie in. */
  readonly hidden: Int32Array;
  /** The other taught samples of the class that this net calls by their label. */
  readonly vouched: Int32Array;
  readonly trigger: Trigger;
  /** Images of other classes that the pattern was laid over. */
  readonly tests: Int32Array;
}

export interface InversionStage {
  /** Patterns that the sanitized model follows and should not know, at most one of a class. */
  readonly learnt: readonly LearntGroup[];
  /** Classes of patterns that it follows and of which nobody could tell whether it should: too little of the class is left, or known. */
  readonly undecided: readonly number[];
  readonly digest: string;
  /** Read back from the journal. */
  readonly resumed: boolean;
}

/**
 * @param models evaluation graphs, the sanitized one with a tensor `representation` @param evaluation what that makes of
 *   every sample @param refused suspects of each class that is suspicious for what is refused of it
 * @param admittedRound -1 = the sample's label was never taught
 */
export async function runInversion(
  context: PipelineContext,
  encoder: Encoder,
  models: { readonly undefended: Graph; readonly sanitized: Graph },
  evaluation: Evaluation,
  refused: ReadonlyMap<number, Int32Array>,
  admittedRound: Int32Array,
  input: string,
): Promise<InversionStage> {
  const { labels } = context.samples;
  const params = {
    seed: context.seed,
    groups: ['view', 'refused'],
    // A run that was begun by an older rule looks again.
    rule: 7,
    ...(select(context, 'inversion') as object),
  } as Json;
  const step = await context.journal.step({ name: 'evidence/learnt', params, inputs: [input] }, async () => {
    const believed = Int32Array.from(
      [...labels.keys()].filter((i) => admittedRound[i] >= 0 && evaluation.predicted[i] === labels[i]),
    );
    // A run that an older version began has no such parameter.
    const off = !(context.parameters['inversion.epochs'] > 0);
    const open = off ? [] : await followedPatterns(context, encoder, models, evaluation, believed, refused);
    const followed = await comparedWithout(context, encoder, open, believed);
    const alone = open.filter(({ left }) => left.length < fewestTaught).map(({ classIndex }) => classIndex);
    const { data, tensors } = pack(followed);
    return { data: { followed: data, alone }, tensors };
  });
  const { followed: facts, alone } = step.data as { readonly followed: Json; readonly alone: readonly number[] };
  const followed = unpack({ data: facts, tensors: step.tensors });
  const learnt = unexplained(followed);
  const told = new Set(learnt.map(({ classIndex }) => classIndex));
  const open = [...alone, ...followed.filter((one) => !canJudge(one)).map(({ classIndex }) => classIndex)];
  const undecided = [...new Set(open)].filter((c) => !told.has(c)).sort((a, b) => a - b);
  return { learnt, undecided, digest: step.digest, resumed: step.resumed };
}

/**
 * Whether a model that was grown once more still follows what those before had learnt.
 * @param sanitized its evaluation graph @returns the patterns with the share that it turns
 */
export async function lookAgain(
  context: PipelineContext,
  sanitized: Graph,
  learnt: readonly LearntGroup[],
  input: string,
): Promise<{ readonly learnt: readonly LearntGroup[]; readonly digest: string }> {
  const step = await context.journal.step({ name: 'evidence/unlearnt', params: {}, inputs: [input] }, async () => {
    const shares: number[] = [];
    const compiled = await context.provider.compile(sanitized, { dims: { N: sizesOf(context).evaluationBatch } });
    try {
      for (const { trigger, tests, classIndex } of learnt) {
        shares.push(await turnedShare(context, compiled, trigger, tests, classIndex));
      }
    } finally {
      await compiled.dispose();
    }
    return { data: shares, tensors: {} };
  });
  const shares = step.data as readonly number[];
  return { learnt: learnt.map((one, at) => ({ ...one, turnedAgain: shares[at] })), digest: step.digest };
}

const lists = ['samples', 'hidden', 'vouched', 'tests'] as const;

function pack(followed: readonly LearntGroup[]): StepResult {
  const tensors: Record<string, Tensor> = {};
  const data = followed.map(({ samples, hidden, vouched, tests, trigger, ...facts }, at) => {
    const parts = { samples, hidden, vouched, tests };
    for (const name of lists) tensors[`${name}/${at}`] = vector(parts[name]);
    for (const [name, tensor] of Object.entries(packTrigger(trigger))) tensors[`trigger/${at}/${name}`] = tensor;
    return facts;
  });
  return { data: data as unknown as Json, tensors };
}

function unpack({ data, tensors }: StepResult): LearntGroup[] {
  return (data as unknown as readonly Omit<LearntGroup, (typeof lists)[number] | 'trigger'>[]).map((facts, at) => {
    const [samples, hidden, vouched, tests] = lists.map((name) => tensors[`${name}/${at}`].data as Int32Array);
    const trigger = unpackTrigger(tensors, `trigger/${at}/`);
    if (trigger === null) throw new Error(`Pattern ${at} has no trigger.`);
    return { ...facts, samples, hidden, vouched, tests, trigger };
  });
}

/** The same patterns, with what a net makes of them that was taught without what is hidden for their sake. */
async function comparedWithout(
  context: PipelineContext,
  encoder: Encoder,
  found: readonly Followed[],
  believed: Int32Array,
): Promise<LearntGroup[]> {
  const { samples, provider, signal, parameters } = context;
  const batch = sizesOf(context).evaluationBatch;
  const epochs = parameters['inversion.epochs'];
  const compared: LearntGroup[] = [];
  for (const number of [...new Set(found.map(({ net }) => net))].sort((a, b) => a - b)) {
    const open = found.filter((one) => one.net === number && one.left.length >= fewestTaught);
    if (open.length === 0) continue;
    const indices = taughtWithout(context, open, believed);
    const progress = progressOf(context, 'evidence', 'epochs');
    const net = await trainFreshNet(context, encoder, {
      indices,
      epochs,
      batch: netBatch,
      stream: `inversion/${number}`,
      onEpoch: (done) => progress(done, epochs),
    });
    const looked = [indices, ...open.map(({ sharing }) => sharing), ...open.map(({ rest }) => rest)];
    const asked = [...new Set(looked.flatMap((list) => [...list]))];
    const { predicted } = await evaluateClassifier(provider, net, samples, Int32Array.from(asked), { batch, signal });
    const accepted = new Set(asked.filter((i, at) => predicted[at] === samples.labels[i]));
    const acceptedShare = (list: Int32Array): number => count(list, (i) => accepted.has(i)) / list.length;
    const compiled = await provider.compile(net, { dims: { N: batch } });
    try {
      for (const { classIndex, sharing, hidden, rest, trigger, tests, share } of open) {
        compared.push({
          classIndex,
          form: trigger.form,
          samples: sharing,
          hidden,
          vouched: rest.filter((i) => accepted.has(i)),
          trigger,
          tests,
          turned: share,
          n: tests.length,
          turnedWithout: await turnedShare(context, compiled, trigger, tests, classIndex),
          acceptedWithout: acceptedShare(sharing),
          knownWithout: acceptedShare(indices.filter((i) => samples.labels[i] === classIndex)),
          turnedAgain: null,
        });
      }
    } finally {
      await compiled.dispose();
    }
  }
  return compared;
}

/**
 * What a net is taught that must not see what is hidden: an even part of the rest. Of a class with something hidden only
 * samples whose group is known: of a large class the others were not looked at.
 */
function taughtWithout({ samples }: PipelineContext, open: readonly Followed[], believed: Int32Array): Int32Array {
  const { labels, classes } = samples;
  const each = Math.max(fewestTaught, Math.min(mostTaught, Math.floor(mostTaughtInAll / classes.length)));
  return Int32Array.from(
    [...classes.keys()].flatMap((c) => {
      const left = open.find(({ classIndex }) => classIndex === c)?.left;
      return [...spread(left ?? believed.filter((i) => labels[i] === c), each)];
    }),
  ).sort();
}
