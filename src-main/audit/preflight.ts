/** What the host does with the facts of the inputs: the first committed step of a run, and the check when it resumes. */
import type { AuditRequest, RunEvent } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Json } from '../../src-shared/json.ts';
import { parseLimits, withLimits } from '../formats/limits.ts';
import type { ProjectWriter } from '../store/writer.ts';
import type { Preflight } from './engine-protocol.ts';
import { requireSameStep } from './journal.ts';

/**
 * Commits the inputs of a new run. A resumed run must have met the very same bytes.
 * @throws ExpectedError input-changed naming which input, resume-differs
 */
export function commitPreflight(
  writer: ProjectWriter,
  run: string,
  request: AuditRequest,
  preflight: Preflight,
  watch: (event: RunEvent) => void,
): void {
  const { encoder, dataset, provider, shape, skipped, notes, leftOut, resized, pixelFile, pixelsDigest } = preflight;
  const before = writer.reader.step(run, 'preflight');
  const spec = {
    name: 'preflight',
    params: paramsOf(request),
    inputs: [encoder.sha256, dataset.sha256],
  };
  if (before === null) {
    // All caps that were in force, not only those set by hand: their defaults may be others in another version.
    const limits = withLimits(parseLimits(request.limits));
    const facts = { encoder, dataset, provider, shape, skipped, notes, leftOut, resized, pixelFile, pixelsDigest };
    writer.commitStep(run, {
      ...spec,
      data: { ...facts, limits },
      tensors: null,
      keep: 'kept',
      seconds: 0,
    });
    writer.setSubjects(run, { encoder, dataset });
    return;
  }
  const changed = [
    before.inputs[0] === encoder.sha256 ? null : `the encoder ${request.encoder}`,
    before.inputs[1] === dataset.sha256 ? null : `the dataset ${request.dataset}`,
  ].filter((input) => input !== null);
  if (changed.length > 0) {
    throw new ExpectedError('input-changed', `Since this run was started, ${changed.join(' and ')} changed.`);
  }
  requireSameStep(before, spec);
  writer.setSubjects(run, { encoder, dataset });
  const was = providerName((before.data as { readonly provider?: Json }).provider);
  const is = providerName(provider as unknown as Json);
  if (was !== is) {
    const message = `The run began on ${was} and goes on with ${is}: its outputs may differ in their last digits from an uninterrupted run.`;
    watch({ type: 'warning', code: 'provider-changed', message, subject: null, values: { was, is } });
  }
}

function paramsOf(request: AuditRequest): Json {
  const { arch, inputSize, mean, std, representation, classes, limits } = request;
  return { arch, inputSize, mean, std, representation, classes, limits };
}

function providerName(provider: Json | undefined): string {
  const { id, threads } = (provider ?? {}) as { readonly id?: unknown; readonly threads?: unknown };
  return `${String(id)} with ${String(threads)} ${threads === 1 ? 'thread' : 'threads'}`;
}
