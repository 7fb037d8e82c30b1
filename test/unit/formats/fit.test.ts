import { describe, expect, it } from 'vitest';
import { fitImage } from '../../../src-main/formats/images/fit.ts';
import type { DecodedImage } from '../../../src-main/formats/images/image.ts';
import { noise } from './make.ts';

const grey = (width: number, height: number, values: readonly number[]): DecodedImage => ({
  width,
  height,
  channels: 1,
  data: Uint8Array.from(values),
});

describe('fitImage', () => {
  it('leaves a picture of the right size alone and lays it out in planes', () => {
    const image: DecodedImage = { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect([...fitImage(image, { channels: 3, height: 1, width: 2 })]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  it('repeats grey in every channel', () => {
    expect([...fitImage(grey(2, 1, [7, 9]), { channels: 3, height: 1, width: 2 })]).toEqual([7, 9, 7, 9, 7, 9]);
  });

  it('makes grey of colour by luma', () => {
    const image: DecodedImage = {
      width: 4,
      height: 1,
      channels: 3,
      data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255),
    };
    expect([...fitImage(image, { channels: 1, height: 1, width: 4 })]).toEqual([76, 150, 29, 255]);
  });

  it('keeps a constant picture constant at every size', () => {
    for (const [width, height] of [
      [1, 1],
      [3, 17],
      [40, 9],
      [224, 31],
    ]) {
      const image = grey(width, height, new Array<number>(width * height).fill(201));
      expect(new Set(fitImage(image, { channels: 1, height: 32, width: 32 }))).toEqual(new Set([201]));
    }
  });

  it('averages with a triangle when halving', () => {
    // Weights 1/8 3/8 3/8 1/8 inside, renormalised at the border to 3/7 3/7 1/7.
    const image = grey(4, 1, [0, 70, 140, 210]);
    expect([...fitImage(image, { channels: 1, height: 1, width: 2 })]).toEqual([50, 160]);
  });

  it('interpolates between neighbours when doubling', () => {
    expect([...fitImage(grey(2, 1, [0, 100]), { channels: 1, height: 1, width: 4 })]).toEqual([0, 25, 75, 100]);
  });

  it('keeps a mark in the corner, nothing is cropped', () => {
    const values = new Array<number>(64 * 32).fill(0);
    for (const at of [0, 1, 64, 65]) values[at] = 255;
    const out = fitImage(grey(64, 32, values), { channels: 1, height: 32, width: 32 });
    expect(out[0]).toBeGreaterThan(80);
    expect(Math.max(...out.subarray(4, 32))).toBe(0);
  });

  it('does not depend on what was fitted before', () => {
    const { width, height, data } = noise(37, 29, 3);
    const image: DecodedImage = { width, height, channels: 3, data };
    const first = fitImage(image, { channels: 3, height: 16, width: 16 });
    for (let size = 1; size < 80; size++)
      fitImage(grey(size, 1, new Array<number>(size).fill(1)), { channels: 1, height: 2, width: 3 });
    expect(fitImage(image, { channels: 3, height: 16, width: 16 })).toEqual(first);
  });
});
