/** The engine process under Electron: `utilityProcess`, because the fuse that `fork` needs is off. */
import type { UtilityProcess, utilityProcess as utilityProcessModule } from 'electron';
import { engineEnvironment, type EngineSpawner } from '../../audit/spawn-engine.ts';

const keptLines = 8;
const keptCharacters = 400;

/** @param entry path of the built engine entry (`out/main/engine.js`) */
export function utilityEngine(utilityProcess: Pick<typeof utilityProcessModule, 'fork'>, entry: string): EngineSpawner {
  return () => {
    const child: UtilityProcess = utilityProcess.fork(entry, [], {
      serviceName: 'Coresift engine',
      stdio: 'pipe',
      env: engineEnvironment(),
    });
    let words = '';
    child.stderr?.on('data', (data: Buffer) => {
      words = (words + data.toString('utf8')).slice(-keptLines * keptCharacters);
    });
    // Unread, a full pipe would stop the engine.
    child.stdout?.on('data', () => undefined);
    return {
      channel: {
        send: (message) => child.postMessage(message),
        onMessage: (listener) => child.on('message', listener),
      },
      kill: () => void child.kill(),
      onExit: (listener) => child.once('exit', (code) => listener({ code, signal: null })),
      lastWords: () =>
        words
          .split('\n')
          .map((line) => line.trim().slice(0, keptCharacters))
          .filter((line) => line !== '')
          .slice(-keptLines),
    };
  };
}
