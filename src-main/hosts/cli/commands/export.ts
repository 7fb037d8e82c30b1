/** `coresift export`: the sanitized model of a finished run in other formats. */
import { join, relative, resolve } from 'node:path';
import { exportRun } from '../../../audit/export-run.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import type { ExitCode } from '../failure-text.ts';
import { listenForInterrupts } from '../interrupt.ts';
import type { CliEnvironment } from '../program.ts';

export interface ExportFlags {
  readonly run: string;
  readonly project: string;
  readonly format: string;
  readonly out: string;
  readonly json?: boolean;
}

/** 0 when every format was written, 3 when the model does not fit one of them. */
export async function runExportCommand(flags: ExportFlags, environment: CliEnvironment): Promise<ExitCode> {
  const { stdout, stderr, cwd, engineEntry } = environment;
  const out = resolve(cwd, flags.out);
  const interrupts = listenForInterrupts(() => stderr.write('Cancelling.\n'));
  try {
    const { written, refused, run, record } = await exportRun({
      run: flags.run,
      project: resolve(cwd, flags.project),
      formats: flags.format,
      out,
      spawn: () => forkEngine(engineEntry),
      signal: interrupts.signal,
    });
    if (flags.json === true) {
      stdout.write(`${JSON.stringify({ type: 'result', run, written, refused, record })}\n`);
    } else {
      for (const { format, files, maxAbsDifference, compared, notes } of written) {
        stdout.write(`${format}: re-opened, largest difference ${maxAbsDifference} (${compared})\n`);
        for (const { path, bytes } of files) stdout.write(`  ${relative(cwd, join(out, path))}  ${bytes} bytes\n`);
        for (const note of notes) stdout.write(`  note: ${note}\n`);
      }
      for (const { format, reason } of refused) stdout.write(`${format}: NOT WRITTEN. ${reason}\n`);
      stdout.write(`What was written, with digests: ${relative(cwd, record)}\n`);
    }
    return refused.length > 0 ? 3 : 0;
  } finally {
    interrupts.release();
  }
}
