/**
 * A look at both inputs before anything is started, in the engine process: a few pictures are decoded, the encoder's
 * graph is understood, and its speed on this machine is measured for a moment. What cannot be read says why; the other
 * input is looked at all the same.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Preview } from '../../src-shared/contract.ts';
import { opinionExtents } from '../../src-shared/domain/opinion.ts';
import { modes, type Preset } from '../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError, serializeFailure } from '../../src-shared/failure.ts';
import type { Encoder } from '../engine/encoder/encoder.ts';
import { understandEncoder } from '../engine/encoder/understand.ts';
import type { JobContext } from '../engine/jobs/server.ts';
import { parameterValues } from '../engine/tcore/parameters.ts';
import type { Dataset } from '../formats/datasets/dataset.ts';
import { openDataset } from '../formats/datasets/open.ts';
import { openEncoder, optionsWith } from '../formats/encoders/open.ts';
import { fitImage } from '../formats/images/fit.ts';
import { parseLimits, withLimits } from '../formats/limits.ts';
import { parametersOf } from './chosen-parameters.ts';
import type { EngineProtocol, PreviewRequest } from './engine-protocol.ts';
import { measureForward } from './measure.ts';
import { planAudit } from './plan.ts';
import { openProvider } from './providers.ts';
import { encodePicture } from './picture.ts';

const pictures = 24;
const pictureSize = 112;
/** Height and width an encoder of any size is understood at while there is no image to take them from. */
const anySize = [224, 224] as const;
const presets: readonly Preset[] = ['quick', 'standard', 'thorough'];

type EncoderPart = NonNullable<Preview['encoder']>;
type DatasetPart = NonNullable<Preview['dataset']>;
type Picture = Extract<DatasetPart, { state: 'read' }>['pictures'][number];

/** Pictures of the dataset as the encoder would be given them. */
interface Decoded {
  readonly part: DatasetPart;
  /** uint8 planes of each picture that could be read. */
  readonly planes: readonly Uint8Array[];
}

/** @throws CancelledError; ExpectedError usage (a limit or parameter); everything else is told in the part it belongs to */
export async function previewJob(
  request: PreviewRequest,
  { signal }: Pick<JobContext<EngineProtocol>, 'signal'>,
): Promise<Preview> {
  const limits = parseLimits(request.limits);
  for (const preset of presets) parametersOf({ preset, overrides: request.overrides });
  const scratch = mkdtempSync(join(tmpdir(), 'coresift-preview-'));
  let dataset: Dataset | null = null;
  let datasetFailure: unknown = null;
  try {
    if (request.dataset !== null) {
      try {
        dataset = await openDataset(request.dataset, { classesFile: request.classes ?? undefined, scratch, limits });
      } catch (error) {
        datasetFailure = error;
      }
    }
    if (signal.aborted) throw new CancelledError();
    const read = request.encoder === null ? null : await readEncoder(request.encoder, request, dataset);
    const decoded = dataset === null ? null : await look(dataset, read?.encoder ?? null, signal);
    return {
      encoder: read?.part ?? null,
      dataset: decoded?.part ?? (datasetFailure === null ? null : failed(datasetFailure)),
      plans:
        read?.encoder && dataset !== null && decoded !== null
          ? await plans(request, read.encoder, read.weights, dataset, decoded.planes)
          : null,
    };
  } finally {
    await dataset?.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function failed(error: unknown): { readonly state: 'failed'; readonly failure: ReturnType<typeof serializeFailure> } {
  const failure = serializeFailure(error);
  if (failure.kind !== 'expected') throw error;
  return { state: 'failed', failure };
}

async function readEncoder(
  path: string,
  request: PreviewRequest,
  dataset: Dataset | null,
): Promise<{ readonly part: EncoderPart; readonly encoder: Encoder | null; readonly weights: number }> {
  try {
    const { arch, inputSize: size } = request;
    const limits = withLimits(parseLimits(request.limits));
    const model = await openEncoder(path, { ...optionsWith(limits), arch, inputSize: size });
    const image = model.graph.inputs.find((input) => input.shape.length === 4);
    const open = image?.shape.slice(2).some((dim) => typeof dim !== 'number') === true;
    const { representation } = request;
    const { mean, std } = request.mean === null && model.normalisation !== null ? model.normalisation : request;
    const inputSize = size ?? (open ? await sizeOf(dataset) : null);
    const encoder = understandEncoder(model.graph, { inputSize, mean, std, representation });
    let weights = 0;
    for (const tensor of model.graph.initializers.values()) if (tensor.dtype !== 'int64') weights += tensor.data.length;
    const part: EncoderPart = {
      state: 'read',
      file: model.file.name,
      bytes: model.bytes,
      sha256: model.sha256,
      format: model.format,
      architecture: model.architecture?.name ?? null,
      opset: model.opset,
      producer: model.producer,
      family: encoder.family,
      parameters: weights,
      input: encoder.input,
      representation: encoder.representation,
      taps: encoder.taps.map((tap) => tap.label),
      layers: encoder.layers.map(({ label, channels }) => ({ label, channels })),
      normalisation: model.normalisation,
      notes: [...model.notes, ...model.findings.map(({ title, where }) => `${title} (${where})`)],
    };
    return { part, encoder, weights };
  } catch (error) {
    return { part: failed(error), encoder: null, weights: 0 };
  }
}

async function sizeOf(dataset: Dataset | null): Promise<readonly [number, number]> {
  if (dataset === null) return anySize;
  for (const index of spread(dataset.count)) {
    try {
      const { height, width } = await dataset.load(index);
      return [height, width];
    } catch (error) {
      requireUnreadable(error);
    }
  }
  return anySize;
}

function requireUnreadable(error: unknown): asserts error is ExpectedError {
  if (!(error instanceof ExpectedError) || error.code !== 'image-unreadable') throw error;
}

function spread(count: number): number[] {
  const wanted = Math.min(count, pictures);
  return Array.from({ length: wanted }, (_, i) => Math.floor((i * count) / wanted));
}

async function look(dataset: Dataset, encoder: Encoder | null, signal: AbortSignal): Promise<Decoded> {
  const shown: Picture[] = [];
  const planes: Uint8Array[] = [];
  try {
    for (const index of spread(dataset.count)) {
      if (signal.aborted) throw new CancelledError();
      const facts = { index, name: dataset.name(index), label: dataset.label(index) };
      try {
        const image = await dataset.load(index);
        const channels = (encoder?.input.channels ?? image.channels) === 1 ? 1 : 3;
        const height = encoder?.input.height ?? image.height;
        const width = encoder?.input.width ?? image.width;
        const fitted = fitImage(image, { channels, height, width });
        const picture = encodePicture(fitted, [channels, height, width], pictureSize);
        shown.push({ ...facts, width: image.width, height: image.height, picture, reason: '' });
        planes.push(fitted);
      } catch (error) {
        requireUnreadable(error);
        shown.push({ ...facts, width: 0, height: 0, picture: null, reason: error.detail });
      }
    }
  } catch (error) {
    return { part: failed(error), planes: [] };
  }
  const counts = new Array<number>(dataset.classes.length).fill(0);
  for (let i = 0; i < dataset.count; i++) counts[dataset.label(i)]++;
  const part: DatasetPart = {
    state: 'read',
    format: dataset.format,
    samples: dataset.count,
    classes: dataset.classes.map((name, c) => ({ name, count: counts[c] })),
    skipped: dataset.skipped.count,
    notes: dataset.notes,
    pictures: shown,
    measured: { ...moments(planes, encoder?.input.channels ?? 3), of: planes.length },
  };
  return { part, planes };
}

/** Mean and standard deviation per channel of planes `[channels, …]`, values 0..1. */
function moments(planes: readonly Uint8Array[], channels: number): { mean: number[]; std: number[] } {
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < channels; c++) {
    let n = 0;
    let sum = 0;
    let squares = 0;
    for (const image of planes) {
      const plane = image.length / channels;
      for (let i = c * plane; i < (c + 1) * plane; i++) {
        const value = image[i] / 255;
        n += 1;
        sum += value;
        squares += value * value;
      }
    }
    mean.push(n === 0 ? NaN : sum / n);
    std.push(n === 0 ? NaN : Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2)));
  }
  return { mean, std };
}

/** @returns null where nothing can be measured: no picture could be read, or the device is not there */
async function plans(
  request: PreviewRequest,
  encoder: Encoder,
  weights: number,
  dataset: Dataset,
  planes: readonly Uint8Array[],
): Promise<Preview['plans']> {
  if (planes.length === 0) return null;
  const { channels, height, width } = encoder.input;
  const size = channels * height * width;
  const provider = await openProvider(request.device, request.threads);
  try {
    const forwardRate = await measureForward(provider, encoder, {
      count: planes.length,
      shape: [channels, height, width],
      labels: new Int32Array(planes.length),
      classes: dataset.classes,
      read: (indices, out) => {
        for (let i = 0; i < indices.length; i++) {
          const image = planes[indices[i]];
          for (let at = 0; at < size; at++) out[i * size + at] = image[at] / 255;
        }
      },
    });
    const choices = modes.flatMap((mode) =>
      presets.flatMap((preset) => [null, ...opinionExtents].map((opinions) => ({ mode, preset, opinions }))),
    );
    return choices.map(({ mode, preset, opinions }) => {
      const overrides = { ...request.overrides, ...(opinions === null ? {} : { 'opinions.extent': opinions }) };
      const { seconds, peakBytes, stages } = planAudit({
        mode,
        parameters: parameterValues(parametersOf({ preset, overrides })),
        samples: dataset.count,
        classes: dataset.classes.length,
        pixels: size,
        weights,
        forwardRate,
      });
      return { mode, preset, opinions, seconds, peakBytes, stages };
    });
  } finally {
    await provider.dispose();
  }
}
