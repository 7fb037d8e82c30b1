/** Where a job that is paused stands still: its work passes here between one computation and the next. */
import { CancelledError } from '../../../src-shared/failure.ts';

export interface Gate {
  /**
   * Null while the job goes on, so that passing costs nothing; else resolves when it may go on.
   * @throws CancelledError (rejects) when the job is cancelled meanwhile
   */
  wait(): Promise<void> | null;
  /** Milliseconds, from any start, without those for which the job stood still. */
  now(): number;
}

export interface GateKeeper extends Gate {
  close(): void;
  open(): void;
}

/** @param onStill told when the first piece of work has come to the closed gate, and again when a job that stands still is to be paused */
export function createGate(signal: AbortSignal, onStill: () => void): GateKeeper {
  let held = 0;
  let stillSince: number | null = null;
  let closed: { readonly opened: Promise<void>; open(): void } | null = null;

  const open = (): void => {
    if (stillSince !== null) held += performance.now() - stillSince;
    stillSince = null;
    closed?.open();
    closed = null;
  };
  signal.addEventListener('abort', open, { once: true });

  return {
    open,
    close() {
      if (signal.aborted) return;
      if (closed !== null) {
        if (stillSince !== null) onStill();
        return;
      }
      let letGo = (): void => {};
      const opened = new Promise<void>((resolve) => (letGo = resolve));
      closed = { opened, open: letGo };
    },
    wait() {
      if (closed === null) return null;
      if (stillSince === null) {
        stillSince = performance.now();
        onStill();
      }
      return closed.opened.then(() => {
        if (signal.aborted) throw new CancelledError();
      });
    },
    now: () => (stillSince ?? performance.now()) - held,
  };
}
