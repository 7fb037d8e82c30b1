/**
 * MATLAB's MAT-files of version 5 to 7 ("MAT-File Format", MathWorks): a list of elements, each a matrix, mostly
 * compressed with zlib. Numeric arrays are read; cells, structures and objects are named and never entered.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { DatasetLimits } from '../limits.ts';
import type { Dataset } from './dataset.ts';
import { bytesOfKind, type ElementKind } from './elements.ts';
import { openScratch, unpackOnto, type Scratch } from './inflate.ts';
import { touchedOf } from './manifest.ts';
import { readExactly } from './raw.ts';
import { openArrayFile, type ArrayOptions, type StoredArray } from './stored-arrays.ts';

const HEADER = 128;
const MATRIX = 14;
const COMPRESSED = 15;
/** Elements of a file, and dimensions of one. */
const MAX_RANK = 32;

const KINDS: Readonly<Record<number, ElementKind | undefined>> = {
  1: 'i1',
  2: 'u1',
  3: 'i2',
  4: 'u2',
  5: 'i4',
  6: 'u4',
  7: 'f4',
  9: 'f8',
  12: 'i8',
  13: 'u8',
};
/** Classes of matrices that are not entered. */
const OTHERS: Readonly<Record<number, string | undefined>> = {
  1: 'cell array',
  2: 'structure',
  3: 'object',
  4: 'text',
  5: 'sparse matrix',
  16: 'function',
  17: 'opaque object',
};

/** True for the 128-byte header of a MAT-file of version 5 to 7. */
export function isMat5(head: Uint8Array): boolean {
  const endian = String.fromCharCode(head[126], head[127]);
  const version = endian === 'IM' ? head[124] + head[125] * 256 : head[124] * 256 + head[125];
  return head.length >= HEADER && (endian === 'IM' || endian === 'MI') && version === 0x0100;
}

interface MatArray extends StoredArray {
  readonly descriptor: number;
  readonly start: number;
}

/**
 * Opens images and labels of a MAT-file, e.g. SVHN's cropped digits: `X` 32 x 32 x 3 x N, `y` N.
 * @throws ExpectedError labels-missing, dataset-malformed, dataset-too-large, dataset-unsupported, no-space; CancelledError
 */
export async function openMat5(path: string, options: ArrayOptions): Promise<Dataset> {
  const descriptor = openSync(path, 'r');
  const scratch = openScratch(options.scratch);
  const close = (): void => {
    closeSync(descriptor);
    scratch.close();
  };
  try {
    const { arrays, others } = await listMat5(descriptor, path, scratch, options);
    refuseStructures(path, others, arrays.length);
    return await openArrayFile(
      {
        format: 'mat',
        path,
        file: basename(path),
        arrays,
        samplesLast: true,
        place: async (array) => array as MatArray,
        touched: () => touchedOf(path),
        close,
      },
      options,
    );
  } catch (error) {
    close();
    throw error;
  }
}

/** @throws ExpectedError dataset-unsupported naming what the file holds instead of arrays */
export function refuseStructures(path: string, others: readonly string[], arrays: number): void {
  if (others.some((other) => /digitStruct/.test(other))) {
    throw new ExpectedError(
      'dataset-unsupported',
      `${path} is the table of boxes of SVHN's full numbers (digitStruct). Give the cropped digits (train_32x32.mat), or crop the digits into one folder per class.`,
    );
  }
  if (arrays === 0) {
    throw new ExpectedError(
      'dataset-unsupported',
      `${path} holds no array of numbers${others.length > 0 ? `, only ${others.slice(0, 5).join(', ')}` : ''}. Save images as X (H x W x C x N) and labels as y.`,
    );
  }
}

interface Listed {
  readonly arrays: MatArray[];
  /** "structure digitStruct" */
  readonly others: string[];
}

async function listMat5(
  descriptor: number,
  path: string,
  scratch: Scratch,
  { limits, signal }: ArrayOptions,
): Promise<Listed> {
  const head = Buffer.alloc(HEADER);
  readExactly(descriptor, head, 0, path);
  const little = head.toString('latin1', 126) === 'IM';
  const end = fstatSync(descriptor).size;
  const listed: Listed = { arrays: [], others: [] };
  let elements = 0;
  for (let at = HEADER; at < end;) {
    if (++elements > limits.dataset.maxArrays)
      throw new ExpectedError(
        'dataset-too-large',
        `${path}: more than ${limits.dataset.maxArrays} elements (limit maxArrays).`,
      );
    const tag = readTag({ descriptor, at, end, little, path });
    if (tag.type === COMPRESSED) {
      const start = scratch.size;
      const packed = { descriptor, start: tag.start, length: tag.bytes, kind: 'zlib', name: path } as const;
      const got = await unpackOnto(scratch, packed, { limits: limits.dataset, signal });
      const inner = readTag({ descriptor: scratch.descriptor, at: start, end: start + got, little, path });
      if (inner.type === MATRIX) readMatrix(inner, scratch.descriptor, little, path, limits.dataset, listed);
    } else if (tag.type === MATRIX) {
      readMatrix(tag, descriptor, little, path, limits.dataset, listed);
    }
    // Compressed elements follow each other without a gap, all others start at multiples of 8.
    at = tag.type === COMPRESSED ? tag.start + tag.bytes : tag.next;
  }
  return listed;
}

interface Tag {
  readonly type: number;
  readonly bytes: number;
  readonly start: number;
  /** Where the next element starts. */
  readonly next: number;
}

interface Cursor {
  readonly descriptor: number;
  readonly at: number;
  readonly end: number;
  readonly little: boolean;
  readonly path: string;
}

function malformed(path: string, what: string): ExpectedError {
  return new ExpectedError('dataset-malformed', `${path}: ${what}`);
}

/** Tag of an element; one of up to four bytes may hold its data in the tag. */
function readTag({ descriptor, at, end, little, path }: Cursor): Tag {
  if (at + 8 > end) throw malformed(path, `it ends within the element at byte ${at}.`);
  const tag = Buffer.alloc(8);
  readExactly(descriptor, tag, at, path);
  const first = little ? tag.readUInt32LE(0) : tag.readUInt32BE(0);
  const small = first >>> 16;
  if (small > 4) throw malformed(path, `the element at byte ${at} packs ${small} bytes into its tag.`);
  if (small > 0) return { type: first & 0xffff, bytes: small, start: at + 4, next: at + 8 };
  const bytes = little ? tag.readUInt32LE(4) : tag.readUInt32BE(4);
  if (at + 8 + bytes > end) throw malformed(path, `the element at byte ${at} ends outside of what holds it.`);
  return { type: first, bytes, start: at + 8, next: at + 8 + Math.ceil(bytes / 8) * 8 };
}

function readMatrix(
  matrix: Tag,
  descriptor: number,
  little: boolean,
  path: string,
  limits: DatasetLimits,
  listed: Listed,
): void {
  const end = matrix.start + matrix.bytes;
  if (matrix.bytes === 0) return;
  const part = (at: number): Tag => readTag({ descriptor, at, end, little, path });
  const bytesOf = (tag: Tag, what: string): Buffer => {
    if (tag.bytes > limits.maxHeaderBytes) {
      throw new ExpectedError(
        'dataset-too-large',
        `${path}: ${what} of ${tag.bytes} bytes (limit maxHeaderBytes = ${limits.maxHeaderBytes}).`,
      );
    }
    const out = Buffer.alloc(tag.bytes);
    readExactly(descriptor, out, tag.start, path);
    return out;
  };
  const flagsTag = part(matrix.start);
  if (flagsTag.type !== 6 || flagsTag.bytes !== 8) throw malformed(path, 'a matrix does not start with its flags.');
  const flags = bytesOf(flagsTag, 'flags');
  const word = little ? flags.readUInt32LE(0) : flags.readUInt32BE(0);
  const matClass = word & 0xff;
  const complex = (word & 0x0800) !== 0;
  if (matClass === 17) {
    listed.others.push('opaque object');
    return;
  }
  const dimsTag = part(flagsTag.next);
  if (dimsTag.type !== 5 || dimsTag.bytes < 8 || dimsTag.bytes % 4 !== 0 || dimsTag.bytes > 4 * MAX_RANK)
    throw malformed(path, 'the dimensions of a matrix are damaged.');
  const raw = bytesOf(dimsTag, 'dimensions');
  const dims = Array.from({ length: raw.length / 4 }, (_unused, i) =>
    little ? raw.readInt32LE(4 * i) : raw.readInt32BE(4 * i),
  );
  const nameTag = part(dimsTag.next);
  if (nameTag.type !== 1) throw malformed(path, 'the name of a matrix is damaged.');
  const name = bytesOf(nameTag, 'a name').toString('latin1');
  const other = OTHERS[matClass];
  if (other !== undefined) {
    listed.others.push(`${other} ${name.slice(0, 100)}`);
    return;
  }
  if (matClass < 6 || matClass > 15) throw malformed(path, `"${name.slice(0, 100)}" is of class ${matClass}.`);
  if (complex) {
    listed.others.push(`complex array ${name.slice(0, 100)}`);
    return;
  }
  const real = part(nameTag.next);
  const kind = KINDS[real.type];
  const count = dims.reduce((product, size) => product * BigInt(size), 1n);
  if (kind === undefined || dims.some((size) => size < 0) || count * BigInt(bytesOfKind(kind)) !== BigInt(real.bytes)) {
    throw malformed(
      path,
      `"${name.slice(0, 100)}" is ${dims.join(' x ')}, and ${real.bytes} bytes of type ${real.type} follow.`,
    );
  }
  listed.arrays.push({ name, type: { kind, little }, text: null, dims, fortran: true, descriptor, start: real.start });
}
