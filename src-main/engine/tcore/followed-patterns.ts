/**
 * Patterns that a grown model follows: what a group of one class shares, that turns images of other classes into it.
 * Groups are those of what the model takes for the class, and what it refuses of a class that is suspicious for that:
 * a model that learnt a little poison still refuses the rest of it, and the rest shows what to look for.
 */
import { turnedByChance } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { estimateTriggers } from '../evidence/estimate-trigger.ts';
import { fewestInGroup, groupsOf } from '../evidence/groups.ts';
import { residuesAmong } from '../evidence/look-alikes.ts';
import { triggeredSource, type Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import type { CompiledGraph } from '../providers/provider.ts';
import { distinctLabels, progressOf, type PipelineContext } from './context.ts';
import { argmax } from './epochs.ts';
import type { Evaluation } from './evaluate.ts';
import { sweep } from './features.ts';
import { sizesOf } from './memory.ts';
import { carriersOf, pixelsOf } from './pattern-carriers.ts';
import { count } from './steps.ts';

/** Samples of a class that are grouped, and of a group that are compared, at most. */
const mostOfClass = 600;
const mostOfGroup = 40;
/** Images that a group is compared with, and that its pattern is laid over, at most; fewer where they are large or classes many. */
const [mostCompared, fewestCompared] = [600, 50];
const [mostTests, fewestTests] = [100, 32];
const testsInAll = 12_000;
/** A patch that covers more of the image is content of what the model takes for the class. Of what it refuses, a patch may be any. */
const largestPatch = 0.2;
/**
 * Share of the images that a pattern must turn into its class to be one that a model follows. Natural features turned up
 * to 0.40 in the runs that were tried, learnt triggers 0.59 and more (docs/efficacy.md).
 */
const followed = 0.5;
/**
 * The same of a pattern that refused samples share, where it is a trigger of the undefended model by `followed`: what was trained
 * without them turned at most 0.02 of the images by it, a model that learnt a few of them 0.09 and more; of five that
 * were taught 0.04 and one of three 0.04, so where so many of those that carry it were taught less is enough (docs/efficacy.md).
 */
const followedOfRefused = 0.05;
const [leastOfRefused, fewestCarriers] = [turnedByChance, 3];
/** Where the sanitized model follows it by so much, it need not be a trigger of the undefended one, which may know the images badly. */
const followedAnyway = 0.15;
/** Images that such a pattern is laid over, at most. */
const testsOfRefused = 400;
/** Fewest samples of a class that a net can learn it from. */
export const fewestTaught = 8;
/** Fewest of a group that make a patch. */
const fewestShowing = 8;

/** A pattern that a model follows, before it is known why. */
export interface Followed {
  readonly classIndex: number;
  /** The group and whoever else of the class carries the pattern, of refused samples those that carry it; ascending. */
  readonly sharing: Int32Array;
  /** What a net must not see that shall know nothing of the pattern, and the number of that net. */
  readonly hidden: Int32Array;
  readonly net: number;
  /** Samples of the class that such a net may learn it from. */
  readonly left: Int32Array;
  /** Samples of the class that this net may vouch for. */
  readonly rest: Int32Array;
  readonly trigger: Trigger;
  /** Images that it was laid over, none of them of the class, and the share that the model then calls the class. */
  readonly tests: Int32Array;
  readonly share: number;
}

/**
 * @param models evaluation graphs, the sanitized one with a tensor `representation` @param evaluation what that makes of
 *   every sample @param believed samples that were taught and are called by their label
 * @param refused of each class that is suspicious for what the model refuses of it, the suspects
 */
export async function followedPatterns(
  context: PipelineContext,
  encoder: Encoder,
  models: { readonly undefended: Graph; readonly sanitized: Graph },
  { predicted }: Evaluation,
  believed: Int32Array,
  refused: ReadonlyMap<number, Int32Array>,
): Promise<Followed[]> {
  const { samples, provider } = context;
  // Copies would crowd out whoever shares a pattern without being one.
  const distinct = distinctLabels(context);
  const { labels, classes } = samples;
  const dim = encoder.representation.dim;
  const representation = { name: 'representation', dtype: 'float32', shape: ['N', dim] } as const;
  const graph: Graph = { ...models.sanitized, outputs: [...models.sanitized.outputs, representation] };
  const progress = progressOf(context, 'evidence', 'classes');
  const found: Followed[] = [];
  const compile = (model: Graph): Promise<CompiledGraph> =>
    provider.compile(model, { dims: { N: sizesOf(context).evaluationBatch } });
  const sanitized = await compile(graph);
  let undefended: CompiledGraph | null = null;
  try {
    if (refused.size > 0) undefended = await compile(models.undefended);
    for (const classIndex of classes.keys()) {
      progress(classIndex, classes.length);
      const known = Int32Array.from(
        [...labels.keys()].filter((i) => distinct[i] === classIndex && predicted[i] === classIndex),
      );
      const own = spread(known, mostOfClass);
      const groups = await groupsOfClass(context, sanitized, dim, own);
      const others = refused.get(classIndex);
      if (others !== undefined && others.length >= fewestInGroup)
        groups.push({ group: others, half: others, by: 'refusal' });
      found.push(
        ...(await followedOfClass(context, { sanitized, undefended }, groups, {
          classIndex,
          own,
          believed,
          suspicious: others !== undefined,
        })),
      );
    }
    progress(classes.length, classes.length);
    return found;
  } finally {
    await sanitized.dispose();
    await undefended?.dispose();
  }
}

/** Samples of a class that may share a pattern. */
interface Group {
  readonly group: Int32Array;
  /** All that a net must not see which shall know nothing of the group; the same object for groups of one half. */
  readonly half: Int32Array;
  /** Whether the sanitized model sees them as one, or refuses them. */
  readonly by: 'view' | 'refusal';
}

/** @param own samples of the class that the model calls by their label */
async function groupsOfClass(
  context: PipelineContext,
  sanitized: CompiledGraph,
  dim: number,
  own: Int32Array,
): Promise<Group[]> {
  const rows = new Float32Array(own.length * dim);
  await sweep(sanitized, {
    samples: context.samples,
    indices: own,
    batch: sizesOf(context).evaluationBatch,
    signal: context.signal,
    onBatch: (outputs, at) => rows.set(outputs.representation, at * dim),
  });
  const halves = new Map<readonly number[], Int32Array>();
  return groupsOf(rows, own.length, dim).map(({ members, half }) => {
    const sample = (positions: readonly number[]): Int32Array => Int32Array.from(positions, (at) => own[at]);
    const whole = halves.get(half) ?? sample(half);
    halves.set(half, whole);
    return { group: sample(members), half: whole, by: 'view' };
  });
}

async function followedOfClass(
  context: PipelineContext,
  { sanitized, undefended }: { readonly sanitized: CompiledGraph; readonly undefended: CompiledGraph | null },
  groups: readonly Group[],
  {
    classIndex,
    own,
    believed,
    suspicious,
  }: {
    readonly classIndex: number;
    readonly own: Int32Array;
    readonly believed: Int32Array;
    /** Whether the class is, for what the model refuses of it. */
    readonly suspicious: boolean;
  },
): Promise<Followed[]> {
  const { shape } = context.samples;
  const labels = distinctLabels(context);
  const { compared, tests, moreTests } = othersFor(context, believed, classIndex);
  if (groups.length === 0 || compared.length === 0 || tests.length < fewestTests) return [];
  const others = pixelsOf(context, compared);
  const residuesOf = residuesAmong(others, compared.length, shape);
  const open: (Group & Pick<Followed, 'trigger' | 'tests' | 'share'> & { readonly some: Int32Array })[] = [];
  for (const one of groups) {
    const some = spread(one.group, mostOfGroup);
    const pixels = pixelsOf(context, some);
    const residue = residuesOf(pixels, some.length);
    const laidOver = one.by === 'view' ? tests : moreTests;
    for (const { trigger } of estimateTriggers(pixels, others, residue, some.length, shape, fewestShowing)) {
      if (one.by === 'view' && trigger.form === 'patch' && coverage(trigger.mask) > largestPatch) continue;
      const turned = (model: CompiledGraph): Promise<number> =>
        turnedShare(context, model, trigger, laidOver, classIndex);
      const share = await turned(sanitized);
      if (share < (one.by === 'view' ? followed : leastOfRefused)) continue;
      const tried = one.by === 'refusal' && share < followedAnyway ? undefended : null;
      if (tried !== null && (await turned(tried)) < followed) continue;
      open.push({ ...one, trigger, share, some, tests: laidOver });
    }
  }
  const carriers = await carriersOf(context, open, residuesOf, tests, classIndex);
  const taught = new Set(believed);
  const met = open.flatMap((one, at) => {
    const carrying = carriers[at];
    if (one.by === 'view') return { ...one, sharing: joined(one.group, carrying) };
    if (one.share < followedOfRefused && count(carrying, (i) => taught.has(i)) < fewestCarriers) return [];
    // Who is refused without showing the pattern is refused for something else.
    return { ...one, sharing: carrying.length > 0 ? carrying : one.group };
  });
  const left = (hidden: Int32Array): Int32Array => {
    const without = new Set(hidden);
    return own.filter((i) => taught.has(i) && !without.has(i));
  };
  const halves = [...new Set(groups.map(({ half }) => half))];
  const restOf = (hidden: Int32Array): Int32Array => {
    const without = new Set(hidden);
    return believed.filter((i) => labels[i] === classIndex && !without.has(i));
  };
  return met.map(({ group, half, sharing, trigger, tests: laidOver, share }, at) => {
    const facts = { classIndex, trigger, tests: laidOver, share, sharing };
    const inHalf = met.filter((one) => one.half === half).map((one) => one.sharing);
    // A half, or all that carry a pattern, can be nearly the whole class: then the net has to learn from more of it.
    const choices = [
      { hidden: joined(half, ...inHalf), net: halves.indexOf(half) },
      { hidden: half, net: halves.length + halves.indexOf(half) },
      { hidden: sharing, net: 2 * halves.length + 2 * at },
      { hidden: group, net: 2 * halves.length + 2 * at + 1 },
    ];
    const enough = choices.filter(({ hidden }) => left(hidden).length >= fewestTaught);
    if (enough.length === 0 || (suspicious && !enough.includes(choices[0]))) {
      // Nearly all that the model takes for the class may be poison, and what it does not take for it the class as it was.
      const all = joined(group, sharing);
      const bearing = new Set(all);
      const bare = Int32Array.from([...labels.keys()].filter((i) => labels[i] === classIndex && !bearing.has(i)));
      if (bare.length >= fewestTaught) return { ...facts, hidden: all, net: choices[2].net, left: bare, rest: bare };
    }
    const chosen = enough.at(0) ?? choices[choices.length - 1];
    return { ...facts, ...chosen, left: left(chosen.hidden), rest: restOf(chosen.hidden) };
  });
}

function joined(...lists: readonly Int32Array[]): Int32Array {
  return Int32Array.from(new Set(lists.flatMap((list) => [...list]))).sort();
}

/** Images of other classes: those that groups are compared with, and those that patterns are laid over. */
function othersFor(
  context: PipelineContext,
  believed: Int32Array,
  classIndex: number,
): { readonly compared: Int32Array; readonly tests: Int32Array; readonly moreTests: Int32Array } {
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
    moreTests: spread(half(1), testsOfRefused),
  };
}

/** Share of the images that a model calls the class once the pattern is laid over them. */
export async function turnedShare(
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

function coverage(mask: Float32Array): number {
  return mask.reduce((sum, value) => sum + value, 0) / mask.length;
}
