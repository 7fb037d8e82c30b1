/** How fast this machine is with an encoder, measured in a moment: for the plan, never for a decision. */
import type { Encoder } from '../engine/encoder/encoder.ts';
import { rate } from '../engine/providers/examine.ts';
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
