/** Starts the engine process from Node. Electron has no fork (its fuse is off) and passes a spawner of its own. */
import { fork } from 'node:child_process';
import type { EngineProcess } from '../engine/jobs/client.ts';
import { silence } from '../engine/providers/ort/load.ts';

/** Starts one engine process. */
export type EngineSpawner = () => EngineProcess;

export interface ForkOptions {
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
}

/** What the engine needs of the environment: it decodes strangers' files and is told none of the user's secrets. */
const passedOn = [
  ...['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LANG', 'OMP_NUM_THREADS', 'LD_LIBRARY_PATH'],
  // Which GPU, and through which driver.
  ...['CUDA_VISIBLE_DEVICES', 'VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'XDG_RUNTIME_DIR'],
];

/** What the engine process is to find in its environment. */
export function engineEnvironment(): NodeJS.ProcessEnv {
  const passed = passedOn.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...(Object.fromEntries(passed) as NodeJS.ProcessEnv), ...silence };
}

/** Megabytes of young objects: of 16, as is the default, three times as many stay with the process. */
export const engineFlags = ['--max-semi-space-size=2'];

/** Lines of stderr kept for a death notice, and characters of each. */
export const keptLines = 8;
export const keptCharacters = 400;

/** @param entry path of the built engine entry (`out/main/engine.js`) */
export function forkEngine(entry: string, options: ForkOptions = {}): EngineProcess {
  const child = fork(entry, options.args ?? [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [...(options.execArgv ?? process.execArgv), ...engineFlags],
    env: engineEnvironment(),
  });
  // A host that exits in the middle of a run takes the engine with it, even one stuck in a long computation.
  const killWithHost = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithHost);
  child.once('exit', () => process.off('exit', killWithHost));
  const lines: string[] = [];
  let partial = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    const parts = (partial + text).split('\n');
    partial = (parts.pop() ?? '').slice(-keptCharacters);
    for (const line of parts) if (line.trim() !== '') lines.push(line.trim().slice(0, keptCharacters));
    lines.splice(0, lines.length - keptLines);
  });
  let spawnFailure: Error | null = null;
  child.on('error', (error) => {
    spawnFailure ??= error;
    lines.push(error.message);
  });

  return {
    channel: {
      send: (message) => {
        // A broken pipe is followed by the exit event, which says more than the failed write would.
        if (child.connected) child.send(message as never, () => {});
      },
      onMessage: (listener) => child.on('message', listener),
    },
    kill: () => void child.kill('SIGKILL'),
    onExit: (listener) => {
      let told = false;
      const tell = (code: number | null, signal: string | null): void => {
        if (told) return;
        told = true;
        listener({ code, signal });
      };
      // 'close' comes after stderr has been read to its end, so the last words are complete.
      child.on('close', tell);
      child.on('error', () => {
        if (child.pid === undefined) tell(null, spawnFailure?.message ?? 'spawn failed');
      });
    },
    lastWords: () => (partial.trim() === '' ? [...lines] : [...lines, partial.trim()]),
  };
}
