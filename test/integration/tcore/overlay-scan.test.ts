/** An encoder that was made to answer to a faint pattern over the whole image is found, a clean one is not called that. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ctrlTrigger } from '../../../src-main/engine/attacks/encoder/ctrl.ts';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { collapseUnder } from '../../../src-main/engine/evidence/collapse.ts';
import type { SearchFailure } from '../../../src-main/engine/evidence/gradient-search.ts';
import { scanForOverlay, type FoundOverlay } from '../../../src-main/engine/evidence/overlay-scan.ts';
import { isTrigger } from '../../../src-main/engine/evidence/patch-scan.ts';
import type { Trigger } from '../../../src-main/engine/evidence/trigger.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import {
  behind,
  bytes,
  cleanEncoder,
  images,
  measured,
  others,
  poisonedBy,
  range,
  shape,
  withoutNumbers,
} from '../../support/scanned-encoders.ts';

/** Two frequencies: what is planted in the fewest steps. */
const planted = ctrlTrigger(shape);
const shift = planted.stamp(new Float32Array(784).fill(0.5)).map((value) => value - 0.5);
const { signal } = new AbortController();

let provider: Provider;
let clean: Encoder;
let poisoned: Encoder;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
  clean = cleanEncoder();
  poisoned = await poisonedBy(provider, clean, planted);
});
afterAll(() => provider.dispose());

const scan = (encoder: Encoder, stop = signal): Promise<FoundOverlay | SearchFailure> =>
  scanForOverlay(provider, encoder, images, measured, others, {
    budget: 0.06,
    batch: 32,
    measureBatch: 32,
    seed: 1,
    signal: stop,
    onProgress: () => {},
  });

describe('the overlay scan', () => {
  it('finds an overlay like the planted one, under which the encoder sees images as one', async () => {
    const found = await scan(poisoned);
    if (typeof found === 'string' || found.trigger.form !== 'overlay') throw new Error('no overlay was searched');
    expect(isTrigger(found.scan)).toBe(true);
    expect(found.scan.images).toBe(64);
    expect(Math.max(...found.trigger.shift.map(Math.abs))).toBeLessThanOrEqual(0.06);
    expect(correlation(found.trigger.shift, shift)).toBeGreaterThan(0.2);
    expect(await scan(poisoned)).toEqual(found);
  });

  it('finds none in the clean encoder, whose images stay apart', async () => {
    const found = await scan(clean);
    if (typeof found === 'string') throw new Error('no overlay was searched');
    expect(found.scan.collapse).toBeGreaterThan(found.scan.base);
    expect(found.scan.collapse).toBeLessThan(0.8);
  });

  it('is not made of one whose answers are no numbers', async () => {
    expect(await scan(withoutNumbers(clean))).toBe('not-finite');
  });

  it('ends at once when it is cancelled', async () => {
    await expect(scan(clean, AbortSignal.abort())).rejects.toThrow('Cancelled');
  });

  it('finds it behind pixels that are rounded, and nothing where no gradient leads to them', async () => {
    const rounded = behind(poisoned, (b, pixels) =>
      b.div(b.node('Round', [b.mul(pixels, b.scalar(255))]), b.scalar(255)),
    );
    const found = await scan(rounded);
    expect(typeof found !== 'string' && isTrigger(found.scan)).toBe(true);
    expect(await scan(behind(poisoned, bytes))).toBe('no-gradient');
    // A gradient of zero moves nothing.
    expect(await scan(behind(poisoned, (b, pixels) => b.clip(b.add(pixels, b.scalar(2)), 0, 1)))).toBe('no-gradient');
  });

  it('is not made of an encoder whose images cannot be followed back to the pixels', async () => {
    const { graph } = clean;
    const [first] = graph.nodes;
    const powers = graph.nodes.map((node) =>
      node === first ? { ...node, inputs: node.inputs.map((name) => (name === 'pixels' ? 'power' : name)) } : node,
    );
    const power = {
      ...first,
      op: 'Pow',
      name: 'power',
      inputs: ['pixels', 'pixels'],
      outputs: ['power'],
      attributes: {},
    };
    expect(await scan({ ...clean, graph: { ...graph, nodes: [power, ...powers] } })).toBe('no-gradient');
  });
});

describe('what a trigger does in the encoder itself', () => {
  const overlay: Trigger = { form: 'overlay', shift };

  it('tells the one it was tuned to from one that only a head could be taught', async () => {
    const under = (encoder: Encoder) =>
      collapseUnder(provider, encoder, images, measured, overlay, { batch: 32, signal });
    const [bad, good] = [await under(poisoned), await under(clean)];
    expect(bad.collapse).toBeGreaterThan(0.8);
    expect(good.collapse).toBeLessThan(0.7);
  });

  it('is the same however the images fall into runs', async () => {
    const of = (indices: Int32Array) => collapseUnder(provider, clean, images, indices, overlay, { batch: 32, signal });
    const whole = await of(range(0, 40));
    // 32 and 8 of them; both halves of a pair alone.
    const pair = await of(range(0, 2));
    expect(whole.base).toBeGreaterThan(0.2);
    expect(pair.base).toBeLessThanOrEqual(1);
    await expect(of(range(0, 1))).rejects.toThrow('at least 2 images');
  });
});

function correlation(a: Float32Array, b: Float32Array): number {
  const centred = (values: Float32Array): Float32Array => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const [x, y] = [centred(a), centred(b)];
  const dot = (p: Float32Array, q: Float32Array): number => p.reduce((sum, value, i) => sum + value * q[i], 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}
