/** Ctrl-C: the first asks the run to end at a step that can be resumed, the second ends everything at once. */

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node. */
  release(): void;
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** @param onFirst told once, when cancelling begins */
export function listenForInterrupts(onFirst: () => void): Interrupts {
  const abort = new AbortController();
  const listener = (): void => {
    if (abort.signal.aborted) {
      // The engine process ends by itself when its host is gone, and the journal is whole at every moment.
      process.exit(130);
    }
    onFirst();
    abort.abort();
  };
  for (const name of signals) process.on(name, listener);
  return {
    signal: abort.signal,
    release: () => {
      for (const name of signals) process.off(name, listener);
    },
  };
}
