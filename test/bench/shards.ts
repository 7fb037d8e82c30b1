/**
 * Memory of a sharded dataset: writes `--count` small images (PNG 8 x 8, with .cls) into tar shards of 10,000, opens and
 * decodes them, and prints time and the largest resident size at each stage.
 * Run: node test/bench/shards.ts [--count 1000000]
 */
import '../check-node.mjs';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { openDataset } from '../../src-main/formats/datasets/open.ts';
import { buildPixelFile } from '../../src-main/formats/datasets/pixels.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '1000000' } } });
const count = Number(values.count);
if (!Number.isSafeInteger(count) || count < 20) throw new Error('--count wants a whole number from 20 on.');
const perShard = 10_000;
const classes = 10;
const scratch = mkdtempSync(join(tmpdir(), 'coresift-shards-'));
const started = performance.now();

const stage = (name: string): void => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(8);
  const peak = (process.resourceUsage().maxRSS / 1024).toFixed(0).padStart(6);
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  console.log(
    `${name.padEnd(12)} ${seconds} s, peak ${peak} MiB, heap ${(heapUsed / 2 ** 20).toFixed(0)} MiB, arrays ${(arrayBuffers / 2 ** 20).toFixed(0)} MiB`,
  );
};

function header(name: string, size: number): Buffer {
  const out = Buffer.alloc(512);
  out.write(name, 0, 'latin1');
  out.write('0000644\0', 100, 'latin1');
  out.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  out.write('        0', 148, 'latin1');
  out.write('ustar\x0000', 257, 'latin1');
  const sum = out.reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return out;
}

const padded = (data: Buffer): Buffer => Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);

try {
  const pictures = await Promise.all(
    Array.from({ length: 64 }, (_unused, n) => {
      const raw = Buffer.from(Array.from({ length: 192 }, (_value, i) => (i * (n + 3) * 7) & 255));
      return sharp(raw, { raw: { width: 8, height: 8, channels: 3 } })
        .png()
        .toBuffer();
    }),
  );
  const shards = Math.ceil(count / perShard);
  for (let shard = 0; shard < shards; shard++) {
    const file = openSync(join(scratch, `part-${String(shard).padStart(5, '0')}.tar`), 'w');
    for (let n = shard * perShard; n < Math.min(count, (shard + 1) * perShard); n++) {
      const key = String(n).padStart(9, '0');
      const picture = pictures[n % pictures.length];
      const label = Buffer.from(String(n % classes));
      writeSync(
        file,
        Buffer.concat([
          header(`${key}.png`, picture.length),
          padded(picture),
          header(`${key}.cls`, label.length),
          padded(label),
        ]),
      );
    }
    writeSync(file, Buffer.alloc(1024));
    closeSync(file);
  }
  stage('written');
  const dataset = await openDataset(scratch);
  stage('opened');
  const pixels = await buildPixelFile(dataset, { file: join(scratch, 'pixels'), channels: 3, height: 8, width: 8 });
  stage('decoded');
  const batch = new Float32Array(128 * 192);
  const order = Int32Array.from({ length: pixels.count }, (_unused, i) => (i * 7919) % pixels.count);
  for (let i = 0; i + 128 <= pixels.count; i += 128) pixels.read(order.subarray(i, i + 128), batch);
  stage('read back');
  console.log(`${pixels.count} of ${count} images in ${shards} shards`);
  pixels.close();
  await dataset.close();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
