/** Our readers and writers beside tools of other people: Pillow, numpy, pngjs, bmp-ts. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode as decodeBmpTs } from 'bmp-ts';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../src-main/engine/graph/ir.ts';
import { openDataset } from '../../src-main/formats/datasets/open.ts';
import { decodeImage } from '../../src-main/formats/images/decode.ts';
import { fitImage } from '../../src-main/formats/images/fit.ts';
import { readSafetensors, saveSafetensors } from '../../src-main/formats/models-out/safetensors.ts';
import { gradient, noise, png, put, scratchFolder, viaSharp } from '../unit/formats/make.ts';

const python = '/usr/bin/python3';
const script = (name: string): string => new URL(name, import.meta.url).pathname;
const has = (module: string): boolean => spawnSync(python, ['-c', `import ${module}`]).status === 0;
const pillow = has('PIL');
const numpy = has('numpy');
if (!pillow) console.warn(`SKIPPED: image conformance (${python} has no Pillow)`);
if (!numpy) console.warn(`SKIPPED: safetensors conformance (${python} has no numpy)`);

interface Answer {
  readonly mode: 'L' | 'RGB';
  readonly size: readonly [number, number];
  readonly pixels: string;
}

function ask(tasks: readonly { readonly file: string; readonly size: readonly [number, number] | null }[]): Answer[] {
  const input = tasks.map((task) => JSON.stringify(task)).join('\n');
  const { status, stdout, stderr } = spawnSync(python, [script('images.py')], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

/** `[H, W, C]` of planes `[C, H, W]`. */
function pixelsOf(planes: Uint8Array, channels: number): Uint8Array {
  const plane = planes.length / channels;
  return Uint8Array.from(
    { length: planes.length },
    (_unused, i) => planes[(i % channels) * plane + Math.floor(i / channels)],
  );
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

describe.skipIf(!pillow)('beside Pillow', () => {
  it('decodes lossless files to the same bytes', async () => {
    const folder = scratchFolder();
    const colour = noise(33, 17, 3, 5);
    const files = {
      'colour.png': png(colour),
      'grey.png': png(noise(31, 9, 1)),
      'alpha.png': png(noise(8, 8, 4)),
      'smooth.png': await viaSharp(gradient(60, 40)).png({ adaptiveFiltering: true }).toBuffer(),
      'large.png': await viaSharp(noise(700, 600, 3))
        .png()
        .toBuffer(),
      'interlaced.png': await viaSharp(colour).png({ progressive: true }).toBuffer(),
      'palette.png': await viaSharp(gradient(20, 20)).png({ palette: true, colours: 16 }).toBuffer(),
      'lossless.webp': await viaSharp(colour).webp({ lossless: true }).toBuffer(),
      'lossy.webp': await viaSharp(gradient(64, 48)).webp({ quality: 80 }).toBuffer(),
    };
    const tasks = Object.entries(files).map(([name, bytes]) => ({ file: put(folder, name, bytes), size: null }));
    const answers = ask(tasks);
    for (const [i, { file }] of tasks.entries()) {
      const image = await decodeImage(readFileSync(file));
      const wanted = Buffer.from(answers[i].pixels, 'hex');
      expect([file, image.channels]).toEqual([file, answers[i].mode === 'L' ? 1 : 3]);
      expect([file, Buffer.compare(image.data, wanted)]).toEqual([file, 0]);
    }
  });

  it('decodes JPEG to within two steps (another chroma upsampling rounds differently)', async () => {
    const folder = scratchFolder();
    const files = [
      await viaSharp(gradient(123, 77)).jpeg({ quality: 85 }).toBuffer(),
      await viaSharp(gradient(64, 64)).jpeg({ quality: 95, chromaSubsampling: '4:4:4', progressive: true }).toBuffer(),
      await viaSharp(noise(40, 40, 1))
        .toColourspace('b-w')
        .jpeg()
        .toBuffer(),
    ];
    const answers = ask(files.map((bytes, i) => ({ file: put(folder, `${i}.jpg`, bytes), size: null })));
    for (const [i, bytes] of files.entries()) {
      const image = await decodeImage(bytes);
      expect(image.channels).toBe(answers[i].mode === 'L' ? 1 : 3);
      expect(largestDifference(image.data, Buffer.from(answers[i].pixels, 'hex'))).toBeLessThanOrEqual(2);
    }
  });

  it('reads every BMP that Pillow writes', () => {
    const folder = scratchFolder();
    const write = `
import sys, os
from PIL import Image
source = Image.open(sys.argv[1])
for side in (7, 8, 33):
    image = source.resize((side, side + 2))
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        image.convert(mode).save(os.path.join(sys.argv[2], f"{mode}-{side}.bmp"))`;
    const source = put(folder, 'source.png', png(noise(40, 40, 3)));
    expect(spawnSync(python, ['-c', write, source, folder], { encoding: 'utf8' }).stderr).toBe('');
    const files = ['1', 'L', 'P', 'RGB', 'RGBA'].flatMap((mode) =>
      [7, 8, 33].map((side) => join(folder, `${mode}-${side}.bmp`)),
    );
    const answers = ask(files.map((file) => ({ file, size: null })));
    for (const [i, file] of files.entries()) {
      const image = decodeImage(readFileSync(file)) as { data: Uint8Array };
      const wanted = Buffer.from(answers[i].pixels, 'hex');
      const ours = answers[i].mode === 'L' ? image.data.filter((_value, at) => at % 3 === 0) : image.data;
      expect([file, Buffer.compare(ours, wanted)]).toEqual([file, 0]);
    }
  });

  it('resizes to the same bytes as its antialiased bilinear filter', async () => {
    const folder = scratchFolder();
    const sizes: [number, number][] = [
      [32, 32],
      [7, 50],
      [200, 3],
      [64, 64],
      [1, 1],
    ];
    const tasks = [noise(64, 48, 3), noise(29, 31, 1), gradient(300, 200), noise(3, 5, 3)].flatMap((pixels, i) => {
      const file = put(folder, `${i}.png`, png(pixels));
      return sizes.map((size) => ({ file, size }));
    });
    const answers = ask(tasks);
    for (const [i, { file, size }] of tasks.entries()) {
      const image = await decodeImage(readFileSync(file));
      const ours = fitImage(image, { channels: image.channels, height: size[1], width: size[0] });
      const same = Buffer.compare(pixelsOf(ours, image.channels), Buffer.from(answers[i].pixels, 'hex'));
      expect([file, size, same]).toEqual([file, size, 0]);
    }
  });
});

describe('beside bmp-ts', () => {
  it('reads 24- and 32-bit pictures alike', async () => {
    const folder = scratchFolder();
    const { width, height, data } = noise(13, 6, 3);
    const out = Buffer.alloc(54 + height * 40);
    out.write('BM', 0, 'latin1');
    [
      [54, 10],
      [40, 14],
      [width, 18],
      [height, 22],
    ].forEach(([value, at]) => out.writeUInt32LE(value, at));
    out.writeUInt16LE(1, 26);
    out.writeUInt16LE(24, 28);
    for (let y = 0; y < height; y++) out.set(data.subarray(y * 39, y * 39 + 39), 54 + y * 40);
    const image = await decodeImage(readFileSync(put(folder, 'x.bmp', out)));
    const other = decodeBmpTs(out).data as Uint8Array;
    expect([...image.data]).toEqual(
      [...other].flatMap((_value, i) => (i % 4 === 0 ? [other[i + 3], other[i + 2], other[i + 1]] : [])),
    );
  });
});

describe.skipIf(!numpy)('beside a safetensors reader on numpy', () => {
  const tensors = new Map<string, Tensor>([
    ['conv.weight', { dtype: 'float32', dims: [2, 1, 3], data: Float32Array.of(0.1, -2, 3e38, 4, 5, 6) }],
    ['ids', { dtype: 'int64', dims: [2], data: BigInt64Array.of(-5n, 2n ** 62n) }],
    ['half', { dtype: 'float16', dims: [3], data: Uint16Array.of(0x3c00, 0x8000, 0x7bff) }],
    ['mask', { dtype: 'bool', dims: [3], data: Uint8Array.of(1, 0, 1) }],
    ['none', { dtype: 'float64', dims: [0], data: new Float64Array(0) }],
    ['naïve ünd "quoted"', { dtype: 'int8', dims: [], data: Int8Array.of(-128) }],
  ]);

  it('is understood by it, rule by rule', () => {
    const file = join(scratchFolder(), 'x.safetensors');
    saveSafetensors(file, tensors, { format: 'pt', classes: '["a"]' });
    const { stdout, stderr } = spawnSync(python, [script('safetensors.py'), 'read', file], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const read = JSON.parse(stdout) as {
      metadata: Record<string, string>;
      tensors: Record<string, { shape: number[]; sha256: string; first: string | null }>;
    };
    expect(read.metadata).toEqual({ format: 'pt', classes: '["a"]' });
    expect(Object.keys(read.tensors).sort()).toEqual([...tensors.keys()].sort());
    for (const [name, { dims, data }] of tensors) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      expect(read.tensors[name].shape).toEqual([...dims]);
      expect(read.tensors[name].sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
    expect(read.tensors['half'].first).toBe('1.0');
    expect(read.tensors['ids'].first).toBe('-5');
  });

  it('reads what it writes', () => {
    const file = join(scratchFolder(), 'y.safetensors');
    expect(spawnSync(python, [script('safetensors.py'), 'write', file], { encoding: 'utf8' }).stderr).toBe('');
    const { tensors: read, metadata } = readSafetensors(readFileSync(file));
    expect(metadata).toEqual({ format: 'pt' });
    expect([...read.keys()]).toEqual(['b.weight', 'a', 'h', 'empty']);
    expect(read.get('b.weight')?.dims).toEqual([2, 3]);
    expect(read.get('b.weight')?.data[5]).toBe(Math.fround(5 / 3));
    expect(read.get('a')?.data[0]).toBe(-(2n ** 60n));
    expect(read.get('empty')?.dims).toEqual([0, 4]);
  });
});

describe('real datasets', () => {
  const fashion = '/usr/share/datasets/fashion-mnist';
  const there = existsSync(fashion);
  if (!there) console.warn('SKIPPED: Fashion-MNIST (install the package dataset-fashion-mnist)');

  it.skipIf(!there)('opens Fashion-MNIST as Debian ships it', async () => {
    const train = await openDataset(fashion);
    expect([train.format, train.count, train.classes.length]).toEqual(['idx', 60_000, 10]);
    const first = await train.load(0);
    expect([train.label(0), first.width, first.height, first.channels]).toEqual([9, 28, 28, 1]);
    // An ankle boot: dark above, bright at the sole.
    expect(first.data.subarray(0, 28).every((value) => value === 0)).toBe(true);
    expect(Math.max(...first.data)).toBe(255);
    const test = await openDataset(fashion, { split: 'test' });
    expect(test.count).toBe(10_000);
    await train.close();
    await test.close();
  });

  it('a picture of sharp comes back through an image folder unchanged', async () => {
    const root = scratchFolder();
    const pixels = noise(9, 9, 3);
    for (const label of ['a', 'b'])
      put(root, `${label}/1.png`, await sharp(pixels.data, { raw: pixels }).png().toBuffer());
    const dataset = await openDataset(root, { minimum: { classes: 0, perClass: 0 } });
    expect(Buffer.compare((await dataset.load(1)).data, pixels.data)).toBe(0);
  });
});
