/** `coresift audit` */
import { join, resolve } from 'node:path';
import { auditRequest } from '../../../../src-shared/domain/request.ts';
import type { OpinionExtent } from '../../../../src-shared/domain/opinion.ts';
import type { AuditRequest, Mode, Preset } from '../../../../src-shared/domain/run.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { runAudit, type FinishedAudit } from '../../../audit/run.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import type { ExitCode } from '../failure-text.ts';
import { listenForInterrupts } from '../interrupt.ts';
import type { CliEnvironment } from '../program.ts';
import { duration, progressView } from '../progress.ts';
import { resultText } from '../result-text.ts';

/** As commander hands them over. */
export interface AuditFlags {
  readonly encoder?: string;
  readonly dataset?: string;
  readonly out: string;
  readonly arch?: string;
  readonly inputSize?: readonly [number, number];
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly representation?: string;
  readonly classes?: string;
  readonly mode: Mode;
  readonly preset: Preset;
  readonly device: string;
  readonly threads?: number;
  readonly seed: number;
  readonly opinions?: OpinionExtent;
  readonly set: readonly (readonly [string, number | string | boolean])[];
  readonly limit: readonly (readonly [string, number])[];
  readonly project?: string;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** @param given names of the options that were typed, as against their defaults */
export async function runAuditCommand(
  flags: AuditFlags,
  given: ReadonlySet<string>,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { stdout, stderr, cwd } = environment;
  const json = flags.json === true;
  const out = resolve(cwd, flags.out);
  const chosen = chosenOf(flags, given, cwd);
  const resume = flags.resume === true;
  if (!resume) {
    for (const name of ['encoder', 'dataset'] as const) {
      if (chosen[name] === undefined) throw new ExpectedError('usage', `--${name} is missing.`);
    }
  }
  if ((chosen.mean === undefined) !== (chosen.std === undefined)) {
    throw new ExpectedError('usage', '--mean and --std go together.');
  }
  if (chosen.mean?.length !== chosen.std?.length) {
    throw new ExpectedError('usage', `--mean has ${chosen.mean?.length} values, --std has ${chosen.std?.length}.`);
  }

  const view = progressView(stderr, json);
  const interrupts = listenForInterrupts(() => {
    view.end();
    if (!json) stderr.write('Cancelling; what is committed stays. Press Ctrl-C again to stop at once.\n');
  });
  try {
    const finished = await runAudit({
      start: resume
        ? { kind: 'resume', chosen }
        : { kind: 'new', request: auditRequest(chosen.encoder ?? '', chosen.dataset ?? '', chosen) },
      out,
      project: flags.project === undefined ? join(out, 'project') : resolve(cwd, flags.project),
      spawn: () => forkEngine(environment.engineEntry),
      onEvent: (event) => view.show(event),
      onPlan: (text) => {
        if (!json) stderr.write(`${text}\n`);
      },
      signal: interrupts.signal,
    });
    view.end();
    if (json) stdout.write(`${JSON.stringify(resultJson(finished))}\n`);
    else {
      stdout.write(resultText(finished.result, finished.suspects, finished.files, cwd));
      stderr.write(
        `Took ${duration(finished.seconds)}, peak memory of the engine ${Math.round(finished.peakBytes / 1e6)} MB.\n`,
      );
    }
    return finished.exitCode;
  } finally {
    view.end();
    interrupts.release();
  }
}

/** The typed options as parts of a request; file names become absolute, so that a resumed run finds them from anywhere. */
function chosenOf(flags: AuditFlags, given: ReadonlySet<string>, cwd: string): Partial<AuditRequest> {
  const path = (text: string | undefined): string | undefined => (text === undefined ? undefined : resolve(cwd, text));
  const all: Partial<Record<keyof AuditRequest, unknown>> = {
    encoder: path(flags.encoder),
    dataset: path(flags.dataset),
    classes: path(flags.classes),
    arch: flags.arch,
    inputSize: flags.inputSize,
    mean: flags.mean,
    std: flags.std,
    representation: flags.representation,
    mode: given.has('mode') ? flags.mode : undefined,
    preset: given.has('preset') ? flags.preset : undefined,
    device: given.has('device') ? flags.device : undefined,
    threads: flags.threads,
    seed: given.has('seed') ? flags.seed : undefined,
    limits: flags.limit.length > 0 ? Object.fromEntries(flags.limit) : undefined,
    overrides: overridesOf(flags),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** `--opinions` is a short way to write a parameter. @throws ExpectedError usage when `--set` says something else */
function overridesOf({ set, opinions }: AuditFlags): AuditRequest['overrides'] | undefined {
  if (opinions === undefined) return set.length > 0 ? Object.fromEntries(set) : undefined;
  if (set.some(([name, value]) => name === 'opinions.extent' && value !== opinions)) {
    throw new ExpectedError('usage', `--opinions ${opinions} and --set opinions.extent contradict each other.`);
  }
  return { ...Object.fromEntries(set), 'opinions.extent': opinions };
}

function resultJson(finished: FinishedAudit): object {
  const { result, exitCode, files, summary, seconds, peakBytes, suspects } = finished;
  return {
    type: 'result',
    exitCode,
    run: summary.id,
    verdict: result.verdict,
    outcome: result.outcome,
    suspects,
    files,
    seconds: Math.round(seconds * 10) / 10,
    peakBytes,
  };
}
