/** The HDF5 library works in a thread that can be ended whatever it is at. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Hdf5File } from '../../../src-main/formats/hdf5/file.ts';
import { openHdf5, threadFile } from '../../../src-main/formats/hdf5/library.ts';
import { defaultLimits, type Hdf5Limits } from '../../../src-main/formats/limits.ts';
import { CancelledError } from '../../../src-shared/failure.ts';
import { codeOf } from './make.ts';

const honest = new Uint8Array(readFileSync(new URL('../../fixtures/datasets/svhn-v73.mat', import.meta.url)));
const caps = { maxObjects: 1000, maxDepth: 32, maxTexts: 1000, maxTextBytes: 1e6 };

const open = (limits: Partial<Hdf5Limits> = {}, signal?: AbortSignal): Promise<Hdf5File> =>
  openHdf5(honest, { limits: { ...defaultLimits.hdf5, ...limits }, caps, what: 'x.mat', signal });

describe('the thread of the HDF5 library', () => {
  it('lists a file and hands out its values in pieces', async () => {
    const file = await open();
    const { datasets, links } = await file.list();
    expect(links).toEqual([]);
    const images = datasets.find(({ path }) => path === 'X');
    expect(images?.dims).toEqual([24, 3, 32, 32]);
    let bytes = 0;
    await file.values(images ?? datasets[0], (piece) => void (bytes += piece.byteLength));
    expect(bytes).toBe(24 * 3 * 32 * 32);
    await file.close();
  });

  it('is ended when it has not finished in time, and says which limit that was', async () => {
    const file = await open({ timeoutSeconds: 0.001 });
    const failure = await file.list().catch((error: unknown) => error as Error & { readonly code?: string });
    expect(failure).toMatchObject({ code: 'reader-stopped' });
    expect((failure as Error).message).toMatch(/limit hdf5\.timeoutSeconds/);
    // It is gone: what is asked now is answered with the same error, at once.
    expect(await codeOf(() => file.list())).toBe('reader-stopped');
    await file.close();
  });

  it('is ended when the run is cancelled', async () => {
    const cancel = new AbortController();
    const file = await open({}, cancel.signal);
    const listing = file.list();
    cancel.abort();
    await expect(listing).rejects.toBeInstanceOf(CancelledError);
    await file.close();
  });

  it('is found beside the source, beside the built entries and below them', () => {
    expect(threadFile('file:///a/src/library.ts').href).toBe('file:///a/src/thread.ts');
    expect(threadFile('file:///a/out/main/engine.js').href).toBe('file:///a/out/main/hdf5.js');
    expect(threadFile('file:///a/out/main/chunks/library-x.js').href).toBe('file:///a/out/main/hdf5.js');
  });
});
