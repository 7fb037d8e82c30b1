/** A part of the bundled sample project that is small enough to be audited in seconds. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { root } from './command-line.ts';

export const sampleFolder = join(root, 'resources', 'samples', 'fashion');
export const sampleEncoder = join(sampleFolder, 'encoder.onnx');

export interface Images {
  readonly side: number;
  readonly pixels: readonly Uint8Array[];
  readonly labels: readonly number[];
}

/** The first `perClass` images of each of the first `classes` classes, in the order of the sample. */
export function sampleImages(perClass: number, classes = 10): Images {
  const images = gunzipSync(readFileSync(join(sampleFolder, 'dataset', 'train-images-idx3-ubyte.gz')));
  const given = gunzipSync(readFileSync(join(sampleFolder, 'dataset', 'train-labels-idx1-ubyte.gz')));
  const side = images.readUInt32BE(8);
  const taken = new Array<number>(classes).fill(0);
  const pixels: Uint8Array[] = [];
  const labels: number[] = [];
  for (let i = 0; i < given.readUInt32BE(4); i++) {
    const label = given[8 + i];
    if (label >= classes || taken[label] >= perClass) continue;
    taken[label]++;
    labels.push(label);
    pixels.push(images.subarray(16 + i * side * side, 16 + (i + 1) * side * side));
  }
  return { side, pixels, labels };
}

/** Writes `images` as an IDX pair (gzip) to `folder`. */
export function writeIdx(folder: string, images: Images): string {
  const { side, pixels, labels } = images;
  const head = (...words: number[]): Buffer => {
    const bytes = Buffer.alloc(4 * words.length);
    words.forEach((word, i) => bytes.writeUInt32BE(word, 4 * i));
    return bytes;
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'train-images-idx3-ubyte.gz'),
    gzipSync(Buffer.concat([head(0x803, pixels.length, side, side), ...pixels])),
  );
  writeFileSync(
    join(folder, 'train-labels-idx1-ubyte.gz'),
    gzipSync(Buffer.concat([head(0x801, labels.length), Buffer.from(labels)])),
  );
  return folder;
}
