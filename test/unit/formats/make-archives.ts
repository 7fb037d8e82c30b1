/** Archives and array files written byte by byte, so that every field can lie. */
import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

export interface TarEntry {
  readonly name: string | Buffer;
  readonly data?: Uint8Array | string;
  readonly type?: string;
  /** What the size field says instead of the truth: text of the field or its bytes. */
  readonly size?: string | Buffer;
  readonly link?: string;
  readonly prefix?: string;
  readonly badChecksum?: boolean;
  /** Leave the data out. */
  readonly cut?: boolean;
}

export function tarEntry({
  name,
  data = '',
  type = '0',
  size,
  link = '',
  prefix = '',
  badChecksum,
  cut,
}: TarEntry): Buffer {
  const body = Buffer.from(data as string);
  const header = Buffer.alloc(512);
  Buffer.from(name as string).copy(header, 0, 0, 100);
  header.write('0000644\0', 100, 'latin1');
  const field = size ?? `${body.length.toString(8).padStart(11, '0')}\0`;
  if (typeof field === 'string') header.write(field, 124, 12, 'latin1');
  else field.copy(header, 124);
  header.write(type, 156, 'latin1');
  header.write(link, 157, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write(prefix, 345, 'latin1');
  header.write('        ', 148, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, badChecksum === true ? 1 : 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return cut === true ? header : Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

export const tar = (...entries: readonly TarEntry[]): Buffer =>
  Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]);

export function pax(records: Readonly<Record<string, string>>, type = 'x'): TarEntry {
  const data = Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = Buffer.byteLength(rest);
      while (String(length).length + Buffer.byteLength(rest) !== length)
        length = String(length).length + Buffer.byteLength(rest);
      return `${length}${rest}`;
    })
    .join('');
  return { name: 'pax', data, type };
}

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly data?: Uint8Array | string;
  readonly method?: number;
  /** Compressed bytes instead of the right ones. */
  readonly packed?: Uint8Array;
  readonly crc?: number;
  readonly size?: number;
  readonly packedSize?: number;
  readonly flags?: number;
  /** Unix mode, e.g. 0o120777 for a link. */
  readonly mode?: number;
  /** Place of the local header that the directory names. */
  readonly offset?: number;
  readonly localName?: string;
  readonly localMethod?: number;
  readonly localSize?: number;
  readonly localSignature?: number;
  /** Only in the directory; its header is another's. */
  readonly noLocal?: boolean;
  readonly extra?: Buffer;
}

export interface ZipLies {
  readonly count?: number;
  readonly directoryOffset?: number;
  readonly comment?: string;
}

export function zip(entries: readonly ZipEntry[], lies: ZipLies = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const entry of entries) {
    const data = Buffer.from((entry.data ?? '') as string);
    const method = entry.method ?? 0;
    const packed = Buffer.from(entry.packed ?? (method === 8 ? deflateRawSync(data) : data));
    const name = Buffer.from(entry.name as string);
    const localName = entry.localName === undefined ? name : Buffer.from(entry.localName);
    const crc = entry.crc ?? crc32(data);
    const size = entry.size ?? data.length;
    const packedSize = entry.packedSize ?? packed.length;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(entry.localSignature ?? 0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(entry.flags ?? 0, 6);
    local.writeUInt16LE(entry.localMethod ?? method, 8);
    local.writeUInt32LE(crc, 14);
    local.writeUInt32LE(packedSize, 18);
    local.writeUInt32LE(entry.localSize ?? size, 22);
    local.writeUInt16LE(localName.length, 26);
    const extra = entry.extra ?? Buffer.alloc(0);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE((3 << 8) | 20, 4);
    central.writeUInt16LE(20, 6);
    central.writeUInt16LE(entry.flags ?? 0, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(crc, 16);
    central.writeUInt32LE(packedSize, 20);
    central.writeUInt32LE(size, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt16LE(extra.length, 30);
    central.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(entry.offset ?? at, 42);
    directory.push(central, name, extra);
    if (entry.noLocal !== true) {
      parts.push(local, localName, packed);
      at += 30 + localName.length + packed.length;
    }
  }
  const central = Buffer.concat(directory);
  const comment = Buffer.from(lies.comment ?? '');
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(lies.count ?? entries.length, 8);
  end.writeUInt16LE(lies.count ?? entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(lies.directoryOffset ?? at, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...parts, central, end, comment]);
}

export function npy(header: string, data: Uint8Array = new Uint8Array(0), version = 1): Buffer {
  const text = Buffer.from(`${header}\n`);
  const head = Buffer.alloc(version === 1 ? 10 : 12);
  head.write('\x93NUMPY', 0, 'latin1');
  head[6] = version;
  if (version === 1) head.writeUInt16LE(text.length, 8);
  else head.writeUInt32LE(text.length, 8);
  return Buffer.concat([head, text, data]);
}

export const bytesArray = (dims: readonly number[], data: Uint8Array): Buffer =>
  npy(`{'descr': '|u1', 'fortran_order': False, 'shape': (${dims.join(', ')},), }`, data);

export function matElement(type: number, data: Uint8Array, bytes = data.length): Buffer {
  const tag = Buffer.alloc(8);
  tag.writeUInt32LE(type, 0);
  tag.writeUInt32LE(bytes, 4);
  return Buffer.concat([tag, data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
}

export interface MatMatrix {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
  readonly matClass?: number;
  readonly type?: number;
  readonly flags?: number;
}

export function matMatrix({ name, dims, data, matClass = 9, type = 2, flags = 0 }: MatMatrix): Buffer {
  const words = Buffer.alloc(8);
  words.writeUInt32LE(matClass | flags, 0);
  const sizes = Buffer.alloc(4 * dims.length);
  dims.forEach((size, i) => sizes.writeInt32LE(size, 4 * i));
  return matElement(
    14,
    Buffer.concat([
      matElement(6, words),
      matElement(5, sizes),
      matElement(1, Buffer.from(name)),
      matElement(type, data),
    ]),
  );
}

export function mat(...elements: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(128, 0x20);
  head.write('MATLAB 5.0 MAT-file, written for a test', 0, 'latin1');
  head.writeUInt16LE(0x0100, 124);
  head.write('IM', 126, 'latin1');
  return Buffer.concat([head, ...elements]);
}

/** A zlib element holds no padding. */
export function matPacked(inner: Uint8Array): Buffer {
  const packed = deflateSync(inner, { level: 9 });
  return matElement(15, packed).subarray(0, 8 + packed.length);
}
