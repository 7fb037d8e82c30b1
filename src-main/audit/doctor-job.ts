/** The provider's self-tests and a known net's speed, in the engine process as an audit would meet them. */
import { graphBuilder } from '../engine/graph/builder.ts';
import type { Graph } from '../engine/graph/ir.ts';
import { filled } from '../engine/graph/tensors.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { rate } from './measure.ts';
import { openProvider } from './providers.ts';

type DoctorJob = EngineProtocol['jobs']['doctor'];

const batch = 16;
const width = 64;
const side = 32;

export async function doctorJob({ device }: DoctorJob['request']): Promise<DoctorJob['result']> {
  const provider = await openProvider(device);
  try {
    const tests = await provider.selfTest();
    const compiled = await provider.compile(convolutions(), { dims: { N: batch } });
    try {
      const data = new Float32Array(batch * width * side * side).fill(0.5);
      const feeds = { pixels: { dtype: 'float32', dims: [batch, width, side, side], data } } as const;
      const forward = await rate(() => compiled.run(feeds), batch);
      return { provider: provider.describe(), tests, speed: { forward, gflops: (forward * flopPerImage) / 1e9 } };
    } finally {
      await compiled.dispose();
    }
  } finally {
    await provider.dispose();
  }
}

/** Four 3x3 convolutions of 64 channels on 32x32: multiplications and additions of one image. */
const flopPerImage = 4 * 2 * 9 * width * width * side * side;

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
