/** `coresift inspect`: what a model file is and what in it gives cause for concern, without running anything of it. */
import { resolve } from 'node:path';
import { connectEngine } from '../engine/jobs/client.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { parseLimits } from '../formats/limits.ts';
import type { InspectJob, Inspection } from './inspect-job.ts';
import type { EngineSpawner } from './spawn-engine.ts';

export type { Inspection } from './inspect-job.ts';

/** A file that keeps the engine silent for this long is given up on, milliseconds. */
const hungMs = 120_000;

/** @throws ExpectedError usage (a limit there is not), file-missing, encoder-too-large, engine-died; CancelledError */
export async function inspectFile(
  path: string,
  limits: InspectJob['limits'],
  spawn: EngineSpawner,
  signal: AbortSignal,
): Promise<Inspection> {
  // Said before an engine is started for it.
  parseLimits(limits);
  const engine = connectEngine<EngineProtocol>(spawn(), { hungMs });
  try {
    return await engine.run('inspect', { path: resolve(path), limits }, { signal });
  } finally {
    await engine.close();
  }
}
