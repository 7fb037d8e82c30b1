/**
 * One dataset of many small images in tar shards (PNG 28 x 28 grey, all different, with .cls), through everything that
 * preflight does with it and through the feature pass: largest resident memory after each stage, images a second, and
 * beside them sharp and pngjs decoding the same files with nothing around it.
 *
 * Run: node test/bench/formats-stream.ts --make FOLDER --count 100000
 *      node test/bench/formats-stream.ts --read FOLDER [--forward]   (in a process of its own: memory is counted from its start)
 */
import '../check-node.mjs';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { sweep, tapGraph } from '../../src-main/engine/tcore/features.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { openDataset } from '../../src-main/formats/datasets/open.ts';
import { buildPixelFile } from '../../src-main/formats/datasets/pixels.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';

const SIDE = 28;
const PER_SHARD = 10_000;
const CLASSES = 10;
/** Files that the libraries alone are given. */
const ALONE = 5000;

const { values } = parseArgs({
  options: {
    make: { type: 'string' },
    read: { type: 'string' },
    count: { type: 'string', default: '10000' },
    forward: { type: 'boolean', default: false },
  },
});
if (values.make !== undefined) make(values.make, Number(values.count));
else if (values.read !== undefined) await read(values.read, values.forward);
else throw new Error('--make FOLDER or --read FOLDER is wanted.');

function make(folder: string, count: number): void {
  if (!Number.isSafeInteger(count) || count < 1000) throw new Error('--count wants a whole number from 1000 on.');
  mkdirSync(folder, { recursive: true });
  const drawn = patterns();
  for (let shard = 0; shard * PER_SHARD < count; shard++) {
    const file = openSync(join(folder, `part-${String(shard).padStart(5, '0')}.tar`), 'w');
    for (let n = shard * PER_SHARD; n < Math.min(count, (shard + 1) * PER_SHARD); n++) {
      const key = String(n).padStart(9, '0');
      const label = Buffer.from(String(n % CLASSES));
      const picture = greyPng(drawn[n % drawn.length], n);
      const parts = [header(`${key}.png`, picture.length), padded(picture), header(`${key}.cls`, 1), padded(label)];
      writeSync(file, Buffer.concat(parts));
    }
    writeSync(file, Buffer.alloc(1024));
    closeSync(file);
  }
}

/** Soft patterns with a little noise, as small photographs are. */
function patterns(): readonly Buffer[] {
  return Array.from({ length: 64 }, (_unused, n) => {
    const lines = Buffer.alloc(SIDE * (SIDE + 1));
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const at = y * (SIDE + 1) + 1 + x;
        lines[at] = 128 + 90 * Math.sin(x / (3 + (n % 7)) + y / 9) + (Math.imul(at + n * 977, 2654435761) >>> 28);
      }
    }
    return lines;
  });
}

/** One of the patterns, with its number in the first pixels: no two are the same. */
function greyPng(lines: Buffer, n: number): Buffer {
  lines.writeUInt32BE(n, 1);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(SIDE, 0);
  head.writeUInt32BE(SIDE, 4);
  head[8] = 8;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(lines, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, body: Buffer): Buffer {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(type, 4, 'latin1');
  body.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

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

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

interface Cost {
  /** Seconds of the clock, and of all threads together. */
  readonly wall: number;
  readonly cpu: number;
}

async function timed<T>(work: () => Promise<T> | T): Promise<Cost & { readonly result: T }> {
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
}

function peak(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

async function read(folder: string, forward: boolean): Promise<void> {
  const scratch = join(folder, '..', `pixels-${process.pid}`);
  mkdirSync(scratch);
  try {
    const report: Record<string, number | string> = { 'peak MiB at start': peak() };
    const opened = await timed(() => openDataset(folder));
    const dataset = opened.result;
    report['images'] = dataset.count;
    report['peak MiB opened'] = peak();
    const size = { channels: 3, height: 16, width: 16 } as const;
    const decoded = await timed(() => buildPixelFile(dataset, { file: join(scratch, 'pixels'), ...size }));
    const pixels = decoded.result;
    report['peak MiB decoded and digested'] = peak();
    report['names, MiB'] = Math.round(pixels.names().bytes.length / 2 ** 20);
    const passed = await timed(async () => {
      if (forward) return await featurePass(pixels);
      const batch = new Float32Array(128 * 3 * 16 * 16);
      const indices = new Int32Array(128);
      for (let at = 0; at + 128 <= pixels.count; at += 128)
        pixels.read(
          indices.map((_zero, i) => at + i),
          batch,
        );
      return 0;
    });
    report[`peak MiB ${forward ? 'after the feature pass' : 'read back in batches'}`] = peak();
    const files = Array.from({ length: Math.min(ALONE, dataset.count) }, (_unused, i) => dataset.bytes(i));
    const bySharp = await timed(async () => {
      for (let i = 0; i < files.length; i += 4)
        await Promise.all(files.slice(i, i + 4).map((file) => sharp(file).raw().toBuffer()));
    });
    const byPngjs = await timed(() => files.forEach((file) => PNG.sync.read(file)));
    const { wall, cpu } = decoded;
    const rate = (images: number, seconds: number): number => Math.round(images / seconds);
    report['opened, images/s'] = rate(dataset.count, opened.wall);
    report['decoded and digested, images/s'] = rate(dataset.count, wall);
    report['feature pass or read back, images/s'] = rate(dataset.count, passed.wall);
    report['sharp alone, images/s'] = rate(files.length, bySharp.wall);
    report['pngjs alone, images/s'] = rate(files.length, byPngjs.wall);
    const ratio = (alone: Cost, of: 'wall' | 'cpu'): string =>
      (alone[of] / files.length / ({ wall, cpu }[of] / dataset.count)).toFixed(2);
    report['times sharp alone, by the clock'] = ratio(bySharp, 'wall');
    report['times sharp alone, by processor time'] = ratio(bySharp, 'cpu');
    report['times pngjs alone, by the clock'] = ratio(byPngjs, 'wall');
    report['times pngjs alone, by processor time'] = ratio(byPngjs, 'cpu');
    pixels.close();
    await dataset.close();
    console.log(JSON.stringify(report));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What sifting reads: every tap of an encoder for every image, in batches. */
async function featurePass(samples: Awaited<ReturnType<typeof buildPixelFile>>): Promise<number> {
  const path = new URL('../fixtures/encoders/resnet-bn.onnx', import.meta.url).pathname;
  const encoder = understandEncoder((await openEncoder(path)).graph);
  const provider = await createOrtProvider({});
  const compiled = await provider.compile(tapGraph(encoder), { dims: { N: 128 } });
  let seen = 0;
  try {
    await sweep(compiled, {
      samples,
      indices: null,
      batch: 128,
      signal: new AbortController().signal,
      onProgress: () => {},
      onBatch: (_outputs, _at, count) => {
        seen += count;
      },
    });
  } finally {
    await compiled.dispose();
    await provider.dispose();
  }
  return seen;
}
