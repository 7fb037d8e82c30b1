import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src-main/formats/images/decode.ts';
import { defaultLimits } from '../../../src-main/formats/limits.ts';
import { bmp, failureOf, gradient, noise, png, pngChunk, rawPng, viaSharp, type Pixels } from './make.ts';

/** Colour values of a picture, alpha left away. */
function colours({ width, height, channels, data }: Pixels): Uint8Array {
  if (channels !== 4) return data;
  return Uint8Array.from({ length: width * height * 3 }, (_unused, i) => data[Math.floor(i / 3) * 4 + (i % 3)]);
}

describe('decodeImage', () => {
  it.each([
    ['grey', 1],
    ['colour', 3],
    ['colour with alpha', 4],
  ] as const)('gives the stored pixels of a %s PNG, small and large', async (_name, channels) => {
    for (const side of [9, 520]) {
      const pixels = noise(side, side + 1, channels);
      const image = await decodeImage(png(pixels));
      expect([image.width, image.height, image.channels]).toEqual([side, side + 1, channels === 1 ? 1 : 3]);
      expect(Buffer.compare(image.data, colours(pixels))).toBe(0);
    }
  });

  it('keeps the colour below fully transparent pixels: a trigger there must stay visible to the audit', async () => {
    for (const side of [4, 520]) {
      const pixels = noise(side, side, 4);
      for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 0;
      expect(Buffer.compare((await decodeImage(png(pixels))).data, colours(pixels))).toBe(0);
    }
  });

  it('keeps the colour that a PNG declares transparent', async () => {
    const lines = Uint8Array.of(0, 10, 20, 30, 40, 50, 60);
    const key = pngChunk('tRNS', Uint8Array.of(0, 10, 0, 20, 0, 30));
    const image = await decodeImage(rawPng({ width: 2, height: 1, depth: 8, colourType: 2, lines, extra: [key] }));
    expect([...image.data]).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it('scales 16-bit PNG to 8 bits and rounds, grey and colour alike', async () => {
    const grey = Uint8Array.of(0, 0x12, 0xff, 0xab, 0x00, 0xff, 0xff);
    const image = await decodeImage(rawPng({ width: 3, height: 1, depth: 16, colourType: 0, lines: grey }));
    expect([image.channels, ...image.data]).toEqual([1, 0x13, 0xaa, 0xff]);
    const colour = Uint8Array.of(0, 0x12, 0xff, 0xab, 0x00, 0x80, 0x7f);
    const second = await decodeImage(rawPng({ width: 1, height: 1, depth: 16, colourType: 2, lines: colour }));
    expect([second.channels, ...second.data]).toEqual([3, 0x13, 0xaa, 0x80]);
  });

  it('reads palettes and depths below 8', async () => {
    const palette = pngChunk('PLTE', Uint8Array.of(1, 2, 3, 250, 251, 252));
    const lines = Uint8Array.of(0, 0b01100000);
    const image = await decodeImage(rawPng({ width: 3, height: 1, depth: 1, colourType: 3, lines, extra: [palette] }));
    expect([...image.data]).toEqual([1, 2, 3, 250, 251, 252, 250, 251, 252]);
    const two = await decodeImage(
      rawPng({ width: 4, height: 1, depth: 2, colourType: 0, lines: Uint8Array.of(0, 0b00011011) }),
    );
    expect([two.channels, ...two.data]).toEqual([1, 0, 85, 170, 255]);
  });

  it.each([0, 1, 2, 3, 4] as const)('undoes line filter %i', async (filterType) => {
    for (const pixels of [noise(11, 9, 3), gradient(14, 6), noise(7, 5, 4)]) {
      const file = png(pixels, filterType);
      expect(Buffer.compare((await decodeImage(file)).data, colours(pixels))).toBe(0);
    }
  });

  it('reads grey with alpha as grey', async () => {
    const lines = Uint8Array.of(0, 10, 0, 20, 255, 2, 5, 1, 5, 0);
    const image = await decodeImage(rawPng({ width: 2, height: 2, depth: 8, colourType: 4, lines }));
    expect([image.channels, ...image.data]).toEqual([1, 10, 20, 15, 25]);
  });

  it('reads interlaced PNG like plain PNG', async () => {
    const pixels = noise(13, 11, 3);
    const interlaced = await viaSharp(pixels).png({ progressive: true }).toBuffer();
    expect(interlaced[28]).toBe(1);
    expect(Buffer.compare((await decodeImage(interlaced)).data, pixels.data)).toBe(0);
  });

  it('ignores what follows the end of a PNG', async () => {
    const pixels = noise(5, 5, 3);
    const image = await decodeImage(Buffer.concat([png(pixels), Buffer.from('<script>')]));
    expect(Buffer.compare(image.data, pixels.data)).toBe(0);
  });

  it('reads JPEG close to what was written, grey as one channel', async () => {
    const pixels = gradient(40, 30);
    const colour = await decodeImage(
      await viaSharp(pixels).jpeg({ quality: 98, chromaSubsampling: '4:4:4' }).toBuffer(),
    );
    expect([colour.width, colour.height, colour.channels]).toEqual([40, 30, 3]);
    expect(Math.max(...colour.data.map((value, i) => Math.abs(value - pixels.data[i])))).toBeLessThan(8);
    const grey = await decodeImage(
      await viaSharp(noise(8, 8, 1))
        .toColourspace('b-w')
        .jpeg()
        .toBuffer(),
    );
    expect(grey.channels).toBe(1);
  });

  it('turns a JPEG upright as its EXIF orientation says', async () => {
    const stored = gradient(40, 20);
    const image = await decodeImage(
      await viaSharp(stored).jpeg({ quality: 98 }).withMetadata({ orientation: 6 }).toBuffer(),
    );
    expect([image.width, image.height]).toEqual([20, 40]);
    // Orientation 6: the stored left edge (red 0) is the top of the picture.
    expect(image.data[0]).toBeLessThan(20);
    expect(image.data[image.data.length - 3]).toBeGreaterThan(235);
  });

  it('does not apply an embedded colour profile', async () => {
    const pixels = noise(6, 6, 3);
    const plain = await viaSharp(pixels).png().toBuffer();
    const tagged = await viaSharp(pixels).withIccProfile('p3').png().toBuffer();
    const stored = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
    expect(tagged.includes('iCCP')).toBe(true);
    expect(plain.includes('iCCP')).toBe(false);
    expect(Buffer.compare((await decodeImage(tagged)).data, stored)).toBe(0);
  });

  it('reads lossless WebP exactly, alpha dropped', async () => {
    const pixels = noise(12, 7, 4);
    const image = await decodeImage(await viaSharp(pixels).webp({ lossless: true, exact: true }).toBuffer());
    expect(image.channels).toBe(3);
    expect(Buffer.compare(image.data, colours(pixels))).toBe(0);
  });

  it('takes the first frame of an animated WebP', async () => {
    const frames = [noise(8, 8, 3, 1), noise(8, 8, 3, 2)];
    const strip = Buffer.concat(frames.map(({ data }) => data));
    const animated = await sharp(strip, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
      .webp({ lossless: true, loop: 0 })
      .toBuffer();
    expect((await sharp(animated, { animated: true }).metadata()).pages).toBe(2);
    const image = await decodeImage(animated);
    expect([image.width, image.height]).toEqual([8, 8]);
    expect(Buffer.compare(image.data, frames[0].data)).toBe(0);
  });

  it('recognises a format by its bytes, not by a name', async () => {
    expect(
      (
        await decodeImage(
          await viaSharp(noise(4, 4, 3))
            .webp()
            .toBuffer(),
        )
      ).width,
    ).toBe(4);
    const error = await failureOf(() => decodeImage(Buffer.from('GIF89a..................')));
    expect([error.code, error.detail]).toEqual(['image-unreadable', 'GIF is not a supported image format']);
  });

  it('gives the same bytes each time', async () => {
    const jpeg = await viaSharp(noise(64, 64, 3))
      .jpeg()
      .toBuffer();
    const first = await decodeImage(jpeg);
    const second = await decodeImage(jpeg);
    expect(Buffer.compare(first.data, second.data)).toBe(0);
  });

  it('refuses a picture above the pixel limit before decoding it', async () => {
    const limits = { ...defaultLimits.image, maxPixels: 99 };
    for (const bytes of [
      png(noise(10, 10, 3)),
      await viaSharp(noise(10, 10, 3))
        .jpeg()
        .toBuffer(),
    ]) {
      const error = await failureOf(() => decodeImage(bytes, limits));
      expect(error.code).toBe('image-unreadable');
      expect(error.detail).toMatch(/limit/);
    }
    expect((await decodeImage(png(noise(9, 11, 3)), limits)).width).toBe(9);
  });
});

describe('BMP', () => {
  const palette = Uint8Array.of(3, 2, 1, 0, 30, 20, 10, 0, 33, 22, 11, 0, 9, 8, 7, 0);

  it('reads 4-bit pictures of odd width, all rows', async () => {
    const body = Uint8Array.of(0x01, 0x20, 0, 0, 0x32, 0x10, 0, 0);
    const image = await decodeImage(bmp({ width: 3, height: 2, bits: 4, colours: 4, table: palette, body }));
    expect([...image.data]).toEqual([7, 8, 9, 11, 22, 33, 10, 20, 30, 1, 2, 3, 10, 20, 30, 11, 22, 33]);
  });

  it('takes the pixels from where the header says they start', async () => {
    const body = Uint8Array.of(1, 2, 3, 0);
    const image = await decodeImage(bmp({ width: 1, height: 1, bits: 24, gap: 8, body }));
    expect([...image.data]).toEqual([3, 2, 1]);
  });

  it('reads top-down pictures', async () => {
    const body = Uint8Array.of(1, 2, 3, 0, 4, 5, 6, 0);
    expect([...(await decodeImage(bmp({ width: 1, height: -2, bits: 24, body }))).data]).toEqual([3, 2, 1, 6, 5, 4]);
    expect([...(await decodeImage(bmp({ width: 1, height: 2, bits: 24, body }))).data]).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it('reads 16 bits as 5-5-5 or by masks, 32 bits by masks', async () => {
    const word = Uint8Array.of(0x1f, 0x7c, 0, 0);
    expect([...(await decodeImage(bmp({ width: 1, height: 1, bits: 16, body: word }))).data]).toEqual([255, 0, 255]);
    const masks565 = new Uint8Array(Uint32Array.of(0xf800, 0x07e0, 0x001f).buffer);
    const green = Uint8Array.of(0xe0, 0x07, 0, 0);
    const image = bmp({ width: 1, height: 1, bits: 16, compression: 3, table: masks565, body: green });
    expect([...(await decodeImage(image)).data]).toEqual([0, 255, 0]);
    const masks32 = new Uint8Array(Uint32Array.of(0xff000000, 0x00ff0000, 0x0000ff00).buffer);
    const pixel = Uint8Array.of(0, 3, 2, 0xf1);
    const wide = bmp({ width: 1, height: 1, bits: 32, compression: 3, table: masks32, body: pixel });
    expect([...(await decodeImage(wide)).data]).toEqual([0xf1, 2, 3]);
  });

  it('unpacks RLE8 and RLE4', async () => {
    const eight = Uint8Array.of(2, 1, 0, 0, 0, 3, 2, 3, 0, 0, 0, 1);
    const first = await decodeImage(
      bmp({ width: 3, height: 2, bits: 8, compression: 1, colours: 4, table: palette, body: eight }),
    );
    expect([...first.data]).toEqual([11, 22, 33, 7, 8, 9, 1, 2, 3, 10, 20, 30, 10, 20, 30, 0, 0, 0]);
    const four = Uint8Array.of(3, 0x12, 0, 1);
    const second = await decodeImage(
      bmp({ width: 3, height: 1, bits: 4, compression: 2, colours: 4, table: palette, body: four }),
    );
    expect([...second.data]).toEqual([10, 20, 30, 11, 22, 33, 10, 20, 30]);
  });
});
