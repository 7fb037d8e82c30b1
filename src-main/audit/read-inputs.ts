/** Reads the untrusted encoder and dataset, in the engine process: digests, facts, decoded pixels. */
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { DatasetFacts } from '../../src-shared/domain/result.ts';
import type { AuditRequest, RunEvent } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Encoder } from '../engine/encoder/encoder.ts';
import { understandEncoder } from '../engine/encoder/understand.ts';
import type { Graph } from '../engine/graph/ir.ts';
import type { Gate } from '../engine/jobs/gate.ts';
import { progressOf, type EncoderOptions } from '../engine/tcore/context.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import { conflictsIn, originalsIn } from '../formats/datasets/duplicates.ts';
import { openDataset } from '../formats/datasets/open.ts';
import { columnsOf, headOf, removePixelFile, type PixelFile } from '../formats/datasets/pixel-file.ts';
import { cachedPixelFile } from '../formats/datasets/pixel-cache.ts';
import type { OpenedEncoder } from '../formats/encoders/encoder-file.ts';
import { openEncoder, optionsWith } from '../formats/encoders/open.ts';
import { parseLimits, withLimits, type LimitOverrides } from '../formats/limits.ts';
import { systemFailure } from '../formats/system.ts';
import type { Preflight } from './engine-protocol.ts';
import { digestFile } from './files.ts';

export interface Inputs {
  readonly graph: Graph;
  readonly encoder: Encoder;
  readonly encoderOptions: EncoderOptions;
  readonly encoderFacts: Preflight['encoder'];
  readonly dataset: Dataset;
  readonly pixels: PixelFile;
  /** Samples that repeat an earlier one pixel by pixel, ascending. */
  readonly duplicates: Int32Array;
  /** The first sample with the same pixels and label, `[samples]`. */
  readonly originals: Int32Array;
  /** Samples whose pixels stand under another label, too, ascending. */
  readonly conflicts: Int32Array;
  readonly datasetFacts: DatasetFacts;
  readonly notes: readonly string[];
  /**
   * Whether both inputs are still what was read.
   * @throws ExpectedError input-changed naming the input
   */
  requireUnchanged(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadContext {
  readonly emit: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** Where reading stands still while the run is paused; it never does where there is none. */
  readonly gate?: Gate;
}

/** @throws ExpectedError for everything that errors.md lists of encoders and datasets; CancelledError */
export async function readInputs(request: AuditRequest, cache: string, context: ReadContext): Promise<Inputs> {
  const { arch, inputSize } = request;
  const limits = parseLimits(request.limits);
  const model = await openEncoder(request.encoder, { ...optionsWith(withLimits(limits)), arch, inputSize });
  for (const { rule, title, where } of model.findings) {
    context.emit({ type: 'warning', code: rule, message: `${title} (${where}).`, subject: model.file.name });
  }
  makeFolder(cache);
  const dataset = await openDataset(request.dataset, {
    classesFile: request.classes ?? undefined,
    scratch: cache,
    limits,
    signal: context.signal,
  });
  try {
    const { options: encoderOptions, note } = await settleSize(request, model, dataset);
    const encoder = understandEncoder(model.graph, encoderOptions);
    const pixels = await decode(dataset, encoder, { folder: cache, limits }, context);
    const duplicates = repeated(pixels.samePixelsAs);
    const fingerprint = await dataset.fingerprint();
    return {
      graph: model.graph,
      encoder,
      encoderOptions,
      encoderFacts: {
        file: model.file.name,
        bytes: model.bytes,
        sha256: model.sha256,
        format: model.format,
        architecture: model.architecture,
        scan: model.findings,
        opset: model.opset,
        producer: model.producer,
        nodes: model.graph.nodes.length,
        parameters: weightsOf(model.graph),
        family: encoder.family,
        input: encoder.input,
        normalisation: normalisationOf(request, model),
        representation: encoder.representation,
        taps: encoder.taps.map(({ id, label, channels }) => ({ id, label, channels })),
        restoredNorms: encoder.restoredNorms.length,
      },
      dataset,
      pixels,
      duplicates,
      originals: originalsIn(pixels.samePixelsAs, pixels.labels),
      conflicts: conflictsIn(pixels.samePixelsAs, pixels.labels),
      datasetFacts: factsOf(request, pixels, duplicates),
      notes: [...model.notes, ...note, ...pixels.notes, ...limitNotes(request)],
      async requireUnchanged() {
        const changed = [
          (await isUnchanged(model)) ? null : `the encoder ${request.encoder}`,
          (await dataset.fingerprint()) === fingerprint ? null : `the dataset ${request.dataset}`,
        ].filter((input) => input !== null);
        if (changed.length > 0) {
          throw new ExpectedError('input-changed', `While it was audited, ${changed.join(' and ')} changed.`);
        }
      },
      async close() {
        pixels.close();
        await dataset.close();
      },
    };
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

function limitNotes({ limits }: AuditRequest): string[] {
  const set = Object.entries(limits).map(([name, value]) => `${name} = ${value}`);
  return set.length === 0 ? [] : [`limits set by hand: ${set.join(', ')}`];
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw systemFailure(error, path);
  }
}

async function isUnchanged({ folder, file, parts }: OpenedEncoder): Promise<boolean> {
  // A folder has no bytes of its own, only parts.
  for (const each of file.bytes === 0 ? parts : [file, ...parts]) {
    if ((await digestFile(join(folder, each.name))).sha256 !== each.sha256) return false;
  }
  return true;
}

/** An encoder that takes any size gets the one of the dataset's first image unless a person chose one. */
async function settleSize(
  request: AuditRequest,
  { graph, normalisation, architecture }: OpenedEncoder,
  dataset: Dataset,
): Promise<{ readonly options: EncoderOptions; readonly note: readonly string[] }> {
  const { inputSize, representation } = request;
  const { mean, std } = request.mean === null && normalisation !== null ? normalisation : request;
  const image = graph.inputs.find((input) => input.shape.length === 4);
  const open = image !== undefined && image.shape.slice(2).some((dim) => typeof dim !== 'number');
  if (inputSize === null && open) {
    const size = await firstImageSize(dataset);
    const note = `the images are ${size.join(' x ')} pixels, as the first of the dataset is: the encoder takes any size`;
    return { options: { inputSize: size, mean, std, representation }, note: [note] };
  }
  // Where weights were matched to an architecture its note says it.
  const from = inputSize === null ? "as the encoder's own graph has it" : 'as the analyst chose';
  const sides = inputSize ?? image?.shape.slice(2) ?? [];
  const note = architecture === null ? [`the images are ${sides.join(' x ')} pixels, ${from}`] : [];
  return { options: { inputSize, mean, std, representation }, note };
}

/** @throws ExpectedError no-readable-image when none of the first hundred can be read */
async function firstImageSize(dataset: Dataset): Promise<readonly [number, number]> {
  for (let index = 0; index < Math.min(100, dataset.count); index++) {
    try {
      const { height, width } = await dataset.load(index);
      return [height, width];
    } catch (error) {
      if (!(error instanceof ExpectedError) || error.code !== 'image-unreadable') throw error;
    }
  }
  throw new ExpectedError('no-readable-image', `The first ${Math.min(100, dataset.count)} images were tried.`);
}

async function decode(
  dataset: Dataset,
  encoder: Encoder,
  cache: { readonly folder: string; readonly limits: LimitOverrides },
  context: ReadContext,
): Promise<PixelFile> {
  const { channels, height, width } = encoder.input;
  if (channels !== 1 && channels !== 3) {
    throw new ExpectedError('unsupported-encoder', `It wants ${channels} channels; images have 1 or 3.`);
  }
  const { emit, signal, gate } = context;
  const progress = progressOf(
    { emit, ...(gate === undefined ? {} : { now: () => gate.now() }) },
    'preflight',
    'images',
  );
  const decoded = (): Promise<PixelFile> =>
    cachedPixelFile(dataset, {
      ...cache,
      channels,
      height,
      width,
      signal,
      rest: () => gate?.wait() ?? null,
      onOneThread: (reason) => {
        const message = `The images are decoded by one thread, others could not be started: ${reason}. It takes longer.`;
        emit({ type: 'warning', code: 'one-decoding-thread', message, subject: null, values: { reason } });
      },
      onProgress: ({ done, total }) => progress(done, total),
    });
  const pixels = await decoded();
  if (!pixels.reused) return pixels;
  const changed = await changedPart(pixels, dataset, signal);
  if (changed === null) return pixels;
  pixels.close();
  removePixelFile(pixels.file);
  const values = { file: basename(changed) };
  const message = `The decoded images kept from an earlier run were changed since (${values.file}); they were thrown away and made anew.`;
  emit({ type: 'warning', code: 'cache-changed', message, subject: changed, values });
  return await decoded();
}

/** A cache from an earlier start is only as good as its bytes. @returns the file that is not as it was written, or null */
async function changedPart(pixels: PixelFile, dataset: Dataset, signal: AbortSignal): Promise<string | null> {
  const { file, pixelsDigest, columnsDigest, classes } = pixels;
  if (classes.length !== dataset.classes.length || classes.some((name, i) => name !== dataset.classes[i]))
    return headOf(file);
  for (const [part, digest] of [
    [file, pixelsDigest],
    [columnsOf(file), columnsDigest],
  ]) {
    if ((await digestFile(part, signal)).sha256 !== digest) return part;
  }
  return null;
}

function repeated(first: Int32Array): Int32Array {
  return Int32Array.from(first.keys()).filter((i) => first[i] !== i);
}

function weightsOf(graph: Graph): number {
  let weights = 0;
  for (const tensor of graph.initializers.values()) {
    if (tensor.dtype === 'float32' || tensor.dtype === 'float64' || tensor.dtype === 'float16')
      weights += tensor.data.length;
  }
  return weights;
}

function normalisationOf(
  { mean, std }: AuditRequest,
  { normalisation }: OpenedEncoder,
): Preflight['encoder']['normalisation'] {
  if (mean !== null || std !== null) return { mean, std, source: 'given by the analyst' };
  return normalisation ?? { mean, std, source: "none beyond what the encoder's own graph contains" };
}

function factsOf(request: AuditRequest, pixels: PixelFile, duplicates: Int32Array): DatasetFacts {
  const counts = new Array<number>(pixels.classes.length).fill(0);
  for (const label of pixels.labels) counts[label]++;
  return {
    path: request.dataset,
    format: pixels.format,
    sha256: pixels.datasetDigest,
    samples: pixels.count,
    classes: pixels.classes.map((name, c) => ({ name, count: counts[c] })),
    unreadable: pixels.unreadable.listed,
    duplicates: duplicates.length,
    notes: [...pixels.notes, ...limitNotes(request)],
  };
}
