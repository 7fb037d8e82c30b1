/** Writes the sanitized model of a finished run in other formats, opens each file again and compares; in the engine process. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ExportFormat, ExportOutcome, WrittenExport } from '../../src-shared/domain/model-export.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Graph } from '../engine/graph/ir.ts';
import { readOnnx } from '../engine/graph/onnx/read.ts';
import { writeOnnx } from '../engine/graph/onnx/write.ts';
import { randomStream } from '../engine/math/random.ts';
import { loadOrt } from '../engine/providers/ort/load.ts';
import { openEncoder } from '../formats/encoders/open.ts';
import { saveSafetensors } from '../formats/models-out/safetensors.ts';
import { stateDictOf } from '../formats/models-out/state-dict.ts';
import { writeTfjs } from '../formats/models-out/tfjs.ts';
import { systemFailure } from '../formats/system.ts';
import { exportTolerance } from './export-model.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { digestBytes, writeWhole } from './files.ts';
import { version } from './version.ts';

export interface ExportJob {
  /** The run's sanitized.onnx, and the digest that the journal has of it. */
  readonly model: string;
  readonly sha256: string;
  readonly formats: readonly ExportFormat[];
  readonly out: string;
}

type Job = EngineProtocol['jobs']['export'];

const samples = 16;

/** @throws ExpectedError input-changed (the model is not what the journal says), export-differs, no-space, file-missing */
export async function exportJob(job: Job['request']): Promise<Job['result']> {
  const bytes = readModel(job);
  const { graph } = readOnnx(bytes);
  const written: WrittenExport[] = [];
  const refused: ExportOutcome['refused'][number][] = [];
  const reference = await answersOf(bytes, graph, pixelsFor(graph));
  for (const format of job.formats) {
    try {
      written.push(await writers[format]({ ...job, bytes, graph, reference }));
    } catch (error) {
      if (!(error instanceof ExpectedError) || error.code !== 'export-impossible') throw error;
      refused.push({ format, reason: error.detail });
    }
  }
  return { written, refused };
}

function readModel({ model, sha256 }: ExportJob): Uint8Array {
  try {
    const bytes = readFileSync(model);
    if (digestBytes(bytes) === sha256) return bytes;
  } catch (error) {
    throw systemFailure(error, model);
  }
  throw new ExpectedError('input-changed', `${model} is not the file that the journal has the digest of.`);
}

interface Context extends ExportJob {
  readonly bytes: Uint8Array;
  readonly graph: Graph;
  readonly reference: Float32Array;
}

const writers: Readonly<Record<ExportFormat, (context: Context) => Promise<WrittenExport>>> = {
  async onnx(context) {
    const path = 'sanitized.onnx';
    const file = join(context.out, path);
    const digest = writeWhole(file, context.bytes);
    const again = readFileSync(file);
    const answers = await answersOf(again, context.graph, pixelsFor(context.graph));
    return ran('onnx', [{ path, ...digest }], context, answers, []);
  },
  safetensors: (context) => {
    const path = 'sanitized.safetensors';
    const { initializers, metadata } = context.graph;
    const digest = saveSafetensors(join(context.out, path), initializers, metadata);
    return Promise.resolve(weightsOnly('safetensors', { path, ...digest }, initializers.size, []));
  },
  pytorch: (context) => {
    const { tensors, notes } = stateDictOf(context.graph);
    const path = 'sanitized-state-dict.safetensors';
    const digest = saveSafetensors(join(context.out, path), tensors, { format: 'pt', ...context.graph.metadata });
    return Promise.resolve(weightsOnly('pytorch', { path, ...digest }, tensors.size, notes));
  },
  async tfjs(context) {
    const folder = join(context.out, 'tfjs');
    const files = Object.entries(writeTfjs(context.graph, `coresift ${version}`));
    mkdirSync(folder, { recursive: true });
    const digests = files.map(([name, bytes]) => ({
      path: join('tfjs', name),
      ...writeWhole(join(folder, name), bytes),
    }));
    try {
      const again = await openEncoder(join(folder, 'model.json'));
      const [output] = again.graph.outputs;
      const named = { ...again.graph, outputs: [output] };
      const answers = await answersOf(writeOnnx(named), named, pixelsFor(context.graph));
      const notes = ['the model takes pixels as [N, height, width, channels] in 0..1'];
      return ran('tfjs', digests, context, answers, notes);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  },
};

function ran(
  format: ExportFormat,
  files: WrittenExport['files'],
  context: Context,
  answers: Float32Array,
  notes: readonly string[],
): WrittenExport {
  let maxAbsDifference = answers.length === context.reference.length ? 0 : NaN;
  let largest = 1;
  context.reference.forEach((value, at) => {
    // Math.max keeps a NaN once it has met one, so an answer that is no number is a difference.
    maxAbsDifference = Math.max(maxAbsDifference, Math.abs(value - answers[at]));
    largest = Math.max(largest, Math.abs(value));
  });
  if (!(maxAbsDifference <= exportTolerance * largest)) {
    for (const { path } of files) rmSync(join(context.out, path), { force: true });
    throw new ExpectedError(
      'export-differs',
      `${format}: largest difference ${maxAbsDifference}, where logits reach ${largest}.`,
    );
  }
  return { format, files, maxAbsDifference, compared: `logits of ${samples} images of noise`, notes };
}

/** `saveSafetensors` has opened the file and found every tensor bit for bit. */
function weightsOnly(
  format: ExportFormat,
  file: WrittenExport['files'][number],
  count: number,
  notes: readonly string[],
): WrittenExport {
  return { format, files: [file], maxAbsDifference: 0, compared: `${count} tensors, bit for bit`, notes };
}

/** Noise in 0..1, the same every time. */
function pixelsFor(graph: Graph): Float32Array {
  const size = graph.inputs[0].shape.slice(1).reduce<number>((product, dim) => product * Number(dim), 1);
  const random = randomStream(1, 'export-check');
  return Float32Array.from({ length: samples * size }, () => random.uniform());
}

/** Answers of the first output in plain onnxruntime. @throws ExpectedError export-differs when it does not open */
async function answersOf(model: Uint8Array, graph: Graph, pixels: Float32Array): Promise<Float32Array> {
  const [input] = graph.inputs;
  const { InferenceSession, Tensor: OrtTensor } = await loadOrt();
  try {
    const session = await InferenceSession.create(model, { executionProviders: ['cpu'], logSeverityLevel: 3 });
    try {
      const dims = [samples, ...input.shape.slice(1).map(Number)];
      const answer = await session.run({ [input.name]: new OrtTensor('float32', pixels, dims) });
      return answer[session.outputNames[0]].data as Float32Array;
    } finally {
      await session.release();
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ExpectedError('export-differs', `onnxruntime does not run it: ${message}`, { cause: error });
  }
}
