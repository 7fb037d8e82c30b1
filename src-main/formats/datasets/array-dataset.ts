/** Datasets that are arrays: every sample has the same shape and lies at a known place of a file. */
import { createHash } from 'node:crypto';
import { unreadable, type DecodedImage } from '../images/image.ts';
import { openByteColumn } from './column.ts';
import { openProblemLog, type Dataset, type DatasetFormat, type ProblemList } from './dataset.ts';
import { bytesOfKind, elementGetter, type ElementType } from './elements.ts';
import { indexedName, readExactly } from './raw.ts';

/** Order of the values of one sample, slowest first: height, width, channel. */
export type SampleOrder = 'hwc' | 'chw' | 'cwh' | 'whc';

export interface SampleShape {
  readonly height: number;
  readonly width: number;
  /** 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha. Alpha is dropped. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly order: SampleOrder;
  readonly type: ElementType;
  /** Stored value times this, rounded, is 0..255. */
  readonly factor: number;
}

/** A run of samples in one file. */
export interface Segment {
  /** What its samples are named after. */
  readonly name: string;
  readonly descriptor: number;
  readonly start: number;
  /** Bytes from one sample to the next. */
  readonly stride: number;
  readonly count: number;
}

export interface ArrayParts {
  readonly format: DatasetFormat;
  readonly path: string;
  readonly classes: readonly string[];
  /** Class of each sample over all segments. */
  readonly labels: Int32Array;
  readonly segments: readonly Segment[];
  readonly shape: SampleShape;
  readonly notes: readonly string[];
  readonly leftOut?: readonly string[];
  readonly skipped?: ProblemList;
  /** Size and times of the files as they are now. */
  readonly touched: () => string;
  readonly close: () => void;
}

/** Bytes of one sample. */
export function sampleBytesOf({ height, width, channels, type }: SampleShape): number {
  return height * width * channels * bytesOfKind(type.kind);
}

/** Samples are named `segment#index`; their bytes are as stored. */
export function arrayDataset(parts: ArrayParts): Dataset {
  const { segments, shape, labels, classes, format } = parts;
  const firsts: number[] = [];
  let count = 0;
  for (const segment of segments) {
    firsts.push(count);
    count += segment.count;
  }
  const segmentOf = (index: number): number => {
    if (!Number.isInteger(index) || index < 0 || index >= count) throw new RangeError(`sample ${index} of ${count}`);
    return firsts.findLastIndex((first) => first <= index);
  };
  const sampleBytes = sampleBytesOf(shape);
  const names = openByteColumn();
  for (const segment of segments) names.push(Buffer.from(segment.name));
  const bytes = (index: number): Buffer => {
    const at = segmentOf(index);
    const { descriptor, start, stride, name } = segments[at];
    const out = Buffer.allocUnsafeSlow(sampleBytes);
    readExactly(descriptor, out, start + (index - firsts[at]) * stride, name);
    return out;
  };
  const decode = (_index: number, data: Buffer): DecodedImage => {
    if (data.length !== sampleBytes) throw unreadable(`${data.length} bytes instead of ${sampleBytes}`);
    return sampleImage(data, shape);
  };
  const layout = JSON.stringify(shape);
  return {
    format,
    path: parts.path,
    classes,
    count,
    skipped: parts.skipped ?? openProblemLog(0),
    notes: parts.notes,
    leftOut: parts.leftOut ?? [],
    layout,
    name(index) {
      const at = segmentOf(index);
      return indexedName(segments[at].name, index - firsts[at], segments[at].count);
    },
    compareNames: (a, b) => names.compare(segmentOf(a), segmentOf(b)) || a - b,
    label: (index) => labels[index],
    bytes,
    decode,
    load: (index) => decode(index, bytes(index)),
    async fingerprint() {
      return createHash('sha256')
        .update(JSON.stringify([parts.touched(), layout, classes, segments.map(({ name }) => name)]))
        .digest('hex');
    },
    async close() {
      parts.close();
    },
  };
}

function sampleImage(data: Buffer, { height, width, channels, order, type, factor }: SampleShape): DecodedImage {
  const kept = channels >= 3 ? 3 : 1;
  const out = new Uint8Array(height * width * kept);
  // Elements from one row, column and channel to the next.
  const [row, column, channel] = {
    hwc: [width * channels, channels, 1],
    chw: [width, 1, height * width],
    cwh: [1, height, height * width],
    whc: [channels, height * channels, 1],
  }[order];
  const size = bytesOfKind(type.kind);
  const get = elementGetter(type);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const plain = type.kind === 'u1' && factor === 1;
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let from = y * row + x * column;
      for (let c = 0; c < kept; c++, from += channel) {
        out[to++] = plain ? data[from] : Math.round(get(view, from * size) * factor);
      }
    }
  }
  const changes = [
    ...(channels % 2 === 0 ? (['alpha'] as const) : []),
    ...(bytesOfKind(type.kind) === 2 && factor < 1 ? (['narrowed'] as const) : []),
  ];
  return { width, height, channels: kept, data: out, ...(changes.length > 0 && { changes }) };
}
