import { describe, expect, it } from 'vitest';
import { isKindOfItsOwn, kindOf, kindQuestion } from '../../../src-main/engine/evidence/kind.ts';
import { nearestShare } from '../../../src-main/engine/evidence/look-alikes.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';

const shape = [1, 8, 8] as const;
const size = 64;

/**
 * Class 0 is bright on top, class 1 below, each with noise; the last `group` samples are labelled 0 and taken for 1: `likeLabel` says
 * whether they are bright on top all the same, but shifted, or are images of class 1.
 */
function world(group: number, natural: boolean) {
  const each = 60;
  const n = 2 * each + group;
  const random = randomStream(1, 'kinds');
  const labels = Int32Array.from({ length: n }, (_, i) => (i < each ? 0 : i < 2 * each ? 1 : 0));
  const predicted = Int32Array.from({ length: n }, (_, i) => (i < each ? 0 : 1));
  const pixels = new Float32Array(n * size);
  for (let i = 0; i < n; i++) {
    const isGroup = i >= 2 * each;
    const top = isGroup ? natural : labels[i] === 0;
    for (let j = 0; j < size; j++) {
      const row = Math.floor(j / 8);
      const bright = isGroup && natural ? row >= 2 && row < 5 : top ? row < 4 : row >= 4;
      pixels[i * size + j] = (bright ? 0.7 : 0.1) + 0.2 * random.uniform();
    }
  }
  const asked = Int32Array.from({ length: group }, (_, k) => 2 * each + k);
  const credible = Int32Array.from({ length: 2 * each }, (_, i) => i);
  const pixelsOf = (indices: Int32Array): Float32Array =>
    Float32Array.from(
      { length: indices.length * size },
      (_, at) => pixels[indices[Math.floor(at / size)] * size + (at % size)],
    );
  return { labels, predicted, asked, credible, pixelsOf };
}

describe('what refused samples look like', () => {
  it('tells a kind of their own from images of the class they are taken for', () => {
    for (const natural of [true, false]) {
      const { labels, predicted, asked, credible, pixelsOf } = world(20, natural);
      const question = kindQuestion(0, asked, predicted, labels, credible);
      if (question === null) throw new Error('there are images enough to ask');
      const kind = kindOf(question, pixelsOf, shape);
      expect(kind).toMatchObject({ classIndex: 0, takenFor: 1, directions: 1, rivalsLikeLabel: 0 });
      expect(kind.likeLabel).toBe(natural ? 1 : 0);
      expect(isKindOfItsOwn(kind)).toBe(natural);
    }
  });

  it('asks of as many images of either class, and not where there are few', () => {
    const { labels, predicted, asked, credible } = world(20, true);
    const few = kindQuestion(0, asked, predicted, labels, credible.subarray(0, 85));
    expect(few?.own).toHaveLength(25);
    expect(few?.rivals).toHaveLength(25);
    expect(kindQuestion(0, asked, predicted, labels, credible.subarray(0, 79))).toBeNull();
    expect(kindQuestion(0, new Int32Array(0), predicted, labels, credible)).toBeNull();
  });

  it('counts in how many directions they go', () => {
    const { labels, asked, credible } = world(20, true);
    const four = Int32Array.from(labels, (_, i) => i % 4);
    expect(kindQuestion(0, asked, four, labels, credible)?.directions).toBe(0.5);
  });
});

describe('the nearest images', () => {
  it('leave the asked one itself out, and are those of the small pictures', () => {
    const others = Float32Array.from([0, 1, 2, 10], (value) => value);
    const share = nearestShare(others, 4, [1, 1, 1], (at) => at >= 2, 2);
    expect([...share(others, 4, true)]).toEqual([0.5, 0.5, 0, 0.5]);
    expect([...share(Float32Array.from([1.4, 9]), 2, false)]).toEqual([0.5, 1]);
  });
});
