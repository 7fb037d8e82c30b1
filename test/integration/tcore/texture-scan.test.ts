/** An encoder that was made to answer to a small texture is found, a clean one is not called that. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { texturedPatch } from '../../../src-main/engine/attacks/encoder/ssl-backdoor.ts';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { cosineOf } from '../../../src-main/engine/evidence/collapse.ts';
import type { SearchFailure } from '../../../src-main/engine/evidence/gradient-search.ts';
import { isTrigger } from '../../../src-main/engine/evidence/patch-scan.ts';
import { placesOf, scanForTexture, type FoundTexture } from '../../../src-main/engine/evidence/texture-scan.ts';
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
  shape,
  withoutNumbers,
} from '../../support/scanned-encoders.ts';

/** 9 x 9 random cells from row and column 14. */
const planted = texturedPatch(shape, 3, 9).trigger;
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

const scan = (
  encoder: Encoder,
  batch = 32,
  stop = signal,
  away: Float32Array | null = null,
): Promise<FoundTexture | SearchFailure> =>
  scanForTexture(provider, encoder, images, measured, others, {
    ...(away === null ? {} : { away }),
    side: 0.25,
    batch,
    measureBatch: batch,
    seed: 1,
    signal: stop,
    onProgress: () => {},
  });

describe('the texture scan', () => {
  it('finds a patch in the place of the planted one, under which the encoder sees images as one', async () => {
    const steps: number[] = [];
    const found = await scanForTexture(provider, poisoned, images, measured, others, {
      ...{ side: 0.25, batch: 32, measureBatch: 32, seed: 1, signal },
      onProgress: (done, of) => steps.push(done / of),
    });
    if (typeof found === 'string' || found.trigger.form !== 'patch') throw new Error('no patch was searched');
    const { scan: facts, trigger } = found;
    expect(isTrigger(facts)).toBe(true);
    expect(facts).toMatchObject({ size: 7, images: 64, positions: 49 });
    expect([Math.abs(facts.row - 15), Math.abs(facts.column - 15)].every((off) => off <= 7)).toBe(true);
    expect(trigger.mask.reduce((sum, value) => sum + value, 0)).toBe(49);
    expect(Math.min(...trigger.pattern)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...trigger.pattern)).toBeLessThanOrEqual(1);
    expect(steps.at(-1)).toBe(1);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(await scan(poisoned)).toEqual(found);
    // It is the encoder's one answer: what is searched to lead elsewhere leaves images apart.
    const other = await scan(poisoned, 32, signal, found.centre);
    if (typeof other === 'string') throw new Error('no patch was searched');
    expect(facts.collapse - other.scan.collapse).toBeGreaterThan(0.2);
    expect(cosineOf(other.centre, found.centre)).toBeLessThan(0.9);
  });

  it('finds none in the clean encoder, whose images stay apart', async () => {
    const found = await scan(clean);
    if (typeof found === 'string') throw new Error('no patch was searched');
    expect(found.scan.collapse).toBeGreaterThan(found.scan.base);
    expect(found.scan.collapse).toBeLessThan(0.82);
  });

  it('works on as few images at once as memory allows', async () => {
    const found = await scan(clean, 2);
    if (typeof found === 'string') throw new Error('no patch was searched');
    expect(found.scan.collapse).toBeLessThan(0.82);
  });

  it('is not made of one whose answers are no numbers', async () => {
    expect(await scan(withoutNumbers(clean))).toBe('not-finite');
  });

  it('is not made of one that no gradient leads through', async () => {
    expect(await scan(behind(clean, bytes))).toBe('no-gradient');
  });

  it('ends at once when it is cancelled', async () => {
    await expect(scan(clean, 32, AbortSignal.abort())).rejects.toThrow('Cancelled');
  });
});

describe('the places that are tried', () => {
  it('reach every edge and are at most a seventh of the shorter side apart', () => {
    const places = placesOf(28, 42, 7);
    expect(new Set(places.map(({ row }) => row))).toEqual(new Set([0, 4, 8, 12, 16, 20, 21]));
    expect(Math.max(...places.map(({ column }) => column))).toBe(35);
    expect(placesOf(7, 7, 7)).toEqual([{ row: 0, column: 0 }]);
    // Of small ones none stands apart from the next.
    expect(placesOf(28, 28, 2).length).toBe(14 * 14);
  });
});
