/** Graphs that run in a thread of their own, beside the thread that asks for them. */
import { fileURLToPath } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { ExpectedError, reviveFailure } from '../../../../src-shared/failure.ts';
import { providerFailed } from '../failed.ts';
import type { CompiledGraph } from '../provider.ts';
import { silenceRuntime } from './load.ts';
import type { AsideAnswer, AsideRequest, Prepared, Tensors } from './aside-protocol.ts';

export interface AsideThread {
  open(prepared: Prepared): Promise<CompiledGraph>;
  /**
   * Ends the thread after the runs that were asked for: ended within one, the runtime takes the whole process with it.
   * What is asked for later fails.
   */
  end(): Promise<void>;
}

/** Runs that wait in the thread: it goes on while the asking thread is inside a step of its own, which takes longer. */
const AHEAD = 4;

/** Longest wait for a copy of the state, milliseconds: it follows on the runs that were asked for before. */
const COPY_MS = 600_000;

/** As source the entry lies beside this file; built, it is out/main/aside.js. */
export function asideEntry(here: string): URL {
  if (here.endsWith('.ts')) return new URL('./aside-thread.ts', here);
  return new URL(here.includes('/chunks/') ? '../aside.js' : './aside.js', here);
}

/** @throws provider-failed when the thread does not start */
export async function startAside(): Promise<AsideThread> {
  silenceRuntime();
  const { port1: copies, port2: theirs } = new MessageChannel();
  const told = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(fileURLToPath(asideEntry(import.meta.url)), {
    workerData: { copies: theirs, told },
    transferList: [theirs],
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
  });
  const waiting: { readonly resolve: (answer: AsideAnswer) => void; readonly reject: (error: Error) => void }[] = [];
  let failure: Error | null = null;
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  };
  worker.on('error', (error) => fail(providerFailed('The thread beside failed', error)));
  worker.on('exit', () => fail(new ExpectedError('provider-failed', 'The thread beside ended.')));
  await new Promise<void>((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', (error) => reject(providerFailed('The thread beside could not be started', error)));
    worker.once('exit', () => reject(new ExpectedError('provider-failed', 'The thread beside ended before it began.')));
  });
  worker.on('message', (answer: AsideAnswer) => waiting.shift()?.resolve(answer));

  let ending = false;
  const send = (request: AsideRequest): void => {
    if (failure !== null) throw failure;
    if (ending) throw new ExpectedError('provider-failed', 'The thread beside was ended.');
    worker.postMessage(request);
  };
  const ask = async (request: AsideRequest): Promise<AsideAnswer> => {
    const answered = new Promise<AsideAnswer>((resolve, reject) => {
      send(request);
      waiting.push({ resolve, reject });
    });
    return accepted(await answered);
  };
  /** Waits where it stands, as a run of this thread would: what a state is cannot be said later. */
  const copyOf = (graph: number, names: readonly string[] | null): Record<string, Tensors[string]> => {
    const before = Atomics.load(told, 0);
    send({ kind: 'get', graph, names });
    if (Atomics.wait(told, 0, before, COPY_MS) === 'timed-out') {
      throw new ExpectedError('provider-failed', 'The thread beside does not answer.');
    }
    const { message } = receiveMessageOnPort(copies) as { readonly message: AsideAnswer };
    return valuesOf(accepted(message));
  };

  let ended: Promise<void> | null = null;
  const end = async (): Promise<void> => {
    if (failure === null) {
      const finished = ask({ kind: 'end' }).catch(() => {});
      ending = true;
      await Promise.race([finished, gone]);
    }
    fail(new ExpectedError('provider-failed', 'The thread beside was ended.'));
    copies.close();
    await worker.terminate();
    await gone;
  };

  return {
    async open(prepared) {
      const answer = await ask({ kind: 'open', prepared });
      if (answer.kind !== 'opened') throw new Error('the thread beside answered something else');
      const { graph } = answer;
      return {
        ahead: AHEAD,
        run: async (feeds) => valuesOf(await ask({ kind: 'run', graph, feeds })),
        setState: (values) => send({ kind: 'set', graph, values }),
        getState: (names) => copyOf(graph, names ?? null),
        async dispose() {
          if (failure === null && !ending) await ask({ kind: 'close', graph });
        },
      };
    },
    end: () => (ended ??= end()),
  };
}

/** @throws what the thread failed with */
function accepted(answer: AsideAnswer): AsideAnswer {
  if (answer.kind === 'failed') throw reviveFailure(answer.failure);
  return answer;
}

function valuesOf(answer: AsideAnswer): Record<string, Tensors[string]> {
  if (answer.kind !== 'done') throw new Error('the thread beside answered something else');
  return { ...answer.values };
}
