import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src-main/formats/datasets/open.ts';
import { cachedPixelFile, type CacheOptions } from '../../../src-main/formats/datasets/pixel-cache.ts';
import type { PixelFile } from '../../../src-main/formats/datasets/pixel-file.ts';
import { defaultLimits, parseLimits, withLimits } from '../../../src-main/formats/limits.ts';
import { failureOf, imageFolder, noise, png, put, scratchFolder } from './make.ts';

const any = { classes: 0, perClass: 0 };

async function cached(path: string, folder: string, more: Partial<CacheOptions> = {}): Promise<PixelFile> {
  const dataset = await openDataset(path, { minimum: any });
  const options = { folder, channels: 3, height: 4, width: 4, minimum: any, ...more } as const;
  const pixels = await cachedPixelFile(dataset, options);
  pixels.close();
  await dataset.close();
  return pixels;
}

function setting(): { readonly root: string; readonly data: string; readonly cache: string } {
  const root = scratchFolder();
  const data = join(root, 'data');
  imageFolder(data, ['a', 'b'], 3);
  put(root, 'cache/keep', '');
  return { root, data, cache: join(root, 'cache') };
}

const files = (cache: string): number => readdirSync(cache).filter((name) => name.endsWith('.pixels')).length;

describe('decoded pixels kept for the next run', () => {
  it('are used again for the dataset they were made of', async () => {
    const { data, cache } = setting();
    expect((await cached(data, cache)).reused).toBe(false);
    expect((await cached(data, cache)).reused).toBe(true);
    expect(files(cache)).toBe(1);
  });

  it('are used again for an equal dataset elsewhere, and for one whose files were only touched', async () => {
    const { root, data, cache } = setting();
    const first = await cached(data, cache);
    cpSync(data, join(root, 'copy'), { recursive: true });
    put(root, 'copy/readme.txt', 'not a sample');
    const copy = await cached(join(root, 'copy'), cache);
    expect([copy.reused, copy.file, copy.datasetDigest]).toEqual([true, first.file, first.datasetDigest]);
    // What was skipped is told of the copy.
    expect([first.skipped.count, copy.skipped.count]).toEqual([0, 1]);
    utimesSync(join(data, 'a/00.png'), 1, 1);
    expect((await cached(data, cache)).reused).toBe(true);
    expect(files(cache)).toBe(1);
  });

  it('are never used for a dataset that changed, be it one byte, one name or one label', async () => {
    const { root, data, cache } = setting();
    const seen = new Set([(await cached(data, cache)).datasetDigest]);
    writeFileSync(join(data, 'a/00.png'), png(noise(6, 6, 3, 999)));
    const changed = await cached(data, cache);
    expect(changed.reused).toBe(false);
    seen.add(changed.datasetDigest);
    cpSync(join(data, 'a/00.png'), join(root, 'other/b/00.png'));
    for (const name of ['a/01.png', 'a/02.png', 'b/01.png', 'b/02.png'])
      cpSync(join(data, name), join(root, 'other', name));
    cpSync(join(data, 'b/00.png'), join(root, 'other/a/00.png'));
    const swapped = await cached(join(root, 'other'), cache);
    expect(swapped.reused).toBe(false);
    seen.add(swapped.datasetDigest);
    expect(seen.size).toBe(3);
  });

  it('are never used for another size, other channels or other limits', async () => {
    const { data, cache } = setting();
    await cached(data, cache);
    expect((await cached(data, cache, { height: 5 })).reused).toBe(false);
    expect((await cached(data, cache, { channels: 1 })).reused).toBe(false);
    expect((await cached(data, cache, { limits: { image: { maxPixels: 1000 } } })).reused).toBe(false);
    expect(files(cache)).toBe(4);
  });

  it('tell the same notes the second time', async () => {
    const { data, cache } = setting();
    put(data, 'a/alpha.png', png(noise(3, 3, 4, 5)));
    const first = await cached(data, cache);
    expect(first.notes).toEqual(['1 image: stored transparency, which was dropped; the colours below it were kept']);
    expect((await cached(data, cache)).notes).toEqual(first.notes);
  });
});

/** A process that was there and is no more. */
const gone = spawnSync(process.execPath, ['-e', '']).pid;

describe('the folder of decoded pixels', () => {
  it('is kept below its limit: what was not used for the longest time goes, what is in use stays', async () => {
    const { data, cache } = setting();
    const sizes = [4, 5, 6] as const;
    const made: PixelFile[] = [];
    for (const [i, height] of sizes.entries()) {
      made.push(await cached(data, cache, { height }));
      utimesSync(`${made[i].file}.json`, 1000 + i, 1000 + i);
    }
    // Using the oldest makes it the youngest.
    expect((await cached(data, cache, { height: 4 })).reused).toBe(true);
    const bytes = (file: string): number =>
      ['', '.columns', '.json'].reduce((sum, end) => sum + statSync(file + end).size, 0);
    const limits = { dataset: { maxCacheBytes: bytes(made[0].file) + bytes(made[2].file) } };
    expect((await cached(data, cache, { height: 4, limits })).reused).toBe(true);
    expect(made.map(({ file }) => existsSync(file))).toEqual([true, false, true]);
    expect((await cached(data, cache, { height: 4, limits: { dataset: { maxCacheBytes: 1 } } })).reused).toBe(true);
    expect(readdirSync(cache).sort()).toEqual(
      ['keep', ...['', '.columns', '.json'].map((end) => basename(made[0].file) + end)].sort(),
    );
  });

  it('holds nothing of a writer that was killed', async () => {
    const { data, cache } = setting();
    const { file } = await cached(data, cache);
    const name = basename(file);
    for (const left of [
      `${name}.${gone}.partial`,
      `other.pixels.digests.${gone}.partial`,
      'half.pixels',
      'half.pixels.columns',
    ])
      put(cache, left, 'left behind');
    put(cache, `coresift-unpacked-${gone}-x1/data.bin`, 'unpacked');
    put(cache, `somebody.pixels.${process.ppid}.partial`, 'at work');
    expect((await cached(data, cache)).reused).toBe(true);
    expect(readdirSync(cache).sort()).toEqual(
      ['keep', name, `${name}.columns`, `${name}.json`, `somebody.pixels.${process.ppid}.partial`].sort(),
    );
  });
});

describe('limits set by a person', () => {
  it('replace the defaults by name', () => {
    const limits = withLimits(parseLimits({ 'dataset.maxFiles': 5, 'image.maxSide': 9 }));
    expect([limits.dataset.maxFiles, limits.image.maxSide]).toEqual([5, 9]);
    expect(limits.dataset.maxDepth).toBe(defaultLimits.dataset.maxDepth);
    expect(parseLimits({})).toEqual({});
  });

  it.each([
    ['dataset.maxFoos', 5],
    ['maxFiles', 5],
    ['dataset.maxFiles.x', 5],
    ['__proto__.x', 5],
    ['dataset.constructor', 5],
    ['dataset.maxFiles', 0],
    ['dataset.maxFiles', 1.5],
    ['dataset.maxFiles', Infinity],
  ])('refuses %s = %s and says which there are', async (name, value) => {
    const failure = await failureOf(() => parseLimits({ [name]: value }));
    expect([failure.code, failure.detail]).toEqual([
      'usage',
      expect.stringMatching(/There is no limit|wants a whole number/),
    ]);
  });
});
