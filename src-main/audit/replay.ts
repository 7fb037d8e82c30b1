/** `coresift replay`: the audit of a record again, on inputs that must be the same, and what came out compared. */
import { join } from 'node:path';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { AuditRequest } from '../../src-shared/domain/run.ts';
import { parseRecord } from './report.ts';
import { runAudit, type RunWatch } from './run.ts';
import type { EngineSpawner } from './spawn-engine.ts';

export interface ReplayOptions extends RunWatch {
  readonly record: string;
  readonly encoder: string;
  readonly dataset: string;
  readonly classes: string | null;
  readonly out: string;
  readonly spawn: EngineSpawner;
}

/**
 * Everything but the paths of the inputs is taken from the record. Where the inputs lie is part of the first step's digest,
 * so that step is compared by the inputs' own digests.
 * @throws ExpectedError report-missing, usage (class names given to one of the two only) and whatever an audit throws; CancelledError
 */
export async function replayAudit(options: ReplayOptions): Promise<Check[]> {
  const recorded = parseRecord(options.record);
  const { encoder, dataset, classes, out, spawn, onEvent, onPlan, signal } = options;
  const before = recorded.method.request.classes;
  if ((before === null) !== (classes === null)) {
    // Class names are part of the dataset's digest: every line below would differ for this alone.
    const said = before === null ? 'without a file of class names' : `with class names from a file (${before})`;
    throw new ExpectedError(
      'usage',
      `The audit was run ${said}; replay it ${before === null ? 'without' : 'with'} --classes.`,
    );
  }
  // The number of threads decides last digits, and this machine may have others.
  const { provider, threads } = recorded.environment;
  const asBefore = provider === 'ort-cpu' && typeof threads === 'number' ? { threads } : {};
  const request: AuditRequest = { ...recorded.method.request, ...asBefore, encoder, dataset, classes };
  await runAudit({
    start: { kind: 'new', request },
    out,
    project: join(out, 'project'),
    spawn,
    onEvent,
    ...(onPlan === undefined ? {} : { onPlan }),
    signal,
  });
  const met = parseRecord(join(out, 'report.json'));
  const compare = (what: string, was: string, is: string): Check => ({
    what,
    ok: was === is,
    detail: was === is ? is : `The record says ${was}, the replay gave ${is}.`,
  });
  const surroundings = ['provider', 'device', 'threads'].filter(
    (name) => recorded.environment[name] !== met.environment[name],
  );
  const steps = new Map(met.journal.steps.map((step) => [step.name, step.digest]));
  return [
    compare('encoder', recorded.subject.encoder.sha256, met.subject.encoder.sha256),
    compare('dataset', recorded.subject.dataset.sha256, met.subject.dataset.sha256),
    ...surroundings.map((name): Check => ({
      what: name,
      ok: true,
      kind: 'note',
      detail: `It was ${String(recorded.environment[name])}, is ${String(met.environment[name])}: last digits may differ.`,
    })),
    ...recorded.journal.steps
      .filter((step) => step.name !== 'preflight')
      .map((step) => compare(`step ${step.name}`, step.digest, steps.get(step.name) ?? 'no such step')),
    ...recorded.reproduction.expects
      .filter((one) => one.what !== 'work')
      .map((one) =>
        compare(one.what, one.sha256, met.outputs.find((file) => file.path === one.what)?.sha256 ?? 'no such file'),
      ),
  ];
}
