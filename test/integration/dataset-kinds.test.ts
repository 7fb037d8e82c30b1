/** The same small dataset in the forms that strangers send: one goes through a whole audit, all through its first stage. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readInputs } from '../../src-main/audit/read-inputs.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import { runCommand } from '../support/command-line.ts';
import { smallAudit, temporaryFolder } from '../support/small-audit.ts';
import { sampleImages, writeIdx } from '../support/small-dataset.ts';
import { png } from '../unit/formats/make.ts';
import { bytesArray, mat, matMatrix, matPacked, tar, zip } from '../unit/formats/make-archives.ts';

const audit = smallAudit();
const images = sampleImages(12, 2);
const count = images.labels.length;
const { side } = images;
const pngs = images.pixels.map((data) => png({ width: side, height: side, channels: 1, data }));
const all = Buffer.concat(images.pixels);

/** MATLAB's order: the last index is the sample, within it column by column. */
function columns(): Buffer {
  const out = Buffer.alloc(all.length);
  images.pixels.forEach((pixels, n) => {
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) out[n * side * side + x * side + y] = pixels[y * side + x];
  });
  return out;
}

const samples = images.labels.map((label, n) => ({
  label: String(label),
  name: String(n).padStart(3, '0'),
  data: pngs[n],
}));
const shard = tar(
  ...samples.flatMap(({ label, name, data }) => [
    { name: `${name}.png`, data },
    { name: `${name}.cls`, data: label },
  ]),
);
const inFolders = samples.map(({ label, name, data }) => ({ name: `${label}/${name}.png`, data }));

const kinds: Readonly<Record<string, (folder: string) => string>> = {
  idx: (folder) => writeIdx(folder, images),
  npz: (folder) =>
    file(
      folder,
      'x.npz',
      zip([
        { name: 'x.npy', data: bytesArray([count, side, side], all), method: 8 },
        { name: 'y.npy', data: bytesArray([count], Uint8Array.from(images.labels)) },
      ]),
    ),
  mat: (folder) =>
    file(
      folder,
      'x.mat',
      mat(
        matPacked(matMatrix({ name: 'X', dims: [side, side, 1, count], data: columns() })),
        matMatrix({ name: 'y', dims: [count, 1], data: Uint8Array.from(images.labels) }),
      ),
    ),
  webdataset: (folder) => file(folder, 'x.tar', shard),
  tar: (folder) => file(folder, 'x.tar.gz', gzipSync(tar(...inFolders))),
  zip: (folder) => file(folder, 'x.zip', zip(inFolders.map((entry) => ({ ...entry, method: 8 })))),
  'jsonl-manifest': (folder) => {
    samples.forEach(({ name, data }) => file(folder, `${name}.png`, data));
    return file(
      folder,
      'm.jsonl',
      samples.map(({ label, name }) => `${JSON.stringify({ path: `${name}.png`, label })}\n`).join(''),
    );
  },
};

function file(folder: string, name: string, bytes: Uint8Array | string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

describe('every kind of dataset', () => {
  it('gives the engine the same pixels and labels, whatever it came in', async () => {
    const root = temporaryFolder('kinds');
    const found = new Map<string, Set<string>>();
    for (const [format, write] of Object.entries(kinds)) {
      const request = auditRequest(audit.encoder, write(join(root, format)));
      const inputs = await readInputs(request, join(root, 'cache'), {
        emit: () => {},
        signal: new AbortController().signal,
      });
      expect([format, inputs.datasetFacts.format, inputs.pixels.count]).toEqual([format, format, count]);
      // Orders differ; each sample keeps its label.
      const rows = Array.from(
        { length: count },
        (_unused, i) =>
          `${inputs.pixels.classes[inputs.pixels.labels[i]]} ${Buffer.from(inputs.pixels.pixels(i)).toString('base64')}`,
      );
      found.set(format, new Set(rows));
      await inputs.close();
    }
    const wanted = found.get('idx');
    for (const [format, rows] of found) expect([format, rows]).toEqual([format, wanted]);
  });
});

describe('coresift audit', () => {
  it('goes through with a WebDataset, records the limit that was set, and leaves no scratch file', async () => {
    const root = temporaryFolder('webdataset');
    const small = sampleImages(24, 4);
    const entries = small.labels.flatMap((label, n) => [
      {
        name: `s/${String(n).padStart(3, '0')}.png`,
        data: png({ width: side, height: side, channels: 1, data: small.pixels[n] }),
      },
      { name: `s/${String(n).padStart(3, '0')}.cls`, data: String(label) },
    ]);
    const shards = join(root, 'shards');
    file(shards, 'a-0000.tar', tar(...entries.slice(0, 96)));
    file(shards, 'a-0001.tar', tar(...entries.slice(96)));
    const out = join(root, 'out');
    const args = audit.args(out, '--limit', 'dataset.maxFiles=1000');
    args[args.indexOf('--dataset') + 1] = join(shards, 'a-{0000..0001}.tar');
    const { code, stderr } = await runCommand(args);
    expect([code, stderr]).toEqual([3, expect.anything()]);
    const report = readFileSync(join(out, 'report.json'), 'utf8');
    expect(report).toContain('limits set by hand: dataset.maxFiles = 1000');
    expect(report).toContain('read 2 archives as one dataset');
    expect(readFileSync(join(out, 'sifted-set.csv'), 'utf8')).toContain('a-0001.tar/s/095.png');
    expect(existsSync(join(out, 'sanitized.onnx'))).toBe(true);
  });

  it('stops at a limit that was lowered, and does not start with one that does not exist', async () => {
    const out = join(temporaryFolder('limits'), 'out');
    const low = await runCommand(audit.args(out, '--limit', 'dataset.maxFiles=10'));
    expect([low.code, low.stderr]).toEqual([2, expect.stringMatching(/limit maxFiles = 10/)]);
    const none = await runCommand(audit.args(`${out}-2`, '--limit', 'dataset.maxFoos=10'));
    expect([none.code, none.stderr]).toEqual([4, expect.stringMatching(/There is no limit "dataset\.maxFoos"/)]);
    const odd = await runCommand(audit.args(`${out}-3`, '--limit', 'dataset.maxFiles=-1'));
    expect([odd.code, odd.stderr]).toEqual([4, expect.stringMatching(/--limit wants NAME=NUMBER/)]);
  });
});
