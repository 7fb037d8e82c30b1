/** How fast this machine is, measured in a moment: for the plan and for `doctor`, never for a decision. */
import type { Encoder } from '../engine/encoder/encoder.ts';
import type { Provider } from '../engine/providers/provider.ts';
import type { SampleSource } from '../engine/samples.ts';

/** Images a second through the encoder, from a few batches after a warm-up. */
export async function measureForward(provider: Provider, encoder: Encoder, samples: SampleSource): Promise<number> {
  const batch = Math.min(32, samples.count);
  const { channels, height, width } = encoder.input;
  const data = new Float32Array(batch * channels * height * width);
  samples.read(
    Int32Array.from({ length: batch }, (_, i) => i),
    data,
  );
  const compiled = await provider.compile(encoder.graph, { dims: { N: batch } });
  try {
    const run = (): Promise<unknown> =>
      compiled.run({ pixels: { dtype: 'float32', dims: [batch, channels, height, width], data } });
    return await rate(run, batch);
  } finally {
    await compiled.dispose();
  }
}

/** Calls `run` for about a third of a second and returns images a second. */
export async function rate(run: () => Promise<unknown>, batch: number): Promise<number> {
  await run();
  const start = performance.now();
  let runs = 0;
  do {
    await run();
    runs++;
  } while (performance.now() - start < 300 && runs < 50);
  return (1000 * runs * batch) / (performance.now() - start);
}
