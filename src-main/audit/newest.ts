/** From a job that calls back to a stream that is read at leisure. */

/**
 * Starts `make` and gives the newest of what it tells, as often as it is asked for; what was overtaken meanwhile is left out.
 * @param make its signal is aborted, too, when whoever reads the stream goes away
 * @returns what it made. @throws what it throws
 */
export async function* newestWhile<Told, Made>(
  make: (tell: (what: Told) => void, signal: AbortSignal) => Promise<Made>,
  signal: AbortSignal,
): AsyncGenerator<Told, Made> {
  let newest: { readonly what: Told } | null = null;
  let wake = (): void => undefined;
  const stop = new AbortController();
  const tell = (what: Told): void => {
    newest = { what };
    wake();
  };
  const making = make(tell, AbortSignal.any([signal, stop.signal]));
  let ended = false;
  const end = (): void => {
    ended = true;
    wake();
  };
  making.then(end, end);
  try {
    for (;;) {
      if (newest !== null) {
        const { what }: { readonly what: Told } = newest;
        newest = null;
        yield what;
      } else if (ended) return await making;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    // Whoever asked went away in the middle.
    if (!ended) stop.abort();
  }
}
