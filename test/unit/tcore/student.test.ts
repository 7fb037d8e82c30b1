/** A student whose teacher answers ahead, about images that are not asked for yet. */
import { expect, it } from 'vitest';
import { smallNet } from '../../../src-main/engine/attacks/encoder/small-net.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import type { CompiledGraph, Provider } from '../../../src-main/engine/providers/provider.ts';
import { createStudent, freshStudent } from '../../../src-main/engine/tcore/student.ts';

const shape = [1, 12, 12] as const;
const encoder = understandEncoder(smallNet(shape, 3, [4, 4, 8]).graph);

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A provider with one graph that answers as told. */
function answering(graph: Partial<CompiledGraph>): Provider {
  const compiled = { setState: () => undefined, getState: () => ({}), dispose: () => Promise.resolve(), ...graph };
  return { compile: () => Promise.resolve(compiled) } as unknown as Provider;
}

it('a teacher that fails while the student learns ends the epoch by its own error, and nothing else', async () => {
  const own = answering({
    run: async () => {
      await later(40);
      return { loss: { dtype: 'float32', dims: [], data: Float32Array.of(1) } };
    },
  });
  let asked = 0;
  const teacher = answering({
    ahead: 2,
    run: async () => {
      if (++asked === 1) return {};
      await later(5);
      throw new Error('the thread of the teacher ended');
    },
  });
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    const student = freshStudent(encoder, 2, [], 1, 'student');
    const made = await createStudent(own, { encoder, student, classes: 2, batch: 4, teacher });
    const epoch = made.epoch({
      samples: { count: 16, shape, labels: new Int32Array(16), classes: ['a', 'b'], read: () => undefined },
      indices: Int32Array.from({ length: 16 }, (_, i) => i),
      labelOf: () => 0,
      distils: () => true,
      weight: 3,
      view: { crop: 0.5, flip: true, jitter: 0.1 },
      corruption: { rectangle: 0.5, overlay: 0.5, waves: 0.5 },
      seed: 1,
      stream: 'student',
      rate: () => 0.1,
      signal: new AbortController().signal,
    });
    await expect(epoch).rejects.toThrow('the thread of the teacher ended');
    await later(0);
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});
