/**
 * Fits a run to a bound on the engine's memory ("memory.limit"): images per forward run, per training step, rows held for
 * the probe, the neighbours' reference and the teacher's answers. What a stage needs is estimated from the encoder's
 * shapes; the factors rest on a few runs (docs/performance.md). The host ends a run that takes more all the same.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { inferShapes } from '../graph/shapes.ts';
import { sizeOf } from '../graph/tensors.ts';
import type { MethodParameters } from './parameters.ts';

/** Node, ONNX Runtime and what the audit holds before any data, bytes. */
const base = 220e6;

/** @throws ExpectedError memory-too-small for a bound that no audit can keep, whatever it reads */
export function requireSomeMemory(limit: number): void {
  if (limit === 0 || limit >= base) return;
  const message = `The engine needs about ${megabytes(base)} MB before it reads anything, --memory allows ${megabytes(limit)} MB.`;
  throw new ExpectedError('memory-too-small', message);
}

/** How much is worked on at once. */
export interface WorkSizes {
  /** Images per forward run. */
  readonly evaluationBatch: number;
  /** Representations kept in memory for the probe's head; larger datasets train it on a stratified part. */
  readonly probeRows: number;
  /** Values (float32) of the teacher's representations kept between rounds. */
  readonly keptValues: number;
}

/** Without a bound. */
export const defaultSizes: WorkSizes = { evaluationBatch: 100, probeRows: 50_000, keptValues: 64e6 };

export function sizesOf(context: { readonly sizes?: WorkSizes }): WorkSizes {
  return context.sizes ?? defaultSizes;
}

export interface Fitted {
  readonly parameters: MethodParameters;
  readonly sizes: WorkSizes;
  /** What is smaller than it would be without a bound, in words. */
  readonly changes: readonly string[];
}

/** Weights, gradients, moments, packed copies, the graph's own bytes and the state while a step is committed. */
const copiesOfWeights = 10;
/** Peak of a forward run, in largest values of the graph; of a training step, in sums over all of them. */
const forwardValues = 10;
const trainingSums = 1.3;
/** Rows of a reference: as read, around their mean, and once more class by class. */
const copiesOfReference = 3;
/** Batch normalisation says little over fewer images than this. */
const leastTrained = 16;
const leastReference = 2000;
const leastEvaluated = 4;
const trainedBatches = ['train.batch', 'warmup.batch', 'distil.batch'] as const;

/** What the encoder and the dataset make a run need, bytes. */
interface Needs {
  readonly fixed: number;
  readonly forward: number;
  readonly training: number;
  /** Per row of the reference, and of the probe's representations. */
  readonly reference: number;
  readonly row: number;
}

function needsOf(encoder: Encoder, samples: number, parameters: MethodParameters): Needs {
  const { graph, input } = encoder;
  const shapes = inferShapes(graph, { N: 1 });
  const sizes = graph.nodes.flatMap(({ outputs }) => outputs.map((name) => sizeOf(shapes.get(name)?.dims ?? [0])));
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  const sum = sizes.reduce((total, size) => total + size, 0);
  const weights = [...graph.initializers.values()].reduce((total, { data }) => total + data.length, 0);
  const pixels = input.channels * input.height * input.width;
  // Scores, neighbours of the same label and a place in the plane per tap; losses, ranks and flags per sample.
  const perSample = encoder.taps.length * (16 + 4 * parameters['grow.company']) + 200;
  return {
    fixed: base + 4 * copiesOfWeights * weights + perSample * samples,
    forward: 4 * (forwardValues * largest + 2 * pixels),
    training: 4 * (trainingSums * sum + 2 * pixels),
    reference: 4 * copiesOfReference * encoder.taps.reduce((total, { channels }) => total + channels, 0),
    row: 4 * 2 * encoder.representation.dim,
  };
}

/**
 * Sizes and parameters with which the run is expected to stay below `memory.limit`; unchanged where there is no limit.
 * Batches are halved, down to 16 images of training, and the reference down to 2,000 samples.
 * @throws ExpectedError memory-too-small naming what is needed at least
 */
export function fitMemory(encoder: Encoder, samples: number, parameters: MethodParameters): Fitted {
  const needs = needsOf(encoder, samples, parameters);
  const limit = parameters['memory.limit'];
  const room = limit === 0 ? Infinity : limit - needs.fixed;
  const reference = Math.min(samples, parameters['sift.reference']);
  const rows = Math.min(samples, defaultSizes.probeRows);
  const trained = Math.max(...trainedBatches.map((name) => parameters[name]));
  const evaluationBatch = halved(defaultSizes.evaluationBatch, leastEvaluated, needs.forward, room / 2);
  const batch = halved(trained, Math.min(leastTrained, trained), needs.training, room);
  const held = halved(reference, Math.min(leastReference, reference), needs.reference, room / 2);
  const probeRows = halved(rows, Math.min(leastReference, rows), needs.row, room / 2);
  const peak = (evaluated: number, trainedAtOnce: number, referred: number, kept: number): number =>
    needs.fixed +
    Math.max(
      needs.training * trainedAtOnce,
      needs.forward * evaluated + Math.max(needs.reference * referred, needs.row * kept),
    );
  const bytes = peak(evaluationBatch, batch, held, probeRows);
  if (limit > 0 && bytes > limit) {
    throw new ExpectedError(
      'memory-too-small',
      `This encoder and ${samples} samples need about ${megabytes(bytes)} MB at least, --memory allows ${megabytes(limit)} MB.`,
    );
  }
  if (limit === 0) return { parameters, sizes: defaultSizes, changes: [] };
  const smaller: Record<string, number> = {};
  if (held < reference) smaller['sift.reference'] = held;
  for (const name of trainedBatches) if (parameters[name] > batch) smaller[name] = batch;
  // Four bytes a value, and no more than half of the room.
  const keptValues = Math.min(defaultSizes.keptValues, Math.floor(room / 8));
  const changed = (what: string, now: number, before: number): string[] =>
    now < before ? [`${what} ${now} instead of ${before}`] : [];
  return {
    parameters: { ...parameters, ...smaller },
    sizes: { evaluationBatch, probeRows, keptValues },
    changes: [
      ...changed('images per forward run', evaluationBatch, defaultSizes.evaluationBatch),
      ...changed('samples of the probe', probeRows, rows),
      ...Object.entries(smaller).flatMap(([name, now]) =>
        changed(name, now, Number(parameters[name as keyof MethodParameters])),
      ),
    ],
  };
}

/** The largest of `most`, half of it, a quarter ... of which so many bytes each fit, or `least`. */
function halved(most: number, least: number, each: number, room: number): number {
  let size = most;
  while (size > least && size * each > room) size = Math.max(least, Math.ceil(size / 2));
  return size;
}

export function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1e6);
}
