/** Patterns that a grown model follows: what a group of one class shares, that turns images of other classes into it. */
import type { Encoder } from '../encoder/encoder.ts';
import { leastPlainness, plainness } from '../evidence/carriers.ts';
import { estimateTriggers } from '../evidence/estimate-trigger.ts';
import { groupsOf } from '../evidence/groups.ts';
import { residuesAmong } from '../evidence/look-alikes.ts';
import { triggeredSource, type Trigger } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import type { CompiledGraph } from '../providers/provider.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { argmax } from './epochs.ts';
import type { Evaluation } from './evaluate.ts';
import { sweep } from './features.ts';
import { sizesOf } from './memory.ts';

/** Samples of a class that are grouped, of a group that are compared, and that are looked at for carriers at once, at most. */
const mostOfClass = 600;
const mostOfGroup = 40;
const atOnce = 40;
/** Images that a group is compared with, and that its pattern is laid over, at most; fewer where they are large or classes many. */
const [mostCompared, fewestCompared] = [600, 50];
const [mostTests, fewestTests] = [100, 32];
const testsInAll = 12_000;
/** A patch that covers more of the image is content. */
const largestPatch = 0.2;
/**
 * Share of the images that a pattern must turn into its class to be one that a model follows. Natural features turned up
 * to 0.40 in the runs that were tried, learnt triggers 0.59 and more (docs/efficacy.md).
 */
const followed = 0.5;
/** Fewest samples of a class that a net can learn it from. */
export const fewestTaught = 8;

/** A pattern that a model follows, before it is known why. */
export interface Followed {
  readonly classIndex: number;
  /** The group and whoever else of the class carries the pattern, ascending. */
  readonly sharing: Int32Array;
  /** What a net must not see that shall know nothing of the pattern, and the number of that net. */
  readonly hidden: Int32Array;
  readonly net: number;
  /** Samples of the class that such a net may learn it from: taught, and of a known group. */
  readonly left: Int32Array;
  readonly trigger: Trigger;
  /** Images that it was laid over, none of them of the class, and the share that the model then calls the class. */
  readonly tests: Int32Array;
  readonly share: number;
}

/**
 * @param model evaluation graph with a tensor `representation` @param believed samples that were taught and are called
 *   by their label
 */
export async function followedPatterns(
  context: PipelineContext,
  encoder: Encoder,
  model: Graph,
  { predicted }: Evaluation,
  believed: Int32Array,
): Promise<Followed[]> {
  const { samples, provider } = context;
  const { labels, classes } = samples;
  const dim = encoder.representation.dim;
  const representation = { name: 'representation', dtype: 'float32', shape: ['N', dim] } as const;
  const graph: Graph = { ...model, outputs: [...model.outputs, representation] };
  const progress = progressOf(context, 'evidence', 'classes');
  const found: Followed[] = [];
  const compiled = await provider.compile(graph, { dims: { N: sizesOf(context).evaluationBatch } });
  try {
    for (const classIndex of classes.keys()) {
      progress(classIndex, classes.length);
      const known = Int32Array.from(
        [...labels.keys()].filter((i) => labels[i] === classIndex && predicted[i] === classIndex),
      );
      const own = spread(known, mostOfClass);
      found.push(...(await followedOfClass(context, compiled, dim, own, believed, classIndex)));
    }
    progress(classes.length, classes.length);
    return found;
  } finally {
    await compiled.dispose();
  }
}

async function followedOfClass(
  context: PipelineContext,
  compiled: CompiledGraph,
  dim: number,
  own: Int32Array,
  believed: Int32Array,
  classIndex: number,
): Promise<Followed[]> {
  const { samples, signal } = context;
  const rows = new Float32Array(own.length * dim);
  await sweep(compiled, {
    samples,
    indices: own,
    batch: sizesOf(context).evaluationBatch,
    signal,
    onBatch: (outputs, at) => rows.set(outputs.representation, at * dim),
  });
  const groups = groupsOf(rows, own.length, dim);
  const { compared, tests } = othersFor(context, believed, classIndex);
  if (groups.length === 0 || compared.length === 0 || tests.length < fewestTests) return [];
  const others = pixelsOf(context, compared);
  const residuesOf = residuesAmong(others, compared.length, samples.shape);
  const sample = (positions: readonly number[]): Int32Array => Int32Array.from(positions, (at) => own[at]);
  const open: (Candidate & { readonly group: Int32Array; readonly half: readonly number[]; readonly share: number })[] =
    [];
  for (const { members, half } of groups) {
    const group = sample(members);
    const some = spread(group, mostOfGroup);
    const pixels = pixelsOf(context, some);
    const residue = residuesOf(pixels, some.length);
    for (const { trigger } of estimateTriggers(pixels, others, residue, some.length, samples.shape)) {
      if (trigger.form === 'patch' && coverage(trigger.mask) > largestPatch) continue;
      const share = await turnedShare(context, compiled, trigger, tests, classIndex);
      if (share < followed) continue;
      open.push({ group, half, trigger, share, some });
    }
  }
  const carriers = carriersOf(context, open, residuesOf, tests, classIndex);
  const met = open.map((one, at) => ({ ...one, sharing: joined(one.group, carriers[at]) }));
  const taught = new Set(believed);
  const left = (hidden: Int32Array): Int32Array => {
    const without = new Set(hidden);
    return own.filter((i) => taught.has(i) && !without.has(i));
  };
  const halves = [...new Set(groups.map(({ half }) => half))];
  return met.map(({ group, half, trigger, share, sharing }, at) => {
    const inHalf = met.filter((one) => one.half === half).map((one) => one.sharing);
    // A half, or all that carry a pattern, can be nearly the whole class: then the net has to learn from more of it.
    const choices = [
      { hidden: joined(sample(half), ...inHalf), net: halves.indexOf(half) },
      { hidden: sample(half), net: halves.length + halves.indexOf(half) },
      { hidden: sharing, net: 2 * halves.length + 2 * at },
      { hidden: group, net: 2 * halves.length + 2 * at + 1 },
    ];
    const chosen = choices.find(({ hidden }) => left(hidden).length >= fewestTaught) ?? choices[choices.length - 1];
    return { ...chosen, classIndex, trigger, tests, share, sharing, left: left(chosen.hidden) };
  });
}

/** A pattern that a model follows, and some of the group it was found in. */
interface Candidate {
  readonly trigger: Trigger;
  readonly some: Int32Array;
}

/**
 * For each pattern all samples of the class that show it as plainly as the group it is of, ascending. A class is read
 * once for all of them: it may have any number of samples, and who looks like whom is the same for every pattern.
 */
function carriersOf(
  context: PipelineContext,
  patterns: readonly Candidate[],
  residuesOf: ReturnType<typeof residuesAmong>,
  without: Int32Array,
  classIndex: number,
): Int32Array[] {
  const { labels } = context.samples;
  const plain = (triggers: readonly Trigger[], indices: Int32Array): Float64Array[] => {
    const all = triggers.map(() => new Float64Array(indices.length));
    for (let at = 0; at < indices.length; at += atOnce) {
      context.signal.throwIfAborted();
      const n = Math.min(atOnce, indices.length - at);
      const pixels = pixelsOf(context, indices.subarray(at, at + n));
      const { residue } = residuesOf(pixels, n);
      for (const [which, trigger] of triggers.entries()) all[which].set(plainness(trigger, pixels, residue, n), at);
    }
    return all;
  };
  const bare = plain(
    patterns.map(({ trigger }) => trigger),
    without,
  );
  const told = patterns.flatMap(({ trigger, some }, at) => {
    const least = leastPlainness(plain([trigger], some)[0], bare[at]);
    return least === null ? [] : [{ at, trigger, least }];
  });
  const found = patterns.map(() => new Int32Array(0));
  if (told.length === 0) return found;
  const own = Int32Array.from([...labels.keys()].filter((i) => labels[i] === classIndex));
  const how = plain(
    told.map(({ trigger }) => trigger),
    own,
  );
  for (const [which, { at, least }] of told.entries()) found[at] = own.filter((_, one) => how[which][one] >= least);
  return found;
}

function joined(...lists: readonly Int32Array[]): Int32Array {
  return Int32Array.from(new Set(lists.flatMap((list) => [...list]))).sort();
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

function pixelsOf({ samples }: PipelineContext, indices: Int32Array): Float32Array {
  const pixels = new Float32Array(indices.length * samples.shape[0] * samples.shape[1] * samples.shape[2]);
  samples.read(indices, pixels);
  return pixels;
}

function coverage(mask: Float32Array): number {
  return mask.reduce((sum, value) => sum + value, 0) / mask.length;
}
