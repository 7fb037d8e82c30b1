/** The engine process under Electron: `utilityProcess`, because the fuse that `fork` needs is off. */
import type { UtilityProcess, utilityProcess as utilityProcessModule } from 'electron';
import {
  engineEnvironment,
  engineFlags,
  keptCharacters,
  keptLines,
  type EngineSpawner,
} from '../../audit/spawn-engine.ts';

/** How long the rest of stderr is waited for after the process has ended, ms. */
const restMs = 500;

/** @param entry path of the built engine entry (`out/main/engine.js`) */
export function utilityEngine(utilityProcess: Pick<typeof utilityProcessModule, 'fork'>, entry: string): EngineSpawner {
  return () => {
    const child: UtilityProcess = utilityProcess.fork(entry, [], {
      serviceName: 'Coresift engine',
      stdio: 'pipe',
      env: engineEnvironment(),
      // A utility process takes flags of V8 through this one switch; given by themselves they are ignored.
      execArgv: [`--js-flags=${engineFlags.join(' ')}`],
    });
    const { stderr } = child;
    let words = '';
    let fatal = '';
    let readToEnd = stderr === null;
    const hear = (data: Buffer): void => {
      words = (words + data.toString('utf8')).slice(-keptLines * keptCharacters);
    };
    stderr?.on('data', hear);
    stderr?.once('end', () => (readToEnd = true));
    // Unread, a full pipe would stop the engine.
    child.stdout?.on('data', () => undefined);
    // V8 could not go on (out of memory, most often). Without a listener this event would end the application itself.
    child.on('error', (type, location, report) => (fatal = fatalWords(type, location, report)));
    return {
      channel: {
        send: (message) => child.postMessage(message),
        onMessage: (listener) => child.on('message', listener),
      },
      kill: () => void child.kill(),
      onExit: (listener) =>
        child.once('exit', (code) => {
          // Electron takes every listener off the pipe once this event is over, and the last words may still be in it:
          // until then it stands still, or they would be read to nobody.
          stderr?.pause();
          process.nextTick(() => {
            const tell = (): void => {
              clearTimeout(patience);
              stderr?.off('end', tell);
              listener({ code, signal: null });
            };
            const patience = setTimeout(tell, readToEnd ? 0 : restMs);
            if (readToEnd) return;
            stderr?.off('data', hear).on('data', hear).once('end', tell).resume();
          });
        }),
      lastWords: () =>
        [...words.split('\n'), fatal]
          .map((line) => line.trim().slice(0, keptCharacters))
          .filter((line) => line !== '')
          .slice(-keptLines),
    };
  };
}

/** One line out of what Electron tells of V8's end; the rest of the report is about the machine, and nobody's business. */
function fatalWords(type: string, location: string, report: string): string {
  let event: unknown;
  try {
    event = (JSON.parse(report) as { readonly header?: { readonly event?: unknown } } | null)?.header?.event;
  } catch {
    // A report that was cut off says no more than the place does.
  }
  return `${type} in ${location}${typeof event === 'string' ? `: ${event}` : ''}`.replaceAll(/\s+/g, ' ');
}
