/** Zip archives of stored entries, as PyTorch writes them, with every field open to being wrong. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipPart {
  readonly name: string;
  readonly data: Uint8Array;
  /** Default 0, stored; 8 deflates. */
  readonly method?: number;
  /** Sizes, checksum, flags and place as the directory states them, where they are to be wrong. */
  readonly stated?: {
    readonly size?: number;
    readonly stored?: number;
    readonly crc?: number;
    readonly flags?: number;
    readonly header?: number;
    readonly method?: number;
    readonly localName?: string;
  };
}

export function writeZip(parts: readonly ZipPart[], comment = ''): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, data, method = 0, stated = {} } of parts) {
    const raw = method === 8 ? deflateRawSync(data) : Buffer.from(data);
    const text = Buffer.from(name);
    const localText = Buffer.from(stated.localName ?? name);
    const sums = Buffer.alloc(12);
    sums.writeUInt32LE(stated.crc ?? crc32(data), 0);
    sums.writeUInt32LE(stated.stored ?? raw.length, 4);
    sums.writeUInt32LE(stated.size ?? data.length, 8);
    const head = Buffer.alloc(14);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(20, 4);
    head.writeUInt16LE(stated.flags ?? 0, 6);
    head.writeUInt16LE(method, 8);
    const lengths = Buffer.alloc(4);
    lengths.writeUInt16LE(localText.length, 0);
    local.push(head, sums, lengths, localText, raw);
    const entry = Buffer.alloc(16);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(20, 4);
    entry.writeUInt16LE(20, 6);
    entry.writeUInt16LE(stated.flags ?? 0, 8);
    entry.writeUInt16LE(stated.method ?? method, 10);
    const rest = Buffer.alloc(18);
    rest.writeUInt16LE(text.length, 0);
    rest.writeUInt32LE(stated.header ?? at, 14);
    central.push(entry, sums, rest, text);
    at += 30 + localText.length + raw.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(Buffer.byteLength(comment), 20);
  return Buffer.concat([...local, directory, end, Buffer.from(comment)]);
}
