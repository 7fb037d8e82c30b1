/** The one place where libvips (through sharp) meets untrusted bytes. */
import sharp, { type Metadata, type Sharp } from 'sharp';
import type { ImageLimits } from '../limits.ts';
import { checkSize, unreadable, type DecodedImage, type ImageChange } from './image.ts';

// A process that decodes strangers' files needs four loaders; libvips would also try SVG, PDF, GIF and others.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegBuffer',
    'VipsForeignLoadPngBuffer',
    'VipsForeignLoadWebpBuffer',
    'VipsForeignLoadTiffBuffer',
  ],
});
// Every image is decoded once, so a cache only holds memory; images are the unit of parallelism, not their rows.
sharp.cache(false);
sharp.concurrency(1);

export interface VipsOptions {
  readonly expect: 'jpeg' | 'png' | 'webp' | 'tiff';
  /** Turn the picture upright as its EXIF orientation says. */
  readonly upright: boolean;
}

/** Above this many pixels only one image at a time is held decoded, so that a folder of giants stays within memory. */
const LARGE_PIXELS = 4_000_000;
let largeTurn: Promise<unknown> = Promise.resolve();
let sharedTurn: Int32Array | null = null;

/** @param turn one int32 of memory that all decoding threads share, 0 at first: the one image is then one among all of them */
export function shareLargeTurn(turn: Int32Array): void {
  sharedTurn = turn;
}

/** Waits, thread and all, until no other thread holds a large image. */
async function alone(run: () => Promise<DecodedImage>): Promise<DecodedImage> {
  if (sharedTurn === null) return await run();
  while (Atomics.compareExchange(sharedTurn, 0, 0, 1) !== 0) Atomics.wait(sharedTurn, 0, 1);
  try {
    return await run();
  } finally {
    Atomics.store(sharedTurn, 0, 0);
    Atomics.notify(sharedTurn, 0, 1);
  }
}

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
    const changes = changesOf(meta, options);
    if (meta.space === 'cmyk' && meta.depth === 'uchar')
      return await inTurn(meta, () => cmykPixels(input, limits, options, changes));
    if (meta.depth !== 'uchar' && meta.depth !== 'ushort')
      throw unreadable(`its values are of type ${meta.depth}; 8 and 16 bits are read`);
    const grey = meta.space === 'b-w' || meta.space === 'grey16';
    const wide = meta.depth === 'ushort';
    const space = grey ? (wide ? 'grey16' : 'b-w') : wide ? 'rgb16' : 'srgb';
    const upright = options.upright ? input.autoOrient() : input;
    const pipeline = upright
      .removeAlpha()
      .toColourspace(space)
      .raw({ depth: wide ? 'ushort' : 'uchar' })
      .timeout({ seconds: limits.timeoutSeconds });
    return await inTurn(meta, () => pixels(pipeline, wide, changes));
  } catch (error) {
    throw asUnreadable(error);
  }
}

async function inTurn(
  { width, height }: { readonly width: number; readonly height: number },
  run: () => Promise<DecodedImage>,
): Promise<DecodedImage> {
  if (width * height <= LARGE_PIXELS) return await run();
  const next = (): Promise<DecodedImage> => alone(run);
  const turn = largeTurn.then(next, next);
  largeTurn = turn.catch(() => undefined);
  return await turn;
}

function changesOf(meta: Metadata, { upright }: VipsOptions): readonly ImageChange[] {
  const changes: ImageChange[] = [];
  if (upright && (meta.orientation ?? 1) > 1) changes.push('turned');
  if (meta.hasAlpha) changes.push('alpha');
  if (meta.depth === 'ushort') changes.push('narrowed');
  if (meta.space === 'cmyk') changes.push('cmyk');
  if ((meta.pages ?? 1) > 1) changes.push('first-frame');
  return changes;
}

async function cmykPixels(
  input: Sharp,
  limits: ImageLimits,
  options: VipsOptions,
  changes: readonly ImageChange[],
): Promise<DecodedImage> {
  const upright = options.upright ? input.autoOrient() : input;
  const { data, info } = await upright
    // Kept as stored: libvips would put a profile of its own between CMYK and RGB.
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw({ depth: 'uchar' })
    .timeout({ seconds: limits.timeoutSeconds })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  // A fifth channel is transparency; it is dropped like any other.
  if (channels < 4 || data.length !== width * height * channels) {
    throw unreadable(`decoded to ${channels} channels and ${data.length} bytes`);
  }
  const out = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < out.length; from += channels) {
    const light = 255 - data[from + 3];
    for (let c = 0; c < 3; c++) out[to++] = light - Math.round((data[from + c] * light) / 255);
  }
  return { width, height, channels: 3, data: out, ...(changes.length > 0 && { changes }) };
}

async function pixels(pipeline: Sharp, wide: boolean, changes: readonly ImageChange[]): Promise<DecodedImage> {
  const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if ((channels !== 1 && channels !== 3) || data.length !== width * height * channels * (wide ? 2 : 1)) {
    throw unreadable(`decoded to ${channels} channels and ${data.length} bytes`);
  }
  return { width, height, channels, data: wide ? narrowed(data) : data, ...(changes.length > 0 && { changes }) };
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
