/** `coresift replay` */
import { resolve } from 'node:path';
import { replayAudit } from '../../../audit/replay.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import type { ExitCode } from '../failure-text.ts';
import { listenForInterrupts } from '../interrupt.ts';
import type { CliEnvironment } from '../program.ts';
import { progressView } from '../progress.ts';

export interface ReplayFlags {
  readonly encoder: string;
  readonly dataset: string;
  readonly out: string;
  readonly classes?: string;
  readonly json?: boolean;
}

/** 0 when everything came out again, 1 when something differs. */
export async function runReplayCommand(
  record: string,
  flags: ReplayFlags,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { stdout, stderr, cwd } = environment;
  const json = flags.json === true;
  const view = progressView(stderr, json);
  const interrupts = listenForInterrupts(() => view.end());
  try {
    const checks = await replayAudit({
      record: resolve(cwd, record),
      encoder: resolve(cwd, flags.encoder),
      dataset: resolve(cwd, flags.dataset),
      classes: flags.classes === undefined ? null : resolve(cwd, flags.classes),
      out: resolve(cwd, flags.out),
      spawn: () => forkEngine(environment.engineEntry),
      onEvent: (event) => view.show(event),
      signal: interrupts.signal,
    });
    view.end();
    const differing = checks.filter((check) => !check.ok).length;
    for (const check of checks) {
      if (json) stdout.write(`${JSON.stringify({ type: 'check', ...check })}\n`);
      else
        stdout.write(
          `${check.ok ? (check.kind === 'note' ? 'note   ' : 'same   ') : 'DIFFERS'} ${check.what}: ${check.detail}\n`,
        );
    }
    if (json)
      stdout.write(`${JSON.stringify({ type: 'result', ok: differing === 0, checks: checks.length, differing })}\n`);
    else stdout.write(differing === 0 ? 'The replay gave the same.\n' : `${differing} of ${checks.length} differ.\n`);
    return differing === 0 ? 0 : 1;
  } finally {
    view.end();
    interrupts.release();
  }
}
