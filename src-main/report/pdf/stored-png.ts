/**
 * A PNG whose bytes follow from its pixels alone: no alpha channel, which pdfkit would take out at a time of its own, and
 * nothing compressed, since every build of zlib compresses in its own way (PNG, 5.3 and 10; RFC 1950; RFC 1951, 3.2.4).
 */
import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';

const longestBlock = 0xffff;

/** @param png a PNG of any kind, in base64 */
export function storedPng(png: string): Buffer {
  const { width, height, data } = PNG.sync.read(Buffer.from(png, 'base64'));
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0, at = 0; y < height; y++) {
    // Filter 0: the row as it is.
    at += 1;
    for (let x = 0; x < width; x++, at += 3) data.copy(rows, at, 4 * (y * width + x), 4 * (y * width + x) + 3);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Depth 8, colour type 2 (red, green, blue).
  header.set([8, 2], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', stored(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), content]);
  return Buffer.concat([uint32(content.length), body, uint32(crc32(body))]);
}

/** A zlib stream of blocks that are not compressed. */
function stored(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x78, 0x01])];
  for (let at = 0; at < bytes.length; at += longestBlock) {
    const block = bytes.subarray(at, at + longestBlock);
    const head = Buffer.alloc(5);
    head[0] = at + longestBlock >= bytes.length ? 1 : 0;
    head.writeUInt16LE(block.length, 1);
    head.writeUInt16LE(~block.length & 0xffff, 3);
    parts.push(head, block);
  }
  return Buffer.concat([...parts, uint32(adler32(bytes))]);
}

function adler32(bytes: Buffer): number {
  let a = 1;
  let b = 0;
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return ((b << 16) | a) >>> 0;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
