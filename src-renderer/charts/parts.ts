/** Long work done in short tasks. */

/** Longest stretch of work before the browser is let in, in ms: half a frame. */
const stretch = 8;

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
