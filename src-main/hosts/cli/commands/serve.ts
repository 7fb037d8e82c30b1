/** `coresift serve`: the application in a browser on this machine, over the loopback address only. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { createApp } from '../../../audit/app.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import { createLoopback } from '../../loopback/server.ts';
import type { ExitCode } from '../failure-text.ts';
import { listenForInterrupts } from '../interrupt.ts';
import type { CliEnvironment } from '../program.ts';

export async function runServeCommand(
  flags: { readonly project?: string; readonly port: number; readonly json?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { stdout, stderr, cwd, root, engineEntry } = environment;
  const rendererDir = join(root, 'out', 'renderer');
  if (!existsSync(join(rendererDir, 'index.html'))) {
    throw new ExpectedError('file-missing', `${rendererDir} holds no page; run "npm run build" first.`);
  }
  const app = await createApp({
    project: resolve(cwd, flags.project ?? 'coresift-project'),
    sample: join(root, 'resources', 'samples', 'fashion'),
    spawn: () => forkEngine(engineEntry),
    engineEntry,
  });
  const interrupts = listenForInterrupts(() => stderr.write('Stopping; a run that is under way can be resumed.\n'));
  try {
    const loopback = await createLoopback(app, { rendererDir, port: flags.port });
    const { url } = loopback;
    if (flags.json === true) stdout.write(`${JSON.stringify({ type: 'listening', url })}\n`);
    else stdout.write(`Coresift is at ${url}\nWhoever has this address can use it. Press Ctrl-C to stop.\n`);
    await new Promise<void>((done) => {
      if (interrupts.signal.aborted) done();
      interrupts.signal.addEventListener('abort', () => done(), { once: true });
    });
    await loopback.close();
    return 0;
  } finally {
    await app.close();
    interrupts.release();
  }
}
