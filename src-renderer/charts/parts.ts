/** Long work done in short tasks. The page is also opened in browsers that have no scheduler: there a timer has to do. */

/** Lets what waits go first: input, news of the run, a frame. */
export function letOthers(): Promise<void> {
  const known = globalThis.scheduler as Partial<Scheduler> | undefined;
  return known?.yield?.() ?? new Promise((resolve) => setTimeout(resolve));
}

/** Does something once nothing else waits, as far as the browser can tell; not any more once aborted. */
export function whenFree(act: () => void, signal: AbortSignal): void {
  const known = globalThis.scheduler as Partial<Scheduler> | undefined;
  const actUnlessAborted = (): void => {
    if (!signal.aborted) act();
  };
  // The scheduler is not given the signal: all that `act` sets off would inherit it, and a `yield` in there would fail
  // when it is aborted.
  if (known?.postTask !== undefined) void known.postTask(actUnlessAborted, { priority: 'background' });
  else setTimeout(actUnlessAborted);
}

/**
 * Stretch of work after which the browser is let in, in ms. Each time may cost the making of a frame, so a shorter one
 * would be slower on the whole; with the part that is under way it ends well below the 50 ms that can be felt.
 */
const stretch = 24;

/** Does part after part; when a stretch is over, what waits goes first: input, news of the run, a frame. Stops when aborted. */
export async function inParts(parts: Iterable<void>, signal: AbortSignal): Promise<void> {
  let since = performance.now();
  for (const _ of parts) {
    if (performance.now() - since < stretch) continue;
    await letOthers();
    if (signal.aborted) return;
    since = performance.now();
  }
}
