/**
 * Images per second of the dataset readers, from file to pixel file, beside sharp and pngjs alone; and the memory and
 * speed of ever larger datasets in shards (formats-stream.ts, a process each).
 * Run: npm run bench:formats -- [--images 1000] [--stream 10000,100000,1000000] [--forward-up-to 10000]
 *      --images 0 leaves the first part out, --stream '' the second.
 */
import '../check-node.mjs';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PNG } from 'pngjs';
import sharp from 'sharp';
import { openDataset } from '../../src-main/formats/datasets/open.ts';
import { buildPixelFile } from '../../src-main/formats/datasets/pixels.ts';

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '1000' },
    stream: { type: 'string', default: '10000,100000,1000000' },
    'forward-up-to': { type: 'string', default: '10000' },
  },
});
const count = Number(values.images);
const scratch = mkdtempSync(join(tmpdir(), 'coresift-bench-'));

interface Row {
  readonly name: string;
  readonly extension: 'png' | 'jpg' | 'webp' | 'bmp';
  readonly side: number;
  readonly to: number;
  /** The same pictures decoded by a library alone, without reading order, digests, resizing or writing. */
  readonly alone: readonly (readonly [string, (bytes: Buffer) => unknown])[];
}

const bySharp = (bytes: Buffer): Promise<Buffer> => sharp(bytes).removeAlpha().raw().toBuffer();
const byPngjs = (bytes: Buffer): unknown => PNG.sync.read(bytes);

const rows: readonly Row[] = [
  {
    name: 'PNG 28',
    extension: 'png',
    side: 28,
    to: 28,
    alone: [
      ['sharp', bySharp],
      ['pngjs', byPngjs],
    ],
  },
  {
    name: 'PNG 32',
    extension: 'png',
    side: 32,
    to: 32,
    alone: [
      ['sharp', bySharp],
      ['pngjs', byPngjs],
    ],
  },
  {
    name: 'PNG 96 -> 32',
    extension: 'png',
    side: 96,
    to: 32,
    alone: [
      ['sharp', bySharp],
      ['pngjs', byPngjs],
    ],
  },
  {
    name: 'PNG 190 -> 64',
    extension: 'png',
    side: 190,
    to: 64,
    alone: [
      ['sharp', bySharp],
      ['pngjs', byPngjs],
    ],
  },
  {
    name: 'PNG 256 -> 64',
    extension: 'png',
    side: 256,
    to: 64,
    alone: [
      ['sharp', bySharp],
      ['pngjs', byPngjs],
    ],
  },
  {
    name: 'PNG 600 -> 224',
    extension: 'png',
    side: 600,
    to: 224,
    alone: [
      ['sharp', bySharp],
      ['pngjs', byPngjs],
    ],
  },
  { name: 'JPEG 32', extension: 'jpg', side: 32, to: 32, alone: [['sharp', bySharp]] },
  { name: 'JPEG 224', extension: 'jpg', side: 224, to: 224, alone: [['sharp', bySharp]] },
  { name: 'JPEG 500 -> 224', extension: 'jpg', side: 500, to: 224, alone: [['sharp', bySharp]] },
  { name: 'WebP 224', extension: 'webp', side: 224, to: 224, alone: [['sharp', bySharp]] },
  { name: 'BMP 32', extension: 'bmp', side: 32, to: 32, alone: [] },
];

/** Smooth with a little noise, as photographs are. */
function picture(side: number, seed: number): Buffer {
  const out = Buffer.alloc(side * side * 3);
  for (let i = 0; i < out.length; i++) {
    out[i] =
      128 + 90 * Math.sin((i % (side * 3)) / (20 + (seed % 7)) + i / (side * 40)) + (((i + seed) * 2654435761) >>> 28);
  }
  return out;
}

function bmp24(side: number, rgb: Buffer): Buffer {
  const out = Buffer.alloc(54 + rgb.length);
  out.write('BM', 0, 'latin1');
  out.writeUInt32LE(54, 10);
  out.writeUInt32LE(40, 14);
  out.writeInt32LE(side, 18);
  out.writeInt32LE(-side, 22);
  out.writeUInt16LE(1, 26);
  out.writeUInt16LE(24, 28);
  rgb.copy(out, 54);
  return out;
}

async function encode({ extension, side }: Row, seed: number): Promise<Buffer> {
  const rgb = picture(side, seed);
  const raw = sharp(rgb, { raw: { width: side, height: side, channels: 3 } });
  switch (extension) {
    case 'png':
      return await raw.png().toBuffer();
    case 'jpg':
      return await raw.jpeg({ quality: 90 }).toBuffer();
    case 'webp':
      return await raw.webp({ quality: 90 }).toBuffer();
    case 'bmp':
      return bmp24(side, rgb);
  }
}

const show = (...cells: readonly (string | number)[]): void => {
  console.log(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(32) : String(cell).padStart(18))).join(''));
};

/** Wall clock, and processor time of all threads, which other programs on the machine disturb less. Seconds. */
interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

async function timed(work: () => Promise<unknown>): Promise<Cost> {
  const before = process.cpuUsage();
  const start = performance.now();
  await work();
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1e6 };
}

const rate = (n: number, { wall, cpu }: Cost): string => `${(n / wall).toFixed(0)} (${((cpu / n) * 1000).toFixed(2)})`;

try {
  if (count > 0) await rates();
  for (const images of values.stream.split(',').filter((each) => each !== '')) stream(Number(images));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function stream(images: number): void {
  const folder = join(scratch, `shards-${images}`);
  const script = fileURLToPath(new URL('formats-stream.ts', import.meta.url));
  const run = (...args: string[]): string => execFileSync(process.execPath, [script, ...args], { encoding: 'utf8' });
  run('--make', folder, '--count', String(images));
  const forward = images <= Number(values['forward-up-to']) ? ['--forward'] : [];
  const report = JSON.parse(run('--read', folder, ...forward)) as Record<string, number | string>;
  console.log(`\n${images} images in tar shards`);
  for (const [what, value] of Object.entries(report)) console.log(`  ${what.padEnd(44)} ${String(value).padStart(10)}`);
  rmSync(folder, { recursive: true });
}

async function rates(): Promise<void> {
  show('images/s (CPU ms per image)', 'pixel file', 'sharp alone', 'pngjs alone');
  for (const [r, row] of rows.entries()) {
    const n = Math.max(50, Math.round(count / Math.max(1, row.side / 64)));
    const folder = join(scratch, `set-${r}`);
    const files: string[] = [];
    for (const label of ['a', 'b']) mkdirSync(join(folder, label), { recursive: true });
    for (let i = 0; i < n; i++) {
      const file = join(folder, i % 2 ? 'a' : 'b', `${String(i).padStart(6, '0')}.${row.extension}`);
      writeFileSync(file, await encode(row, i));
      files.push(file);
    }
    const dataset = await openDataset(folder);
    const rates: Record<string, string> = {};
    // Three rounds in turn, medians: another program's burst then does not meet one side only.
    const times: Record<string, Cost[]> = { ours: [] };
    for (let round = 0; round < 3; round++) {
      times['ours'].push(
        await timed(async () => {
          const file = join(scratch, `pixels-${r}-${round}`);
          (await buildPixelFile(dataset, { channels: 3, height: row.to, width: row.to, file })).close();
          rmSync(file);
        }),
      );
      for (const [name, decode] of row.alone) {
        (times[name] ??= []).push(
          await timed(async () => {
            for (let i = 0; i < n; i += 4)
              await Promise.all(files.slice(i, i + 4).map((file) => decode(readFileSync(file))));
          }),
        );
      }
    }
    for (const [name, list] of Object.entries(times)) rates[name] = rate(n, list.sort((a, b) => a.cpu - b.cpu)[1]);
    show(row.name, rates['ours'], rates['sharp'] ?? '-', rates['pngjs'] ?? '-');
    rmSync(folder, { recursive: true });
  }
  const n = 60_000;
  const header = Buffer.alloc(16);
  [0x803, n, 28, 28].forEach((value, i) => header.writeUInt32BE(value, 4 * i));
  const labels = Buffer.alloc(8);
  [0x801, n].forEach((value, i) => labels.writeUInt32BE(value, 4 * i));
  const pixels = Buffer.alloc(n * 784);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (i * 2654435761) >>> 24;
  writeFileSync(join(scratch, 'train-images-idx3-ubyte'), Buffer.concat([header, pixels]));
  writeFileSync(
    join(scratch, 'train-labels-idx1-ubyte'),
    Buffer.concat([labels, Buffer.alloc(n).map((_zero, i) => i % 10)]),
  );
  const dataset = await openDataset(scratch);
  for (const side of [28, 32]) {
    const file = join(scratch, `idx-${side}`);
    const seconds = await timed(() => buildPixelFile(dataset, { channels: 3, height: side, width: side, file }));
    show(`IDX 28 -> ${side}`, rate(n, seconds), '-', '-');
  }
  const file = await buildPixelFile(dataset, { channels: 3, height: 32, width: 32, file: join(scratch, 'idx-32') });
  const batch = new Float32Array(128 * 3072);
  const order = Int32Array.from({ length: n }, (_unused, i) => (i * 7919) % n);
  const seconds = await timed(async () => {
    for (let i = 0; i + 128 <= n; i += 128) file.read(order.subarray(i, i + 128), batch);
  });
  show('read back, shuffled', rate(n, seconds), '-', '-');
  console.log(`peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
}
