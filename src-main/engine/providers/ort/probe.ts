/** How many channels ONNX Runtime puts into one block on this machine. */
import { graphBuilder } from '../../graph/builder.ts';
import { writeOnnx } from '../../graph/onnx/write.ts';
import { NCHWC_DOMAIN } from './blocked.ts';
import { loadOrt } from './load.ts';
import { createSession } from './session.ts';

const CHANNELS = 64;
const POSITIONS = 2;

/**
 * The block size, or null when this machine or this version of the runtime has no blocked layout that we understand.
 * A wrong size would not fail but silently give wrong numbers, so the whole permutation is checked.
 */
export async function probeBlockSize(): Promise<number | null> {
  const b = graphBuilder();
  b.input('x', 'float32', [1, CHANNELS, 1, POSITIONS]);
  b.output(b.node('ReorderInput', ['x'], {}, 'y', NCHWC_DOMAIN), 'float32', [1, CHANNELS, 1, POSITIONS]);
  const ort = await loadOrt();
  let memory: Float32Array;
  try {
    const session = await createSession(writeOnnx(b.build()), { threads: 1, optimisation: 'disabled' });
    const ramp = Float32Array.from({ length: CHANNELS * POSITIONS }, (_, at) => at);
    const x = new ort.Tensor('float32', ramp, [1, CHANNELS, 1, POSITIONS]);
    memory = (await session.run({ x }, { y: null })).y.data as Float32Array;
    await session.release();
  } catch {
    return null;
  }
  return blockSizeOf(memory);
}

/** The block size that explains how a ramp over [1, 64, 1, 2] was rearranged; null when none does. */
export function blockSizeOf(memory: Float32Array): number | null {
  for (const block of [4, 8, 16, 32]) {
    const explained = memory.every((value, at) => {
      const position = Math.floor(at / block) % POSITIONS;
      const channel = Math.floor(at / (block * POSITIONS)) * block + (at % block);
      return value === channel * POSITIONS + position;
    });
    if (explained && memory.length === CHANNELS * POSITIONS) return block;
  }
  return null;
}
