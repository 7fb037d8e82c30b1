/** The audit as the engine process carries it out: inputs, the method, the exported model. */
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RunEvent } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Graph } from '../engine/graph/ir.ts';
import { writeOnnx } from '../engine/graph/onnx/write.ts';
import type { JobContext } from '../engine/jobs/server.ts';
import { pausable } from '../engine/providers/pausable.ts';
import type { Provider } from '../engine/providers/provider.ts';
import type { SampleSource } from '../engine/samples.ts';
import { fitMemory } from '../engine/tcore/memory.ts';
import { bootstrapAudit } from '../engine/tcore/pipeline.ts';
import type { PackedNames, PixelFile } from '../formats/datasets/pixel-file.ts';
import { parseLimits, withLimits, type DatasetLimits } from '../formats/limits.ts';
import { saveSafetensors } from '../formats/models-out/safetensors.ts';
import type { AuditJob, AuditOutcome, EngineProtocol } from './engine-protocol.ts';
import { checkExport, type ExportCheck } from './export-model.ts';
import { writeWhole } from './files.ts';
import { stepJournal } from './journal.ts';
import { labelConflicts } from './label-conflicts.ts';
import { measureForward } from './measure.ts';
import { planAudit } from './plan.ts';
import { openTestedProvider, requireDevice } from './providers.ts';
import { readInputs, type Inputs } from './read-inputs.ts';
import { version } from './version.ts';
import { withFileScan } from './scan-verdict.ts';

/** @param open gives the provider of a device name */
export async function auditJob(
  job: AuditJob,
  context: JobContext<EngineProtocol>,
  open: (device: string, threads: number | null) => Promise<Provider> = openTestedProvider,
): Promise<AuditOutcome> {
  const { request } = job;
  const { emit, signal, gate } = context;
  emit({ type: 'stage', stage: 'preflight', state: 'started' });
  requireDevice(request.device);
  const inputs = await readInputs(request, job.cache, { emit, signal, gate });
  try {
    return await auditInputs(job, inputs, context, open);
  } finally {
    await inputs.close();
  }
}

async function auditInputs(
  job: AuditJob,
  inputs: Inputs,
  context: JobContext<EngineProtocol>,
  open: (device: string, threads: number | null) => Promise<Provider>,
): Promise<AuditOutcome> {
  const { request, parameters } = job;
  const { emit, signal, ask, gate } = context;
  // A bound that cannot be kept is told of before anything is computed.
  fitMemory(inputs.encoder, inputs.pixels.count, parameters);
  const provider = pausable(await open(request.device, request.threads ?? null), () => gate.wait());
  try {
    const { pixels, encoder, encoderFacts, datasetFacts } = inputs;
    const forwardRate = await measureForward(provider, encoder, pixels);
    const plan = planAudit({
      mode: request.mode,
      parameters,
      samples: pixels.count,
      classes: pixels.classes.length,
      pixels: pixels.shape[0] * pixels.shape[1] * pixels.shape[2],
      weights: encoderFacts.parameters,
      forwardRate,
    });
    await ask('preflighted', {
      encoder: encoderFacts,
      dataset: datasetFacts,
      notes: inputs.notes,
      skipped: pixels.skipped,
      unreadable: pixels.unreadable.count,
      leftOut: pixels.leftOut,
      resized: pixels.resized,
      shape: pixels.shape,
      duplicates: inputs.duplicates,
      labels: pixels.labels,
      names: namesOf(pixels, withLimits(parseLimits(request.limits)).dataset),
      pixelFile: basename(pixels.file),
      pixelsDigest: pixels.pixelsDigest,
      plan,
      provider: provider.describe(),
    });
    warnOfConflicts(pixels, emit);
    emit({ type: 'stage', stage: 'preflight', state: 'finished' });

    const found = await bootstrapAudit({
      provider,
      graph: inputs.graph,
      encoderOptions: inputs.encoderOptions,
      samples: pixels,
      originals: inputs.originals,
      conflicts: inputs.conflicts,
      mode: request.mode,
      parameters,
      seed: request.seed,
      journal: stepJournal({ find: (spec) => ask('step.find', spec), commit: (step) => ask('step.commit', step) }),
      inputDigests: { encoder: encoderFacts.sha256, dataset: datasetFacts.sha256 },
      emit,
      now: () => gate.now(),
      signal,
    });
    await inputs.requireUnchanged();
    emit({ type: 'stage', stage: 'export', state: 'started' });
    const { sanitized, ...rest } = found;
    return {
      ...rest,
      verdict: withFileScan(rest.verdict, encoderFacts.scan),
      exported: await exportModel(sanitized, provider, pixels, job.out),
    };
  } finally {
    await provider.dispose();
  }
}

function warnOfConflicts(pixels: PixelFile, emit: (event: RunEvent) => void): void {
  const { count, first } = labelConflicts(pixels.samePixelsAs, pixels.labels);
  if (first === null) return;
  const [one, other] = [first.repeats, first.sample].map(
    (i) => `${JSON.stringify(pixels.name(i))} (${JSON.stringify(pixels.classes[pixels.labels[i]])})`,
  );
  const message = `${count} ${count === 1 ? 'image repeats' : 'images repeat'} another under a different label, so one of the labels is wrong: ${one} and ${other}${count > 1 ? ', and others' : ''}.`;
  emit({ type: 'warning', code: 'label-conflict', message, subject: null, values: { count, one, other } });
}

async function exportModel(
  sanitized: Graph,
  provider: Provider,
  samples: SampleSource,
  out: string,
): Promise<AuditOutcome['exported']> {
  const file = join(out, 'sanitized.onnx');
  const onnx = writeWhole(file, writeOnnx(sanitized, { producer: 'coresift', producerVersion: version }));
  let check: ExportCheck;
  try {
    check = await checkExport(file, sanitized, provider, samples);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  const safetensors = saveSafetensors(join(out, 'sanitized.safetensors'), sanitized.initializers, sanitized.metadata);
  return { onnx, safetensors, check };
}

/**
 * The names of all samples. They go to the host as they are, and a stranger chose them.
 * @throws ExpectedError dataset-too-large
 */
export function namesOf(
  pixels: Pick<PixelFile, 'names'>,
  { maxNameBytes }: Pick<DatasetLimits, 'maxNameBytes'>,
): PackedNames {
  const names = pixels.names();
  if (names.bytes.length <= maxNameBytes) return names;
  throw new ExpectedError(
    'dataset-too-large',
    `The names of its samples have ${names.bytes.length} bytes, more than ${maxNameBytes} (limit maxNameBytes).`,
  );
}
