/** Reading whole samples out of binary files at known places. */
import { readSync } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';

/** Fills `out` from `position`. @throws ExpectedError input-changed when the file has become shorter. */
export function readExactly(descriptor: number, out: Uint8Array, position: number, name: string): void {
  let at = 0;
  while (at < out.length) {
    const got = readSync(descriptor, out, at, out.length - at, position + at);
    if (got === 0) throw new ExpectedError('input-changed', `${name} has become shorter.`);
    at += got;
  }
}

/** `file#00012`: as many digits for every sample, so that names sort as numbers do. */
export function indexedName(file: string, index: number, count: number): string {
  return `${file}#${String(index).padStart(String(Math.max(0, count - 1)).length, '0')}`;
}

/** Planes `[C, H*W]` to pixels `[H*W, C]`. */
export function interleave(planes: Uint8Array, channels: number): Uint8Array {
  const plane = planes.length / channels;
  const out = new Uint8Array(planes.length);
  for (let c = 0, from = 0; c < channels; c++) {
    for (let i = 0, to = c; i < plane; i++, to += channels) out[to] = planes[from++];
  }
  return out;
}
