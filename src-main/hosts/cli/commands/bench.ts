/** `coresift bench` */
import { join, resolve } from 'node:path';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { benchLines, isPlanPreset, runBench } from '../../../audit/bench.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import type { ExitCode } from '../failure-text.ts';
import { listenForInterrupts } from '../interrupt.ts';
import type { CliEnvironment } from '../program.ts';
import { progressView } from '../progress.ts';

/** As commander hands them over. */
export interface BenchFlags {
  readonly plan: string;
  readonly out: string;
  readonly encoder?: string;
  readonly dataset?: string;
  readonly device: string;
  readonly threads?: number;
  readonly atOnce: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** 0 when every cell was measured, 2 when some failed: what the numbers say of the defence is for people to judge. */
export async function runBenchCommand(flags: BenchFlags, environment: CliEnvironment): Promise<ExitCode> {
  const { stdout, stderr, cwd } = environment;
  if (flags.atOnce > 1 && flags.device !== 'cpu') {
    throw new ExpectedError('usage', 'Several cells at once need --device cpu: a GPU has memory for one.');
  }
  const json = flags.json === true;
  const out = resolve(cwd, flags.out);
  const path = (text: string | undefined): string | null => (text === undefined ? null : resolve(cwd, text));
  const view = progressView(stderr, json);
  const interrupts = listenForInterrupts(() => {
    view.end();
    if (!json) stderr.write('Cancelling; finished cells stay. Press Ctrl-C again to stop at once.\n');
  });
  try {
    const outcomes = await runBench({
      plan: isPlanPreset(flags.plan) ? flags.plan : resolve(cwd, flags.plan),
      out,
      encoder: path(flags.encoder),
      dataset: path(flags.dataset),
      device: flags.device,
      threads: flags.threads ?? null,
      atOnce: flags.atOnce,
      resume: flags.resume === true,
      sample: join(environment.root, 'resources', 'samples', 'fashion'),
      spawn: () => forkEngine(environment.engineEntry),
      engineEntry: environment.engineEntry,
      onCell: (cell, at, of, kept) => {
        if (json) return;
        const { encoder, dataset, seed, preset, mode } = cell;
        stderr.write(
          `Cell ${at + 1} of ${of}: ${encoder} + ${dataset}, seed ${seed}, ${preset}, ${mode}${kept ? ' (kept)' : ''}\n`,
        );
      },
      onOutcome: (outcome) => {
        view.end();
        if (json) stdout.write(`${JSON.stringify({ type: 'cell', ...outcome })}\n`);
        else for (const line of benchLines(outcome)) stdout.write(`${line}\n`);
      },
      // Plain lines for every stage of every cell would bury the table.
      onEvent: (event) => {
        if (json || (stderr.isTTY === true && event.type === 'progress')) view.show(event);
      },
      signal: interrupts.signal,
    });
    if (!json) stdout.write(`Written to ${out}: matrix.html, matrix.csv, matrix.json\n`);
    return outcomes.some((outcome) => outcome.state === 'failed') ? 2 : 0;
  } finally {
    view.end();
    interrupts.release();
  }
}
