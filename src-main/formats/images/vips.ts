/** The one place where libvips (through sharp) meets untrusted bytes. */
import sharp, { type Sharp } from 'sharp';
import type { ImageLimits } from '../limits.ts';
import { checkSize, unreadable, type DecodedImage } from './image.ts';

// A process that decodes strangers' files needs three loaders; libvips would also try SVG, PDF, TIFF, GIF and others.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'],
});
// Every image is decoded once, so a cache only holds memory; images are the unit of parallelism, not their rows.
sharp.cache(false);
sharp.concurrency(1);

export interface VipsOptions {
  readonly expect: 'jpeg' | 'png' | 'webp';
  /** Turn the picture upright as its EXIF orientation says. */
  readonly upright: boolean;
}

/** Above this many pixels only one image at a time is held decoded, so that a folder of giants stays within memory. */
const LARGE_PIXELS = 4_000_000;
let largeTurn: Promise<unknown> = Promise.resolve();

/** @throws ExpectedError image-unreadable */
export async function decodeWithVips(
  bytes: Uint8Array,
  limits: ImageLimits,
  options: VipsOptions,
): Promise<DecodedImage> {
  try {
    const input = sharp(bytes, { limitInputPixels: limits.maxPixels, failOn: 'error', ignoreIcc: true });
    const meta = await input.metadata();
    if (meta.format !== options.expect) throw unreadable(`it says ${options.expect} and is ${meta.format}`);
    checkSize(meta.width, meta.height, limits);
    const grey = meta.space === 'b-w' || meta.space === 'grey16';
    const wide = meta.depth === 'ushort';
    const space = grey ? (wide ? 'grey16' : 'b-w') : wide ? 'rgb16' : 'srgb';
    const upright = options.upright ? input.autoOrient() : input;
    const pipeline = upright
      .removeAlpha()
      .toColourspace(space)
      .raw({ depth: wide ? 'ushort' : 'uchar' })
      .timeout({ seconds: limits.timeoutSeconds });
    const run = (): Promise<DecodedImage> => pixels(pipeline, wide);
    if (meta.width * meta.height <= LARGE_PIXELS) return await run();
    const turn = largeTurn.then(run, run);
    largeTurn = turn.catch(() => undefined);
    return await turn;
  } catch (error) {
    throw asUnreadable(error);
  }
}

async function pixels(pipeline: Sharp, wide: boolean): Promise<DecodedImage> {
  const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if ((channels !== 1 && channels !== 3) || data.length !== width * height * channels * (wide ? 2 : 1)) {
    throw unreadable(`decoded to ${channels} channels and ${data.length} bytes`);
  }
  return { width, height, channels, data: wide ? narrowed(data) : data };
}

/** 16 bit to 8: scaled and rounded. libvips would cut grey and colour differently. */
function narrowed(data: Buffer): Uint8Array {
  const out = new Uint8Array(data.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Math.round(data.readUInt16LE(i * 2) / 257);
  return out;
}

function asUnreadable(error: unknown): Error {
  if (error instanceof Error && error.name === 'ExpectedError') return error;
  const text = error instanceof Error ? error.message : String(error);
  return unreadable(text.replace(/\s+/g, ' ').trim(), error);
}
