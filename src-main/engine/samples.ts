/** The downstream dataset as the engine sees it: decoded, resized, random access, never all in memory. */

export interface SampleSource {
  /** Number of samples N. */
  readonly count: number;
  /** Channels, height, width of every sample. */
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Given label of each sample, `[N]`, values in `0..classes.length-1`. Not trusted. */
  readonly labels: Int32Array;
  readonly classes: readonly string[];
  /**
   * Writes the pixels of `indices` to `out` as float32 `[indices.length, C, H, W]` in 0..1 (no mean/std applied).
   * @throws when an index is out of range or `out` too small.
   */
  read(indices: ArrayLike<number>, out: Float32Array): void;
}
