import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src-main/formats/datasets/open.ts';
import type { PixelFile } from '../../../src-main/formats/datasets/pixel-file.ts';
import { buildPixelFile, type PixelOptions } from '../../../src-main/formats/datasets/pixels.ts';
import { failureOf, noise, png, put, scratchFolder, viaSharp } from './make.ts';

const any = { classes: 0, perClass: 0 };

/** Every way of decoding: here at once, by libvips, refused; sizes that are resized and ones that are not. */
async function mixed(root: string): Promise<string> {
  const folder = join(root, 'data');
  for (let i = 0; i < 150; i++) {
    const pixels = noise(5 + (i % 7), 6, 3, i);
    const name = `${i % 2 === 0 ? 'a' : 'b'}/${String(i).padStart(4, '0')}`;
    if (i % 10 === 3) put(folder, `${name}.jpg`, await viaSharp(pixels).jpeg().toBuffer());
    else if (i % 10 === 5) put(folder, `${name}.webp`, await viaSharp(pixels).webp().toBuffer());
    else if (i % 10 === 7) put(folder, `${name}.png`, 'not a picture');
    else if (i % 10 === 8) put(folder, `${name}.png`, png(noise(9, 4, 4, i)));
    else put(folder, `${name}.png`, png(pixels));
  }
  return folder;
}

async function built(path: string, file: string, more: Partial<PixelOptions>): Promise<PixelFile> {
  const dataset = await openDataset(path, { minimum: any });
  try {
    const pixels = await buildPixelFile(dataset, { file, channels: 3, height: 6, width: 6, minimum: any, ...more });
    pixels.close();
    return pixels;
  } finally {
    await dataset.close();
  }
}

const bytesOf = (file: string): Buffer[] => ['', '.columns', '.json'].map((end) => readFileSync(file + end));

describe('decoding in threads', () => {
  it('gives the same files, byte for byte, as decoding in one', async () => {
    const root = scratchFolder();
    const data = await mixed(root);
    const one = await built(data, join(root, 'one'), { threads: 0 });
    let told = '';
    const onOneThread = (reason: string): void => void (told = reason);
    const three = await built(data, join(root, 'three'), { threads: 3, parallel: 2, onOneThread });
    expect(told).toBe('');
    expect([one.count, one.unreadable.count]).toEqual([135, 15]);
    expect(one.changes.join()).toContain('transparency');
    expect(bytesOf(three.file)).toEqual(bytesOf(one.file));
  });

  it('goes through every sample in order and tells how far it is', async () => {
    const root = scratchFolder();
    const data = await mixed(root);
    const seen: number[] = [];
    const pixels = await built(data, join(root, 'p'), { threads: 2, onProgress: ({ done }) => seen.push(done) });
    expect(seen.at(-1)).toBe(150);
    expect(seen).toEqual(seen.toSorted((x, y) => x - y));
    expect([...pixels.indices]).toEqual([...pixels.indices].sort((x, y) => x - y));
  });

  it('stops when it is cancelled, and leaves nothing behind', async () => {
    const root = scratchFolder();
    const data = await mixed(root);
    const stop = new AbortController();
    const work = built(data, join(root, 'p'), { threads: 2, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(work).rejects.toThrow('Cancelled');
    const again = await built(data, join(root, 'p'), { threads: 2 });
    expect(again.reused).toBe(false);
  });

  it('a dataset without one readable picture fails as it does in one thread', async () => {
    const root = scratchFolder();
    for (let i = 0; i < 4; i++) put(root, `data/${i % 2}/${i}.png`, 'no picture');
    const failures = await Promise.all(
      [0, 2].map((threads) => failureOf(() => built(join(root, 'data'), join(root, `p${threads}`), { threads }))),
    );
    expect(failures[1].code).toBe('no-readable-image');
    expect(failures[1].detail).toBe(failures[0].detail);
  });
});
