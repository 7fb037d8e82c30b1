import { describe, expect, it } from 'vitest';
import { estimateTriggers, type Estimate } from '../../../src-main/engine/evidence/estimate-trigger.ts';
import { greyAround, pictureOf } from '../../../src-main/engine/evidence/picture.ts';
import { meanRow, residues, type Residues } from '../../../src-main/engine/evidence/residue.ts';
import { testImages } from '../../../src-main/engine/evidence/test-trigger.ts';
import { applyTrigger, type Trigger } from '../../../src-main/engine/evidence/trigger.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { picturePng } from '../../../src-main/report/document/small-picture.ts';
import { PNG } from 'pngjs';

const [height, width] = [12, 10];
const plane = height * width;
const d = 6;

/** Images around one of two kinds, and rows that tell the kinds apart. */
function images(count: number, channels: number, name: string): { pixels: Float32Array; rows: Float32Array } {
  const random = randomStream(1, name);
  const size = channels * plane;
  const pixels = new Float32Array(count * size);
  const rows = new Float32Array(count * d);
  for (let i = 0; i < count; i++) {
    const kind = i % 2;
    for (let at = 0; at < size; at++) {
      const base = kind === 0 ? 0.3 : 0.6;
      pixels[i * size + at] = base + 0.2 * (random.uniform() - 0.5);
    }
    for (let c = 0; c < d; c++) rows[i * d + c] = (c % 2 === kind ? 1 : 0) + 0.1 * random.normal();
  }
  return { pixels, rows };
}

const square: Trigger = {
  form: 'patch',
  mask: Float32Array.from({ length: plane }, (_, at) => (Math.floor(at / width) >= 8 && at % width >= 6 ? 1 : 0)),
  pattern: new Float32Array(3 * plane).fill(1),
};

function patchOf({ trigger }: Estimate): { mask: Float32Array; pattern: Float32Array } {
  if (trigger.form !== 'patch') throw new Error('no patch was found');
  return trigger;
}

describe.each([1, 3])('triggers estimated from suspects of %d channels', (channels) => {
  const n = 20;
  const size = channels * plane;
  const credible = images(60, channels, 'credible');
  const estimate = (pixels: Float32Array, found: Residues): Estimate[] =>
    estimateTriggers(pixels, credible.pixels, found, n, [channels, height, width], 8);
  /** The first `carriers` of the suspects carry the trigger. */
  const suspectsWith = (trigger: Trigger, carriers: number) => {
    const made = images(n, channels, 'suspects');
    applyTrigger(made.pixels.subarray(0, carriers * size), trigger);
    return made;
  };

  it('are the very pixels of a solid square, although some suspects carry none', () => {
    const trigger: Trigger = { ...square, pattern: new Float32Array(size).fill(1) } as Trigger;
    const suspects = suspectsWith(trigger, 18);
    const found = residues(suspects, credible, n, 60);
    const [patch, overlay] = estimate(suspects.pixels, found);
    expect(patch.carriers).toBe(18);
    const { mask, pattern } = patchOf(patch);
    expect([...mask]).toEqual([...(square as { mask: Float32Array }).mask]);
    mask.forEach((value, at) => {
      for (let c = 0; value === 1 && c < channels; c++) expect(pattern[c * plane + at]).toBeCloseTo(1, 5);
    });
    expect(overlay.trigger.form).toBe('overlay');
  });

  it('are found from the half of the suspects that carry it, and the others are not counted', () => {
    const suspects = suspectsWith({ ...square, pattern: new Float32Array(size).fill(1) } as Trigger, 11);
    const [patch] = estimate(suspects.pixels, residues(suspects, credible, n, 60));
    expect(patch.carriers).toBe(11);
    expect([...patchOf(patch).mask]).toEqual([...(square as { mask: Float32Array }).mask]);
  });

  it('have the cells that look like the images themselves, if these look otherwise at times', () => {
    // Every second cell is as dark as a third of the credible images are there.
    const often = credible.pixels.map((value, at) => (Math.floor(at / size) % 3 === 0 ? 0 : value));
    const dark = { pixels: often, rows: credible.rows };
    const pattern = Float32Array.from({ length: size }, (_, at) => ((at + Math.floor(at / width)) % 2 === 0 ? 1 : 0));
    const suspects = suspectsWith({ ...square, pattern } as Trigger, n);
    const found = residues(suspects, dark, n, 60);
    const [patch] = estimateTriggers(suspects.pixels, dark.pixels, found, n, [channels, height, width], 8);
    expect([...patchOf(patch).mask]).toEqual([...(square as { mask: Float32Array }).mask]);
  });

  it('are what is added, where every pixel is changed a little', () => {
    const random = randomStream(3, 'pattern');
    const shift = Float32Array.from({ length: size }, () => 0.2 * (random.uniform() - 0.5));
    const suspects = suspectsWith({ form: 'overlay', shift }, n);
    const [{ trigger }, ...rest] = estimate(suspects.pixels, residues(suspects, credible, n, 60));
    expect(rest).toEqual([]);
    if (trigger.form !== 'overlay') throw new Error('a patch was found in an overlay');
    const close = trigger.shift.filter((value, at) => Math.abs(value - shift[at]) < 0.06).length;
    expect(close).toBeGreaterThan(0.9 * size);
  });

  it('are no patch where suspects look like credible samples', () => {
    const suspects = images(n, channels, 'suspects');
    const found = residues(suspects, credible, n, 60);
    expect(estimate(suspects.pixels, found).map(({ trigger }) => trigger.form)).toEqual(['overlay']);
    expect(meanRow(found.residue, n).every((value) => Math.abs(value) < 0.1)).toBe(true);
  });
});

describe('images to try triggers on', () => {
  /** So many of each class, one after the other. */
  function tried(counts: readonly number[]): number[] {
    const labels = Int32Array.from(counts.flatMap((count, c) => new Array<number>(count).fill(c)));
    const chosen = testImages(Int32Array.from(labels.keys()), labels, counts.length + 1);
    const found = counts.map(() => 0);
    for (const i of chosen) found[labels[i]]++;
    return found;
  }

  it('are enough of every class to say something of it alone, whatever the others have', () => {
    expect(tried([500, 40, 500, 500, 500, 500, 500, 500, 500])).toEqual([60, 40, 60, 60, 60, 60, 60, 60, 60]);
  });

  it('are 400 of few classes, and not more than 2,000 of many', () => {
    expect(tried([1000, 1000])).toEqual([200, 200]);
    expect(tried(new Array<number>(200).fill(50)).reduce((a, b) => a + b)).toBe(2000);
  });
});

describe('residues', () => {
  it('compare with the nearest credible samples and refuse to work without any', () => {
    const credible = images(60, 1, 'credible');
    const suspects = images(4, 1, 'suspects');
    const { background } = residues(suspects, credible, 4, 60);
    for (let i = 0; i < 4; i++) {
      const middle = background.subarray(i * plane, (i + 1) * plane).reduce((sum, value) => sum + value / plane, 0);
      expect(middle).toBeCloseTo(i % 2 === 0 ? 0.3 : 0.6, 1);
    }
    expect(() => residues(suspects, { pixels: new Float32Array(0), rows: new Float32Array(0) }, 4, 0)).toThrow(
      RangeError,
    );
  });
});

describe('the nearest of residues', () => {
  it('are those of the largest cosines, largest first, of equal ones the first', () => {
    const random = randomStream(4, 'rows');
    const [n, m, d] = [9, 40, 3];
    // Few values, so that many cosines are equal.
    const rowsOf = (count: number): Float32Array =>
      Float32Array.from({ length: count * d }, () => Math.floor(3 * random.uniform()) - 1);
    const [own, other] = [rowsOf(n), rowsOf(m)];
    const { nearest } = residues(
      { pixels: new Float32Array(n), rows: own },
      { pixels: new Float32Array(m), rows: other },
      n,
      m,
    );
    const unit = (rows: Float32Array, i: number): Float32Array => {
      const row = rows.slice(i * d, (i + 1) * d);
      const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
      return row.map((value) => (norm > 0 ? value / norm : 0));
    };
    for (let i = 0; i < n; i++) {
      const cosines = Array.from({ length: m }, (_, j) =>
        unit(own, i).reduce((sum, value, c) => sum + value * unit(other, j)[c], 0),
      );
      const sorted = [...cosines.keys()].sort((a, b) => cosines[b] - cosines[a] || a - b).slice(0, 5);
      expect([...nearest.subarray(5 * i, 5 * i + 5)]).toEqual(sorted);
    }
  });
});

describe('small pictures', () => {
  it('keep small images as they are, scale large ones down, and cut values off', () => {
    const small = pictureOf(Float32Array.of(-1, 0, 0.5, 2), [1, 2, 2]);
    expect(small).toEqual({ channels: 1, height: 2, width: 2, bytes: [0, 0, 128, 255] });
    const large = pictureOf(new Float32Array(3 * 200 * 130).fill(0.2), [3, 200, 130]);
    expect([large.channels, large.height, large.width]).toEqual([3, 50, 33]);
    expect(large.bytes.every((value) => value === 51)).toBe(true);
    expect(pictureOf(new Float32Array(4), [4, 1, 1]).channels).toBe(1);
    expect([...greyAround(Float32Array.of(-1, 0, 1))]).toEqual([0, 0.5, 1]);
  });

  it('become PNGs of whole factors, and are refused when their bytes do not fit', () => {
    const base64 = picturePng({ channels: 3, height: 2, width: 1, bytes: [10, 20, 30, 40, 50, 60] });
    const png = PNG.sync.read(Buffer.from(base64, 'base64'));
    expect([png.width, png.height]).toEqual([42, 84]);
    expect([...png.data.subarray(0, 4)]).toEqual([10, 30, 50, 255]);
    expect([...png.data.subarray(-4)]).toEqual([20, 40, 60, 255]);
    expect(() => picturePng({ channels: 1, height: 2, width: 2, bytes: [1] })).toThrow(RangeError);
  });
});
