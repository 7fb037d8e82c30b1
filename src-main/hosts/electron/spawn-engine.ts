/** The engine process under Electron: `utilityProcess`, because the fuse that `fork` needs is off. */
import type { UtilityProcess, utilityProcess as utilityProcessModule } from 'electron';
import type { EngineSpawner } from '../../audit/spawn-engine.ts';

const keptLines = 8;
const keptCharacters = 400;

/** What the engine needs of the environment; nothing of the user's secrets. */
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LANG', 'OMP_NUM_THREADS', 'LD_LIBRARY_PATH'];

/** @param entry path of the built engine entry (`out/main/engine.js`) */
export function utilityEngine(utilityProcess: Pick<typeof utilityProcessModule, 'fork'>, entry: string): EngineSpawner {
  return () => {
    const env = Object.fromEntries(
      passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    );
    const child: UtilityProcess = utilityProcess.fork(entry, [], {
      serviceName: 'Coresift engine',
      stdio: 'pipe',
      env,
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
