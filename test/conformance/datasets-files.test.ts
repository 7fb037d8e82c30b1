/** Datasets written by scipy, h5py, numpy, pickle, tarfile, zipfile and Pillow (test/fixtures/datasets), read by ours. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../src-main/formats/datasets/open.ts';
import { buildPixelFile } from '../../src-main/formats/datasets/pixels.ts';
import { decodeImage } from '../../src-main/formats/images/decode.ts';
import { failureOf, scratchFolder } from '../unit/formats/make.ts';

const fixtures = new URL('../fixtures/datasets/', import.meta.url).pathname;
const any = { classes: 0, perClass: 0 };

interface Expected {
  readonly datasets: Readonly<
    Record<string, { format: string; classes: string[]; labels: number[]; sha256: string } | undefined>
  >;
  readonly images: Readonly<
    Record<string, { height: number; width: number; pixels: string; within: number } | undefined>
  >;
}

const read = (folder: string): Expected => JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Expected;
const expected = read(fixtures);

interface Row {
  readonly format: string;
  readonly feature: string;
  readonly result: string;
  readonly test: string;
}

const table = JSON.parse(readFileSync(new URL('table/datasets.json', import.meta.url), 'utf8')) as Row[];
const own = 'test/conformance/datasets-files.test.ts';

async function readAll(folder: string, name: string): Promise<unknown> {
  const dataset = await openDataset(join(folder, name), { minimum: any });
  try {
    const hash = createHash('sha256');
    const labels: number[] = [];
    for (let i = 0; i < dataset.count; i++) {
      labels.push(dataset.label(i));
      hash.update((await dataset.load(i)).data);
    }
    const { format, classes, skipped } = dataset;
    expect([skipped.count, skipped.listed]).toEqual([0, []]);
    return { format, classes, labels, sha256: hash.digest('hex') };
  } finally {
    await dataset.close();
  }
}

describe('datasets of other tools', () => {
  it.each(Object.keys(expected.datasets))('%s: format, classes, labels and every pixel', async (name) => {
    expect(await readAll(fixtures, name)).toEqual(expected.datasets[name]);
  });

  it.each(Object.keys(expected.datasets))('%s becomes a pixel file, twice the same', async (name) => {
    const folder = scratchFolder();
    const digests = new Set<string>();
    for (const file of ['one', 'two']) {
      const dataset = await openDataset(join(fixtures, name), { minimum: any, scratch: folder });
      const pixels = await buildPixelFile(dataset, {
        file: join(folder, file),
        channels: 3,
        height: 8,
        width: 8,
        minimum: any,
      });
      expect([pixels.count, pixels.unreadable.count]).toEqual([dataset.count, 0]);
      digests.add(`${pixels.datasetDigest} ${pixels.pixelsDigest} ${await dataset.fingerprint()}`);
      pixels.close();
      await dataset.close();
    }
    expect(digests.size).toBe(1);
  });

  it('an archive and the folder it was made of are the same dataset', async () => {
    const folder = scratchFolder();
    expect(spawnSync('tar', ['-xzf', join(fixtures, 'folder.tar.gz'), '-C', folder]).status).toBe(0);
    const digest = async (path: string, file: string): Promise<string> => {
      const dataset = await openDataset(path, { minimum: any });
      const pixels = await buildPixelFile(dataset, {
        file: join(folder, file),
        channels: 3,
        height: 6,
        width: 7,
        minimum: any,
      });
      pixels.close();
      await dataset.close();
      return `${pixels.datasetDigest} ${pixels.pixelsDigest}`;
    };
    expect(await digest(join(fixtures, 'folder.tar.gz'), 'a')).toBe(await digest(join(folder, 'data'), 'b'));
  });

  it('the test part is read when it is asked for', async () => {
    for (const [name, count] of [
      ['keras.npz', 3],
      ['folder.zip', 1],
      ['gtsrb', 1],
    ] as const) {
      const dataset = await openDataset(join(fixtures, name), { minimum: any, split: 'test' });
      expect([name, dataset.count]).toEqual([name, count]);
      await dataset.close();
    }
  });

  it('notes say what was chosen', async () => {
    const notes = async (name: string): Promise<string> => {
      const dataset = await openDataset(join(fixtures, name), { minimum: any });
      await dataset.close();
      return [...dataset.notes, ...(dataset.leftOut ?? [])].join('\n');
    };
    expect(await notes('svhn-v5.mat')).toMatch(/"X" \(32 x 32 x 3 x 24\), labels "y"\nthe label 10 is the digit 0/);
    expect(await notes('floats-chw.npz')).toMatch(/values from 0 to \d.* taken as 0\.\.1/);
    expect(await notes('keras.npz')).toMatch(/left out "x_test", "y_test"/);
    expect(await notes('stl10.zip')).toMatch(/unpacked from stl10\.zip[^]*fold_indices\.txt/);
    expect(await notes('shards')).toMatch(/read 2 archives as one dataset/);
    expect(await notes('gtsrb')).toMatch(/cropped to its region/);
  });

  it.each([
    ['digitStruct.mat', 'dataset-unsupported', /full numbers \(digitStruct\).*train_32x32\.mat/],
    ['digitStruct-v73.mat', 'dataset-unsupported', /full numbers \(digitStruct\)/],
    ['links.h5', 'dataset-unsupported', /"images" is a link to another file/],
    ['objects.npz', 'dataset-unsupported', /pickled Python objects, which are never loaded/],
    ['normalised.npz', 'dataset-unsupported', /as after a normalisation/],
    ['ambiguous.npz', 'dataset-unsupported', /channels could stand first or last/],
    ['records.npz', 'dataset-unsupported', /values of type "records"/],
    ['external-storage.h5', 'dataset-malformed', /HDF5 library cannot read it/],
  ] as const)('refused/%s ends with %s', async (name, code, detail) => {
    const failure = await failureOf(() => openDataset(join(fixtures, 'refused', name), { minimum: any }));
    expect([failure.code, failure.detail]).toEqual([code, expect.stringMatching(detail)]);
  });
});

describe('images of other tools', () => {
  it.each(Object.keys(expected.images))('%s: every pixel', async (name) => {
    const wanted = expected.images[name];
    if (wanted === undefined) throw new Error(name);
    const image = await decodeImage(readFileSync(join(fixtures, 'images', name)));
    const pixels = Buffer.from(wanted.pixels, 'hex');
    expect([image.height, image.width, image.data.length]).toEqual([wanted.height, wanted.width, pixels.length]);
    const largest = image.data.reduce((most, value, i) => Math.max(most, Math.abs(value - pixels[i])), 0);
    expect(largest).toBeLessThanOrEqual(wanted.within);
  });

  it('what was done to a picture is said', async () => {
    const changes = async (name: string): Promise<unknown> =>
      (await decodeImage(readFileSync(join(fixtures, 'images', name)))).changes ?? [];
    expect(await changes('turned.jpg')).toEqual(['turned']);
    expect(await changes('turned.tif')).toEqual(['turned']);
    expect(await changes('alpha.png')).toEqual(['alpha']);
    expect(await changes('grey16.tif')).toEqual(['narrowed']);
    expect(await changes('p5-16.pgm')).toEqual(['narrowed']);
    expect(await changes('cmyk.jpg')).toEqual(['cmyk']);
    expect(await changes('animated.webp')).toEqual(['alpha', 'first-frame']);
    expect(await changes('pages.tif')).toEqual(['first-frame']);
    expect(await changes('rgb.tif')).toEqual([]);
  });
});

describe('the table of what is read', () => {
  it('has one row for every fixture, and no other', () => {
    const rows = table.filter(({ test }) => test === own);
    expect(rows.flatMap(({ feature }) => /\[(.*)\]$/.exec(feature)?.[1].split(', ') ?? []).sort()).toEqual(
      [...Object.keys(expected.datasets), ...Object.keys(expected.images).map((name) => `images/${name}`)].sort(),
    );
    for (const row of table) expect(existsSync(new URL(`../../${row.test}`, import.meta.url))).toBe(true);
  });
});

const python = '/usr/bin/python3';
const tools = spawnSync(python, ['-c', 'import numpy, scipy.io, h5py, PIL']).status === 0;
if (!tools) console.warn(`SKIPPED: datasets written anew (${python} lacks numpy, scipy, h5py or Pillow)`);

describe.skipIf(!tools)('datasets written anew by the tools of this machine', () => {
  it('are read as expected, all of them', async () => {
    const folder = scratchFolder();
    const { status, stderr } = spawnSync(python, [join(fixtures, 'make_datasets.py'), folder], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const anew = read(folder);
    for (const name of Object.keys(anew.datasets))
      expect([name, await readAll(folder, name)]).toEqual([name, anew.datasets[name]]);
  });
});
