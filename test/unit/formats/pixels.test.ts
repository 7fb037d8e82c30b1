import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CancelledError } from '../../../src-shared/failure.ts';
import { startFile } from '../../../src-main/formats/datasets/column-file.ts';
import { conflictsIn, duplicateGroups, originalsIn } from '../../../src-main/formats/datasets/duplicates.ts';
import { openDataset } from '../../../src-main/formats/datasets/open.ts';
import { openPixelFile } from '../../../src-main/formats/datasets/pixel-file.ts';
import { buildPixelFile } from '../../../src-main/formats/datasets/pixels.ts';
import { decodeImage } from '../../../src-main/formats/images/decode.ts';
import { fitImage } from '../../../src-main/formats/images/fit.ts';
import { systemFailure } from '../../../src-main/formats/system.ts';
import { codeOf, failureOf, imageFolder, noise, png, put, scratchFolder, viaSharp } from './make.ts';

const any = { classes: 0, perClass: 0 };
const shape = { channels: 3, height: 8, width: 8 } as const;

/** Small PNG, large PNG and JPEG (decoded later), broken files, the same picture in other clothes. */
async function mixed(root: string): Promise<void> {
  const same = noise(6, 6, 3, 77);
  put(root, 'a/1.png', png(same));
  put(
    root,
    'a/2.jpg',
    await viaSharp(noise(90, 50, 3, 2))
      .jpeg()
      .toBuffer(),
  );
  put(root, 'a/3.png', 'broken');
  put(root, 'a/4.png', png(noise(6, 6, 1, 4)));
  put(root, 'b/1.png', png(same));
  put(root, 'b/2.webp', await viaSharp(same).webp({ lossless: true }).toBuffer());
  put(root, 'b/3.png', '');
  put(
    root,
    'b/4.png',
    await viaSharp(noise(600, 500, 3, 5))
      .png()
      .toBuffer(),
  );
}

describe('buildPixelFile', () => {
  let root = '';
  let out = '';
  beforeAll(async () => {
    const folder = scratchFolder();
    root = join(folder, 'data');
    out = join(folder, 'out');
    mkdirSync(out);
    await mixed(root);
  });

  it('decodes every readable image, in order, and names the others', async () => {
    const dataset = await openDataset(root, { minimum: any });
    const file = await buildPixelFile(dataset, { ...shape, file: join(out, 'one'), minimum: any });
    expect([file.count, file.total, file.shape]).toEqual([6, 8, [3, 8, 8]]);
    expect([...file.indices]).toEqual([0, 1, 3, 4, 5, 7]);
    expect([...file.labels]).toEqual([0, 0, 0, 1, 1, 1]);
    expect(file.unreadable.count).toBe(2);
    expect(file.unreadable.listed.map(({ name }) => name)).toEqual(['a/3.png', 'b/3.png']);
    expect(file.unreadable.listed[1].reason).toBe('the file is empty');
    for (let i = 0; i < file.count; i++) {
      const index = file.indices[i];
      const bytes = dataset.bytes(index);
      expect(file.name(i)).toBe(dataset.name(index));
      expect(file.digest(i)).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(file.pixels(i)).toEqual(fitImage(await decodeImage(bytes), shape));
    }
    expect(createHash('sha256').update(readFileSync(file.file)).digest('hex')).toBe(file.pixelsDigest);
    expect(
      readdirSync(out)
        .filter((name) => name.startsWith('one'))
        .sort(),
    ).toEqual(['one', 'one.columns', 'one.json']);
  });

  it('finds files with the same bytes and files with the same pixels', async () => {
    const dataset = await openDataset(root, { minimum: any });
    const file = await buildPixelFile(dataset, { ...shape, file: join(out, 'two'), minimum: any });
    expect([...file.sameBytesAs]).toEqual([0, 1, 2, 0, 4, 5]);
    expect([...file.samePixelsAs]).toEqual([0, 1, 2, 0, 0, 5]);
    expect(duplicateGroups(file.samePixelsAs, file.labels)).toEqual([{ members: [0, 3, 4], conflicting: true }]);
  });

  it('takes for a copy what repeats pixels and label, and nothing under another label', () => {
    //                             a  b  a  a  a  b  a
    const first = Int32Array.of(0, 1, 0, 0, 0, 1, 0);
    const labels = Int32Array.of(0, 1, 2, 0, 2, 1, 1);
    expect([...originalsIn(first, labels)]).toEqual([0, 1, 2, 0, 2, 1, 6]);
    expect([...conflictsIn(first, labels)]).toEqual([0, 2, 3, 4, 6]);
    expect([...originalsIn(new Int32Array(0), new Int32Array(0))]).toEqual([]);
  });

  it('makes the same bytes whatever is decoded at the same time', async () => {
    const dataset = await openDataset(root, { minimum: any });
    const digests = new Set<string>();
    for (const parallel of [1, 2, 8]) {
      const file = await buildPixelFile(dataset, { ...shape, file: join(out, `p${parallel}`), minimum: any, parallel });
      digests.add(`${file.pixelsDigest} ${file.datasetDigest}`);
    }
    expect(digests.size).toBe(1);
  });

  it('reads samples in any order as float32 in 0..1', async () => {
    const dataset = await openDataset(root, { minimum: any });
    const file = await buildPixelFile(dataset, { ...shape, file: join(out, 'three'), minimum: any });
    const order = [5, 0, 1, 2, 2, 4, 3];
    const values = new Float32Array(order.length * 192 + 1).fill(-1);
    file.read(order, values);
    order.forEach((index, at) => {
      const wanted = Float32Array.from(file.pixels(index), (value) => value / 255);
      expect(values.subarray(at * 192, (at + 1) * 192)).toEqual(wanted);
    });
    expect(values[order.length * 192]).toBe(-1);
    for (const bad of [-1, 6, 0.5, Number.NaN]) expect(() => file.read([bad], values)).toThrow(RangeError);
    expect(() => file.read([0, 1], new Float32Array(300))).toThrow(RangeError);
  });

  it('opens a finished file again instead of making it, until the data or the settings change', async () => {
    const folder = scratchFolder();
    imageFolder(join(folder, 'd'), ['a', 'b'], 10);
    const options = { ...shape, file: join(folder, 'pixels') };
    const build = async (more = {}): Promise<{ reused: boolean; datasetDigest: string }> => {
      const dataset = await openDataset(join(folder, 'd'));
      const file = await buildPixelFile(dataset, { ...options, ...more });
      file.close();
      return file;
    };
    const first = await build();
    expect(first.reused).toBe(false);
    expect(await build()).toMatchObject({ reused: true, datasetDigest: first.datasetDigest });
    expect(await build({ height: 9 })).toMatchObject({ reused: false, datasetDigest: first.datasetDigest });
    expect((await build()).reused).toBe(false);
    put(folder, 'd/a/05.png', png(noise(6, 6, 3, 4242)));
    const changed = await build();
    expect(changed.reused).toBe(false);
    expect(changed.datasetDigest).not.toBe(first.datasetDigest);
  });

  it('throws away what an interrupted run left', async () => {
    const folder = scratchFolder();
    imageFolder(join(folder, 'd'), ['a', 'b'], 10);
    const dataset = await openDataset(join(folder, 'd'));
    const file = join(folder, 'pixels');
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    const partial = `${file}.${gone}.partial`;
    writeFileSync(partial, 'left behind');
    const whole = await buildPixelFile(dataset, { ...shape, file });
    expect(existsSync(partial)).toBe(false);
    rmSync(`${file}.json`);
    expect(await codeOf(() => openPixelFile(file))).toBe('file-missing');
    const again = await buildPixelFile(dataset, { ...shape, file });
    expect([again.reused, again.pixelsDigest]).toEqual([false, whole.pixelsDigest]);
    truncateSync(file, 100);
    expect(await codeOf(() => openPixelFile(file))).toBe('input-changed');
    expect((await buildPixelFile(dataset, { ...shape, file })).pixelsDigest).toBe(whole.pixelsDigest);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const folder = scratchFolder();
    imageFolder(join(folder, 'd'), ['a', 'b'], 10);
    const dataset = await openDataset(join(folder, 'd'));
    const file = join(folder, 'pixels');
    await expect(buildPixelFile(dataset, { ...shape, file, signal: AbortSignal.abort() })).rejects.toThrow(
      CancelledError,
    );
    expect(readdirSync(folder)).toEqual(['d']);
  });

  it('reports how far it is, up to the end', async () => {
    const dataset = await openDataset(root, { minimum: any });
    const seen: number[] = [];
    await buildPixelFile(dataset, {
      ...shape,
      file: join(out, 'four'),
      minimum: any,
      onProgress: ({ done }) => seen.push(done),
    });
    expect(seen.at(-1)).toBe(8);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it('the dataset digest depends on labels and bytes, not on where the dataset lies', async () => {
    const digest = async (change: (folder: string) => void): Promise<string> => {
      const folder = scratchFolder();
      imageFolder(join(folder, 'd'), ['a', 'b'], 10);
      change(join(folder, 'd'));
      utimesSync(join(folder, 'd/a/00.png'), 1, 1);
      const dataset = await openDataset(join(folder, 'd'));
      return (await buildPixelFile(dataset, { ...shape, file: join(folder, 'pixels') })).datasetDigest;
    };
    const plain = await digest(() => undefined);
    expect(await digest(() => undefined)).toBe(plain);
    expect(await digest((folder) => put(folder, 'b/zz.png', 'broken'))).not.toBe(plain);
    expect(await digest((folder) => put(folder, 'b/03.png', png(noise(6, 6, 3, 99))))).not.toBe(plain);
  });

  it('refuses when no image, or too few, can be read', async () => {
    const folder = scratchFolder();
    for (const name of ['a', 'b']) for (let i = 0; i < 10; i++) put(folder, `d/${name}/${i}.jpg`, `junk ${i}`);
    const dataset = await openDataset(join(folder, 'd'));
    const failure = await failureOf(() => buildPixelFile(dataset, { ...shape, file: join(folder, 'p') }));
    expect(failure.code).toBe('no-readable-image');
    expect(failure.detail).toContain('a/0.jpg: not an image');
    imageFolder(join(folder, 'd'), ['a'], 10);
    const half = await openDataset(join(folder, 'd'));
    expect(await codeOf(() => buildPixelFile(half, { ...shape, file: join(folder, 'p') }))).toBe('one-class-dataset');
    expect(readdirSync(folder)).toEqual(['d']);
  });
});

describe('a full device', () => {
  it.skipIf(!existsSync('/dev/full'))('is no-space, from the first byte that does not fit', async () => {
    const folder = scratchFolder();
    const failure = await failureOf(() => {
      try {
        writeFileSync('/dev/full', 'x');
      } catch (error) {
        throw systemFailure(error, join(folder, 'pixels'));
      }
    });
    expect(failure.code).toBe('no-space');
  });

  it('gives back the temporary file', () => {
    const folder = scratchFolder();
    const part = startFile(join(folder, 'x'));
    part.append(Buffer.alloc(3_000_000, 7));
    part.discard();
    expect(readdirSync(folder)).toEqual([]);
  });
});
