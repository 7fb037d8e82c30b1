/** Providers held against known answers and a clock, so that a choice between them rests on both. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { graphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/ir.ts';
import { filled } from '../graph/tensors.ts';
import { messageOf } from './failed.ts';
import type { Provider, ProviderInfo, SelfTestRow } from './provider.ts';

export interface Candidate {
  readonly id: string;
  /**
   * @param threads at most, where the CPU computes; left out = as many as the machine has
   * @throws ExpectedError device-unavailable where it cannot be had here
   */
  open(threads?: number): Promise<Provider>;
}

/** Images a second and GFLOP/s of a known convolution net. */
export interface Speed {
  readonly forward: number;
  readonly gflops: number;
}

export type Examined =
  | { readonly id: string; readonly state: 'unavailable'; readonly reason: string }
  | {
      readonly id: string;
      /** `wrong` when a self-test failed: such a provider is never chosen. */
      readonly state: 'right' | 'wrong';
      readonly info: ProviderInfo;
      readonly tests: readonly SelfTestRow[];
      /** Null for a provider that is wrong. */
      readonly speed: Speed | null;
    };

/** Opens, tests, times and closes a provider. Whatever fails is told in the result. */
export async function examineProvider(candidate: Candidate): Promise<Examined> {
  const { id } = candidate;
  let provider: Provider;
  try {
    provider = await candidate.open();
  } catch (error) {
    return { id, state: 'unavailable', reason: error instanceof ExpectedError ? error.detail : messageOf(error) };
  }
  try {
    const info = provider.describe();
    const tests = await provider.selfTest();
    if (tests.length === 0 || tests.some((test) => !test.passed))
      return { id, state: 'wrong', info, tests, speed: null };
    try {
      return { id, state: 'right', info, tests, speed: await speedOf(provider) };
    } catch (error) {
      const row = { name: 'benchmark', passed: false, error: null, detail: messageOf(error) };
      return { id, state: 'wrong', info, tests: [...tests, row], speed: null };
    }
  } finally {
    await provider.dispose();
  }
}

/** The fastest of those that are right; null when none is. */
export function fastest(examined: readonly Examined[]): string | null {
  let best: { readonly id: string; readonly rate: number } | null = null;
  for (const each of examined) {
    if (each.state !== 'right' || each.speed === null) continue;
    if (best === null || each.speed.forward > best.rate) best = { id: each.id, rate: each.speed.forward };
  }
  return best?.id ?? null;
}

const batch = 16;
const width = 64;
const side = 32;
/** Four 3x3 convolutions of 64 channels on 32x32: multiplications and additions of one image. */
const flopPerImage = 4 * 2 * 9 * width * width * side * side;

async function speedOf(provider: Provider): Promise<Speed> {
  const compiled = await provider.compile(convolutions(), { dims: { N: batch } });
  try {
    const data = new Float32Array(batch * width * side * side).fill(0.5);
    const feeds = { pixels: { dtype: 'float32', dims: [batch, width, side, side], data } } as const;
    const forward = await rate(() => compiled.run(feeds), batch);
    return { forward, gflops: (forward * flopPerImage) / 1e9 };
  } finally {
    await compiled.dispose();
  }
}

function convolutions(): Graph {
  const graph = graphBuilder();
  let value = graph.input('pixels', 'float32', ['N', width, side, side]);
  for (let layer = 0; layer < 4; layer++) {
    const weight = graph.constant(filled('float32', [width, width, 3, 3], 0.01));
    value = graph.relu(graph.conv(value, weight, undefined, { pads: [1, 1, 1, 1] }));
  }
  graph.output(graph.globalAveragePool(value), 'float32', ['N', width, 1, 1]);
  return graph.build();
}

/** Calls `run` for about a third of a second and returns images a second. */
export async function rate(run: () => Promise<unknown>, images: number): Promise<number> {
  await run();
  const start = performance.now();
  let runs = 0;
  do {
    await run();
    runs++;
  } while (performance.now() - start < 300 && runs < 50);
  return (1000 * runs * images) / (performance.now() - start);
}
