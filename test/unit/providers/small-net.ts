/** Trains a small net for a few steps and prints a digest of its weights; also run as a process of its own. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { withBatchStatistics } from '../../../src-main/engine/graph/modes.ts';
import { trainingStep } from '../../../src-main/engine/graph/training.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { resnet8, weights, withLoss } from '../../bench/nets.ts';

export async function trainSmallNet(threads: number, layout: 'nchw' | 'nchwc'): Promise<string> {
  const provider = await createOrtProvider({ threads, layout });
  try {
    return await trainedNet(provider);
  } finally {
    await provider.dispose();
  }
}

/** Digest of the weights after three steps. */
export async function trainedNet(provider: Provider): Promise<string> {
  const net = resnet8();
  const dims = { N: 16 };
  const statistics = withBatchStatistics(withLoss(net), { dims, updateRunning: true });
  const step = trainingStep({
    graph: statistics.graph,
    dims,
    loss: 'loss',
    parameters: net.trained.map((name) => ({ name })),
    optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
    carried: statistics,
  });
  const compiled = await provider.compile(step.graph, { dims, state: step.state });
  compiled.setState(step.initialState);
  const learningRate = { dtype: 'float32' as const, dims: [], data: Float32Array.of(0.05) };
  for (let batch = 0; batch < 3; batch += 1) {
    const x = weights([16, 3, 32, 32], 1, batch);
    const labels = BigInt64Array.from({ length: 16 }, (_, at) => BigInt((at * 3 + batch) % 10));
    await compiled.run({ x, y: { dtype: 'int64', dims: [16], data: labels }, learningRate });
  }
  const digest = createHash('sha256');
  for (const [name, { data }] of Object.entries(compiled.getState()).sort(([a], [b]) => (a < b ? -1 : 1))) {
    digest.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  await compiled.dispose();
  return digest.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [threads, layout] = process.argv.slice(2);
  console.log(await trainSmallNet(Number(threads), layout === 'nchw' ? 'nchw' : 'nchwc'));
}
