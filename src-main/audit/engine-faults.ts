/** What becomes of an engine process in which an error was caught by nobody. */
import { writeSync } from 'node:fs';
import { keptLines } from './spawn-engine.ts';

/**
 * From now on such an error ends the process, its words on stderr for the host's notice of death. Left alone, a utility
 * process only warns of a rejection: signs of life go on, and a job that waits for what was lost waits for ever.
 */
export function endOnFault(): void {
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

function end(error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  // The message comes first and the host keeps the last lines.
  const words = stack.split('\n').slice(0, keptLines).join('\n');
  try {
    // `process.stderr` may write later, and there is no later.
    writeSync(2, `${words}\n`);
  } catch {
    // Nobody reads; the exit code speaks.
  }
  process.exit(1);
}
