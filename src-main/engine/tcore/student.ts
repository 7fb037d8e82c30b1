/**
 * The student of distilled mode: the encoder's architecture made anew with a head, and one training step that fits labels
 * and the teacher's answers together. The teacher is the untrusted encoder in evaluation mode; it only ever sees
 * uncorrupted views, and none where its answers have no weight.
 */
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { freshEncoder } from '../encoder/fresh.ts';
import { attachHead } from '../encoder/surgery.ts';
import { graphBuilder } from '../graph/builder.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import { cosineSimilarity, crossEntropyOfTargets, mean } from '../graph/losses.ts';
import { withBatchStatistics } from '../graph/modes.ts';
import { inferShapes } from '../graph/shapes.ts';
import { filled } from '../graph/tensors.ts';
import { trainingStep, withInitializers, type TrainingStep } from '../graph/training.ts';
import { randomStream } from '../math/random.ts';
import type { CompiledGraph, Provider, StatePair } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { corrupt, makeViews, type CorruptionOptions, type ViewOptions } from './distil-views.ts';
import { scalar } from './epochs.ts';
import type { MethodParameters } from './parameters.ts';

/** Encoder and head before any training; input `pixels`, outputs `logits`. */
export interface FreshStudent {
  readonly classifier: Graph;
  readonly parameters: readonly string[];
}

/** @param hidden widths of the head's hidden layers */
export function freshStudent(
  encoder: Encoder,
  classes: number,
  hidden: readonly number[],
  seed: number,
  stream: string,
): FreshStudent {
  const head = attachHead(encoder, classes, { kind: 'mlp', hidden }, seed, `${stream}/head`);
  return {
    classifier: withInitializers(head.graph, freshEncoder(encoder, seed)),
    parameters: [...encoder.parameters, ...head.parameters],
  };
}

/** How a student sees images, from the parameters of distilled mode. */
export function studentViews(parameters: MethodParameters): Pick<DistilEpoch, 'view' | 'corruption'> {
  return {
    view: { crop: parameters['distil.crop'], flip: parameters['augment.flip'], jitter: parameters['distil.jitter'] },
    corruption: {
      rectangle: parameters['distil.rectangle'],
      overlay: parameters['distil.overlay'],
      waves: parameters['distil.waves'],
    },
  };
}

/** Learning rate of a net made anew. Transformers, without batch statistics, move at a quarter of it. */
export function freshRate({ family }: Pick<Encoder, 'family'>, parameters: MethodParameters): number {
  return parameters['distil.learningRate'] / (family === 'vit' ? 4 : 1);
}

export interface StudentOptions {
  readonly encoder: Encoder;
  readonly student: FreshStudent;
  readonly classes: number;
  readonly batch: number;
  /** Where the teacher is asked; the student's own provider when left out. */
  readonly teacher?: Provider;
}

export interface DistilEpoch {
  readonly samples: SampleSource;
  /** Samples to visit once; some of the first again where the last batch is short. */
  readonly indices: Int32Array;
  /** Label to teach, or -1 to teach none. */
  readonly labelOf: (sample: number) => number;
  /** Whether the teacher's answer is taught. */
  readonly distils: (sample: number) => boolean;
  /** Weight of the teacher's answers against the labels (lambda); 0 = the teacher is not asked. */
  readonly weight: number;
  readonly view: ViewOptions;
  readonly corruption: CorruptionOptions;
  readonly seed: number;
  readonly stream: string;
  readonly rate: (step: number, steps: number) => number;
  readonly signal: AbortSignal;
}

export interface Student {
  /** Mean loss over the epoch's batches, before each step. */
  epoch(options: DistilEpoch): Promise<number>;
  /** As trained; evaluation mode. */
  classifier(): Graph;
  state(): Record<string, Tensor>;
  load(state: Readonly<Record<string, Tensor>>): void;
  dispose(): Promise<void>;
}

/** Where student and teacher are compared position by position, and the sizes of that value. */
interface PositionTap {
  readonly tensor: string;
  /** Axis of the channels, and those of the positions once it is gone. */
  readonly axis: number;
  readonly positions: readonly number[];
  /** Sizes behind the batch. */
  readonly dims: readonly number[];
}

/** The last tap that still has positions; null where all are vectors. */
function positionTap(encoder: Encoder): PositionTap | null {
  const tap = encoder.taps.findLast(({ kind }) => kind !== 'vector');
  if (tap === undefined) return null;
  const dims = inferShapes(encoder.graph, { N: 2 }).get(tap.tensor)?.dims.slice(1);
  if (dims === undefined) throw new Error(`the encoder does not make "${tap.tensor}"`);
  return { tensor: tap.tensor, axis: tap.kind === 'map' ? 1 : 2, positions: tap.kind === 'map' ? [1, 2] : [1], dims };
}

export async function createStudent(provider: Provider, options: StudentOptions): Promise<Student> {
  const { encoder, student, classes, batch } = options;
  const tap = positionTap(encoder);
  const dims = { N: batch };
  const teacherGraph = teacherOf(encoder, tap);
  const teacher = await (options.teacher ?? provider).compile(teacherGraph, { dims });
  let compiled: CompiledGraph;
  let step: TrainingStep;
  try {
    step = studentStep(options, tap);
    compiled = await provider.compile(step.graph, { dims, state: step.state });
  } catch (error) {
    await teacher.dispose();
    throw error;
  }
  compiled.setState(step.initialState);
  return {
    epoch: (epoch) => distilEpoch(teacher, compiled, encoder, tap, batch, classes, epoch),
    classifier: () => withInitializers(student.classifier, step.readParameters(compiled.getState())),
    state: () => compiled.getState(),
    load: (state) => compiled.setState(state),
    async dispose() {
      await teacher.dispose();
      await compiled.dispose();
    },
  };
}

/** The untrusted encoder with its map of positions as a second output. */
function teacherOf(encoder: Encoder, tap: PositionTap | null): Graph {
  const outputs = encoder.graph.outputs.filter((output) => output.name === 'representation');
  if (tap === null) return { ...encoder.graph, outputs };
  return { ...encoder.graph, outputs: [...outputs, { name: tap.tensor, dtype: 'float32', shape: ['N', ...tap.dims] }] };
}

/**
 * Inputs: `pixels`, `target` [N,classes] (a row of zeros teaches no label), `teacher` [N,dim], `teacherMap` as the tap,
 * `distils` [N] in 0..1, `weight`, `learningRate`.
 */
function studentStep(options: StudentOptions, tap: PositionTap | null): TrainingStep {
  const { encoder, student, classes, batch } = options;
  const dims = { N: batch };
  const { graph, ...carried } = withBatchStatistics(student.classifier, { dims, updateRunning: true });
  const b = graphBuilder(graph);
  const target = b.input('target', 'float32', ['N', classes]);
  const distils = b.input('distils', 'float32', ['N']);
  const weight = b.input('weight', 'float32', []);
  const unlike = (cosine: string): string => b.sub(b.scalar(1), cosine);
  const teacher = b.input('teacher', 'float32', ['N', encoder.representation.dim]);
  let apart = unlike(cosineSimilarity(b, 'representation', teacher));
  if (tap !== null) {
    const map = b.input('teacherMap', 'float32', ['N', ...tap.dims]);
    const cosines = cosineSimilarity(b, tap.tensor, map, tap.axis);
    apart = b.add(apart, unlike(b.reduceMean(cosines, tap.positions)));
  }
  const labels = mean(b, crossEntropyOfTargets(b, 'logits', target));
  const answers = mean(b, b.mul(apart, distils));
  b.node('Identity', [b.add(labels, b.mul(weight, answers))], {}, 'loss');
  b.setOutputs([{ name: 'loss', dtype: 'float32', shape: [] }, ...carriedOutputs(b.build(), carried.state)]);
  const transformer = encoder.family === 'vit';
  return trainingStep({
    graph: b.build(),
    dims,
    loss: 'loss',
    parameters: student.parameters.map((name) => ({ name })),
    optimiser: { kind: 'adam', weightDecay: 0 },
    carried,
    // A transformer made anew has no batch statistics to keep its first steps in bounds.
    ...(transformer ? { clipNorm: 1 } : {}),
  });
}

/** Outputs that carry state; a step must go on giving them. */
function carriedOutputs(graph: Graph, state: readonly StatePair[]): Graph['outputs'] {
  const wanted = new Set(state.map(({ output }) => output));
  return graph.outputs.filter((output) => wanted.has(output.name));
}

/** What stands for the teacher's answers where they have no weight: zeros, without asking it. */
function silentTeacher(encoder: Encoder, tap: PositionTap | null, batch: number): Record<string, Tensor> {
  return {
    representation: filled('float32', [batch, encoder.representation.dim], 0),
    ...(tap === null ? {} : { [tap.tensor]: filled('float32', [batch, ...tap.dims], 0) }),
  };
}

async function distilEpoch(
  teacher: CompiledGraph,
  student: CompiledGraph,
  encoder: Encoder,
  tap: PositionTap | null,
  batch: number,
  classes: number,
  options: DistilEpoch,
): Promise<number> {
  const { samples, indices } = options;
  const [channels, height, width] = samples.shape;
  const dims = [batch, channels, height, width];
  const random = randomStream(options.seed, options.stream);
  const order = random.permutation(indices.length);
  const steps = Math.max(1, Math.ceil(indices.length / batch));
  const silent = silentTeacher(encoder, tap, batch);
  // A teacher that answers beside is asked about the next images while the student learns from these.
  const lead = options.weight > 0 && teacher.ahead !== undefined ? 1 : 0;
  const lessons = Array.from({ length: lead + 1 }, () => lessonFor(batch, channels * height * width, classes));
  const prepare = (at: number): Prepared => {
    const { view, pixels, target, distils, chosen } = lessons[at % lessons.length];
    for (let i = 0; i < batch; i++) chosen[i] = indices[order[(at * batch + i) % order.length]];
    samples.read(chosen, view);
    makeViews(view, batch, samples.shape, options.view, random);
    pixels.set(view);
    corrupt(pixels, view, batch, samples.shape, options.corruption, random);
    target.fill(0);
    for (let i = 0; i < batch; i++) {
      const label = options.labelOf(chosen[i]);
      if (label >= 0) target[i * classes + label] = 1;
      distils[i] = options.distils(chosen[i]) ? 1 : 0;
    }
    const asked = options.weight > 0 ? teacher.run({ pixels: { dtype: 'float32', dims, data: view } }) : null;
    // It may fail while the student learns, when nobody waits for it yet; whoever does is told.
    asked?.catch(() => undefined);
    return { pixels, target, distils, answers: asked ?? Promise.resolve(silent) };
  };
  const ready: Prepared[] = [];
  let sum = 0;
  try {
    for (let at = 0; at < steps; at++) {
      if (options.signal.aborted) throw new CancelledError();
      while (ready.length <= lead && at + ready.length < steps) ready.push(prepare(at + ready.length));
      const { pixels, target, distils, answers } = ready[0];
      const given = await answers;
      ready.shift();
      const { loss } = await student.run({
        pixels: { dtype: 'float32', dims, data: pixels },
        target: { dtype: 'float32', dims: [batch, classes], data: target },
        distils: { dtype: 'float32', dims: [batch], data: distils },
        weight: scalar(options.weight),
        teacher: given.representation,
        ...(tap === null ? {} : { teacherMap: given[tap.tensor] }),
        learningRate: scalar(options.rate(at, steps)),
      });
      sum += (loss.data as Float32Array)[0];
    }
  } finally {
    await Promise.allSettled(ready.map(({ answers }) => answers));
  }
  return sum / steps;
}

/** What one step is fed from. */
interface Lesson {
  readonly view: Float32Array;
  readonly pixels: Float32Array;
  readonly target: Float32Array;
  readonly distils: Float32Array;
  readonly chosen: Int32Array;
}

function lessonFor(batch: number, size: number, classes: number): Lesson {
  return {
    view: new Float32Array(batch * size),
    pixels: new Float32Array(batch * size),
    target: new Float32Array(batch * classes),
    distils: new Float32Array(batch),
    chosen: new Int32Array(batch),
  };
}

interface Prepared extends Pick<Lesson, 'pixels' | 'target' | 'distils'> {
  readonly answers: Promise<Readonly<Record<string, Tensor>>>;
}
