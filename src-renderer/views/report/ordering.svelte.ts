/** What a form has the host write, one order at a time: whether it is at work, and what came of it. */
export interface Ordering<Written> {
  /** Of the last order; null until it is done. */
  readonly written: Written | null;
  readonly failure: unknown;
  readonly writing: boolean;
  order(write: (signal: AbortSignal) => Promise<Written>): Promise<void>;
}

/** For a component: an order that is under way ends with it, and says nothing of that. */
export function ordering<Written>(): Ordering<Written> {
  let written = $state.raw<Written | null>(null);
  let failure = $state.raw<unknown>(null);
  let writing = $state(false);
  const life = new AbortController();
  $effect(() => () => life.abort());
  return {
    get written() {
      return written;
    },
    get failure() {
      return failure;
    },
    get writing() {
      return writing;
    },
    async order(write) {
      writing = true;
      failure = null;
      written = null;
      try {
        written = await write(life.signal);
      } catch (error) {
        if (!life.signal.aborted) failure = error;
      } finally {
        writing = false;
      }
    },
  };
}
