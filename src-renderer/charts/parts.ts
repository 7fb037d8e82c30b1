/** Long work done in short tasks. */

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
    await scheduler.yield();
    if (signal.aborted) return;
    since = performance.now();
  }
}
