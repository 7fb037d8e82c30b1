import { appendFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../src-main/formats/datasets/open.ts';
import type { Dataset } from '../../../src-main/formats/datasets/dataset.ts';
import { codeOf, failureOf, idx, imageFolder, noise, png, put, scratchFolder, viaSharp } from './make.ts';

const any = { classes: 0, perClass: 0 };
const names = (dataset: Dataset): string[] => Array.from({ length: dataset.count }, (_unused, i) => dataset.name(i));
const labels = (dataset: Dataset): number[] => Array.from({ length: dataset.count }, (_unused, i) => dataset.label(i));

describe('image folder', () => {
  it('takes folders as classes and files in code point order, nested ones too', async () => {
    const root = scratchFolder();
    const image = png(noise(3, 3, 1));
    for (const name of [
      'b/2.png',
      'b/10.png',
      'b/Z.png',
      'b/sub/1.png',
      'a/x.png',
      'a/é.png',
      'a/😀.png',
      'a/\uFF5E.png',
    ])
      put(root, name, image);
    const dataset = await openDataset(root, { minimum: any });
    expect(dataset.format).toBe('image-folder');
    expect(dataset.classes).toEqual(['a', 'b']);
    expect(names(dataset)).toEqual([
      'a/x.png',
      'a/é.png',
      'a/\uFF5E.png',
      'a/😀.png',
      'b/10.png',
      'b/2.png',
      'b/Z.png',
      'b/sub/1.png',
    ]);
    expect(labels(dataset)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('orders classes that are numbers by their value', async () => {
    const root = scratchFolder();
    imageFolder(root, ['10', '9', '0'], 1);
    expect((await openDataset(root, { minimum: any })).classes).toEqual(['0', '9', '10']);
  });

  it('finds images without an extension by their bytes and leaves other files out by name', async () => {
    const root = scratchFolder();
    imageFolder(root, ['a', 'b'], 1);
    put(
      root,
      'a/photo',
      await viaSharp(noise(4, 4, 3))
        .webp()
        .toBuffer(),
    );
    put(root, 'a/notes.md', 'nothing');
    put(root, 'a/.DS_Store', 'x');
    put(root, 'b/broken.jpg', 'not a jpeg');
    const dataset = await openDataset(root, { minimum: any });
    expect(names(dataset)).toEqual(['a/00.png', 'a/photo', 'b/00.png', 'b/broken.jpg']);
    expect(dataset.skipped.listed).toEqual([{ name: 'a/notes.md', reason: 'not an image' }]);
    expect((await failureOf(() => dataset.load(3))).code).toBe('image-unreadable');
    expect((await dataset.load(1)).width).toBe(4);
  });

  it('says what a folder holds that is no dataset itself: often the dataset lies one folder further down', async () => {
    const root = scratchFolder();
    put(root, 'stl10_binary/train_X.bin', 'x');
    put(root, 'read\u202Eme.txt', 'x');
    const failure = await failureOf(() => openDataset(root));
    expect(failure.message).toContain('looks like a dataset; it holds "read\\u{202E}me.txt", "stl10_binary/".');
  });

  it('names classes that look alike, and keeps them apart', async () => {
    const root = scratchFolder();
    put(root, 'a.png', png(noise(3, 3, 1)));
    const classes = ['Cat', 'cat', 'café', 'cafe\u0301', 'dog', 'd\u200Bog', 'bird'];
    put(root, 'manifest.csv', `path,label\n${classes.map((label) => `a.png,${label}\n`).join('')}`);
    const dataset = await openDataset(root, { minimum: any });
    expect(dataset.classes.length).toBe(7);
    expect(dataset.notes[1]).toBe(
      'class names that look alike are kept apart: "Cat" and "cat"; "cafe\\u{301}" and "caf\\u{E9}"; "dog" and "d\\u{200B}og"',
    );
  });

  it('reads the train part of a dataset in parts, or the one asked for, and says so', async () => {
    const root = scratchFolder();
    imageFolder(join(root, 'train'), ['a', 'b'], 2);
    imageFolder(join(root, 'test'), ['a', 'b'], 1);
    const train = await openDataset(root, { minimum: any });
    expect([train.count, train.classes]).toEqual([4, ['a', 'b']]);
    expect(train.notes).toEqual(['read the part "train", left out "test"']);
    expect((await openDataset(root, { minimum: any, split: 'test' })).count).toBe(2);
  });

  it('puts classes into the order of the classes file', async () => {
    const root = scratchFolder();
    imageFolder(join(root, 'd'), ['a', 'b'], 1);
    const classesFile = put(root, 'classes.txt', '\uFEFFb\r\nnever\r\na\r\n\r\n');
    const dataset = await openDataset(join(root, 'd'), { minimum: any, classesFile });
    expect(dataset.classes).toEqual(['b', 'never', 'a']);
    expect(labels(dataset)).toEqual([2, 0]);
  });

  it('refuses a classes file that does not know a class or names one twice', async () => {
    const root = scratchFolder();
    imageFolder(join(root, 'd'), ['a', 'b'], 1);
    for (const text of ['a\nc\n', 'a\nb\na\n', 'a\n\nb\n', '', 'a\0\nb']) {
      const classesFile = put(root, 'classes.txt', text);
      expect(await codeOf(() => openDataset(join(root, 'd'), { minimum: any, classesFile }))).toBe('dataset-malformed');
    }
  });

  it('numbers that count into the given names are their classes', async () => {
    const root = scratchFolder();
    imageFolder(root, ['00001', '00000'], 1);
    const dataset = await openDataset(root, { minimum: any, classNames: ['stop', 'yield'] });
    expect(labels(dataset)).toEqual([0, 1]);
  });

  it('follows a link to a file within the root', async () => {
    const root = scratchFolder();
    imageFolder(root, ['a', 'b'], 1);
    symlinkSync('../a/00.png', join(root, 'b/link.png'));
    const dataset = await openDataset(root, { minimum: any });
    expect((await dataset.load(2)).width).toBe(6);
  });

  it('has a fingerprint that changes with any file', async () => {
    const root = scratchFolder();
    imageFolder(root, ['a', 'b'], 2);
    const before = await (await openDataset(root, { minimum: any })).fingerprint();
    expect(await (await openDataset(root, { minimum: any })).fingerprint()).toBe(before);
    appendFileSync(join(root, 'b/01.png'), 'x');
    expect(await (await openDataset(root, { minimum: any })).fingerprint()).not.toBe(before);
  });
});

describe('IDX', () => {
  const pixels = noise(5, 4 * 6, 1).data;
  const values = Uint8Array.of(3, 7, 3, 9, 7, 3);
  const pair = (folder: string, stem: string, gz: boolean): void => {
    const pack = (bytes: Buffer): Buffer => (gz ? gzipSync(bytes) : bytes);
    put(folder, `${stem}-images-idx3-ubyte${gz ? '.gz' : ''}`, pack(idx([6, 4, 5], pixels)));
    put(folder, `${stem}-labels-idx1-ubyte${gz ? '.gz' : ''}`, pack(idx([6], values)));
  };

  it.each([false, true])('reads a pair by its folder or its image file (gzip: %s)', async (gz) => {
    const root = scratchFolder();
    pair(root, 'train', gz);
    for (const path of [root, join(root, `train-images-idx3-ubyte${gz ? '.gz' : ''}`)]) {
      const dataset = await openDataset(path, { minimum: any });
      expect([dataset.format, dataset.count, dataset.classes]).toEqual(['idx', 6, ['3', '7', '9']]);
      expect(labels(dataset)).toEqual([0, 1, 0, 2, 1, 0]);
      expect(dataset.name(4)).toBe(`train-images-idx3-ubyte${gz ? '.gz' : ''}#4`);
      const image = await dataset.load(4);
      expect([image.width, image.height, image.channels]).toEqual([5, 4, 1]);
      expect([...image.data]).toEqual([...pixels.subarray(80, 100)]);
      await dataset.close();
    }
  });

  it('takes the training part unless the test part is asked for or alone', async () => {
    const root = scratchFolder();
    pair(root, 't10k', true);
    const alone = await openDataset(root, { minimum: any });
    expect(alone.name(0)).toMatch(/^t10k/);
    pair(root, 'train', false);
    expect((await openDataset(root, { minimum: any })).name(0)).toMatch(/^train/);
    expect((await openDataset(root, { minimum: any, split: 'test' })).name(0)).toMatch(/^t10k/);
    rmSync(join(root, 't10k-images-idx3-ubyte.gz'));
    expect(await codeOf(() => openDataset(root, { minimum: any, split: 'test' }))).toBe('file-missing');
  });

  it('reads pictures with colour as four dimensions', async () => {
    const root = scratchFolder();
    const data = noise(2, 2 * 3, 3).data;
    put(root, 'train-images-idx4-ubyte', idx([3, 2, 2, 3], data));
    put(root, 'train-labels-idx1-ubyte', idx([3], Uint8Array.of(0, 1, 0)));
    const dataset = await openDataset(root, { minimum: any });
    const image = await dataset.load(1);
    expect([image.channels, ...image.data]).toEqual([3, ...data.subarray(12, 24)]);
  });

  it('takes names from a classes file', async () => {
    const root = scratchFolder();
    pair(root, 'train', true);
    const classNames = Array.from({ length: 10 }, (_unused, i) => `garment ${i}`);
    const dataset = await openDataset(root, { minimum: any, classNames });
    expect(dataset.classes).toEqual(classNames);
    expect(labels(dataset)).toEqual([3, 7, 3, 9, 7, 3]);
    expect(await codeOf(() => openDataset(root, { minimum: any, classNames: classNames.slice(0, 9) }))).toBe(
      'dataset-malformed',
    );
  });

  it('says labels-missing when the label file is not there', async () => {
    const root = scratchFolder();
    pair(root, 'train', true);
    rmSync(join(root, 'train-labels-idx1-ubyte.gz'));
    expect(await codeOf(() => openDataset(root))).toBe('labels-missing');
  });
});

describe('CIFAR', () => {
  const record = (label: readonly number[], seed: number): Buffer =>
    Buffer.concat([Uint8Array.from(label), noise(32, 32, 3, seed).data]);

  it('reads CIFAR-10 batches in order of their number, planes as pixels', async () => {
    const root = scratchFolder();
    put(root, 'data_batch_2.bin', record([1], 3));
    put(root, 'data_batch_10.bin', record([0], 4));
    put(root, 'data_batch_1.bin', Buffer.concat([record([0], 1), record([1], 2)]));
    put(root, 'test_batch.bin', record([1], 5));
    put(root, 'batches.meta.txt', 'airplane\nautomobile\n\n');
    const dataset = await openDataset(root, { minimum: any });
    expect([dataset.format, dataset.classes]).toEqual(['cifar-10', ['airplane', 'automobile']]);
    expect(names(dataset)).toEqual([
      'data_batch_1.bin#0',
      'data_batch_1.bin#1',
      'data_batch_2.bin#0',
      'data_batch_10.bin#0',
    ]);
    expect(labels(dataset)).toEqual([0, 1, 1, 0]);
    const stored = noise(32, 32, 3, 3).data;
    const image = await dataset.load(2);
    expect([image.data[3 * 7], image.data[3 * 7 + 1], image.data[3 * 7 + 2]]).toEqual([
      stored[7],
      stored[1024 + 7],
      stored[2048 + 7],
    ]);
    const test = await openDataset(root, { minimum: any, split: 'test' });
    expect(names(test)).toEqual(['test_batch.bin#0']);
  });

  it('reads CIFAR-100 with its fine labels', async () => {
    const root = scratchFolder();
    put(root, 'train.bin', Buffer.concat([record([4, 0], 1), record([4, 2], 2)]));
    put(root, 'fine_label_names.txt', 'apple\nfish\nbaby\n');
    const dataset = await openDataset(root, { minimum: any });
    expect([dataset.format, labels(dataset)]).toEqual(['cifar-100', [0, 2]]);
  });

  it('refuses a batch that is cut off and a label without a name', async () => {
    const root = scratchFolder();
    put(root, 'data_batch_1.bin', record([0], 1).subarray(0, 3000));
    expect(await codeOf(() => openDataset(root))).toBe('dataset-malformed');
    put(root, 'data_batch_1.bin', record([200], 1));
    put(root, 'batches.meta.txt', 'airplane\nautomobile\n');
    expect(await codeOf(() => openDataset(root))).toBe('dataset-malformed');
  });
});

describe('CSV manifest', () => {
  const write = (text: string): string => {
    const root = scratchFolder();
    for (const name of ['x/1.png', 'x/2.png', 'x/a, "b".png']) put(root, name, png(noise(4, 4, 3)));
    return put(root, 'list.csv', text);
  };

  it('reads paths and labels with and without a header, in row order', async () => {
    for (const text of [
      'path,label\nx/2.png,dog\nx/1.png,cat\n',
      'x/2.png,dog\nx/1.png,cat',
      '\uFEFFid;Label;Image\r\n7;dog;x/2.png\r\n8;cat;./x/1.png\r\n',
    ]) {
      const dataset = await openDataset(write(text), { minimum: any });
      expect(dataset.format).toBe('csv-manifest');
      expect([dataset.classes, names(dataset), labels(dataset)]).toEqual([
        ['cat', 'dog'],
        ['x/2.png', 'x/1.png'],
        [1, 0],
      ]);
      expect((await dataset.load(0)).width).toBe(4);
    }
  });

  it('reads quoted cells', async () => {
    const dataset = await openDataset(write('path,label\n"x/a, ""b"".png","say ""hi"""\n'), { minimum: any });
    expect([dataset.name(0), dataset.classes]).toEqual(['x/a, "b".png', ['say "hi"']]);
    expect((await dataset.load(0)).width).toBe(4);
  });

  it('skips and counts rows without a label', async () => {
    const dataset = await openDataset(write('path,label\nx/1.png,cat\nx/2.png,\nx/2.png\n'), { minimum: any });
    expect([dataset.count, dataset.skipped.count]).toEqual([1, 2]);
  });

  it('says labels-missing when no row has one', async () => {
    expect(await codeOf(() => openDataset(write('path\nx/1.png\n')))).toBe('labels-missing');
    expect(await codeOf(() => openDataset(write('path,label\nx/1.png,\n')))).toBe('labels-missing');
    expect(await codeOf(() => openDataset(write('path,size\nx/1.png,3\n')))).toBe('labels-missing');
  });

  it('names a file that is not there when it is read', async () => {
    const dataset = await openDataset(write('x/none.png,cat\nx/1.png,dog\n'), { minimum: any });
    expect((await failureOf(() => dataset.load(0))).detail).toBe('the file does not exist');
  });

  it('is found in a folder as manifest.csv', async () => {
    const root = scratchFolder();
    put(root, 'images/1.png', png(noise(4, 4, 3)));
    put(root, 'manifest.csv', 'path,label\nimages/1.png,a\n');
    const dataset = await openDataset(root, { minimum: any });
    expect([dataset.format, dataset.notes]).toEqual(['csv-manifest', ['read the manifest "manifest.csv"']]);
  });

  it('refuses a table with broken quotes', async () => {
    expect(await codeOf(() => openDataset(write('path,label\n"x/1.png,cat\nx/2.png,dog\n')))).toBe('dataset-malformed');
  });
});

describe('openDataset', () => {
  it('says what is wrong with what it was given', async () => {
    const root = scratchFolder();
    expect(await codeOf(() => openDataset(join(root, 'nothing')))).toBe('file-missing');
    expect(await codeOf(() => openDataset('a\0b'))).toBe('file-missing');
    expect(await codeOf(() => openDataset(root))).toBe('dataset-unrecognised');
    expect(await codeOf(() => openDataset(put(root, 'x.bin', 'abc')))).toBe('dataset-unrecognised');
    expect(await codeOf(() => openDataset(put(root, 'empty.csv', '')))).toBe('dataset-unrecognised');
  });

  it('says labels-missing for a folder of images without class folders', async () => {
    const root = scratchFolder();
    put(root, '1.png', png(noise(4, 4, 3)));
    expect(await codeOf(() => openDataset(root))).toBe('labels-missing');
  });

  it('wants two classes and ten samples in two of them', async () => {
    const one = scratchFolder();
    imageFolder(one, ['only'], 12);
    const failure = await failureOf(() => openDataset(one));
    expect(failure.code).toBe('one-class-dataset');
    expect(failure.detail).toContain('"only"');
    const few = scratchFolder();
    imageFolder(few, ['a', 'b'], 9);
    expect(await codeOf(() => openDataset(few))).toBe('too-few-samples');
    imageFolder(few, ['a', 'b'], 10);
    imageFolder(few, ['c'], 1);
    expect((await openDataset(few)).count).toBe(21);
  });
});
