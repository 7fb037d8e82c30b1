/** What the detectors must not do: cry where nothing is planted, or speak where they cannot look. */
import { beforeAll, describe, expect, it } from 'vitest';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { activationClustering } from '../../../src-main/engine/opinions/activation-clustering.ts';
import { agreement, areaUnderCurve } from '../../../src-main/engine/opinions/agreement.ts';
import { channelLipschitz } from '../../../src-main/engine/opinions/clp.ts';
import type { Features } from '../../../src-main/engine/opinions/opinion.ts';
import { scanClasses } from '../../../src-main/engine/opinions/scan.ts';
import { spectralSignatures } from '../../../src-main/engine/opinions/spectral-signatures.ts';
import { spectre } from '../../../src-main/engine/opinions/spectre.ts';
import { opinionIds } from '../../../src-shared/domain/opinion.ts';
import { opinionSources, opinionWordsDe, opinionWordsEn } from '../../../src-shared/opinion-words.ts';
import { detectors } from '../../../src-main/engine/opinions/ask.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';

// As in the engine, where ONNX Runtime has computed before and taken the subnormal numbers away from this thread.
beforeAll(async () => {
  const provider = await createOrtProvider({ threads: 1 });
  await provider.selfTest();
  await provider.dispose();
});

/** Normal clouds around a centre per class; of class 0 the first `planted` are moved `far` away along one axis. */
function clouds(
  planted: number,
  far: number,
  sizes = [80, 80, 80, 80, 80, 80],
  dim = 12,
): Features & { poison: Uint8Array } {
  const random = randomStream(3, 'clouds');
  const centres = sizes.map(() => Float64Array.from({ length: dim }, () => 5 * random.normal()));
  const labels = Int32Array.from(sizes.flatMap((size, c) => new Array<number>(size).fill(c)));
  const rows = new Float32Array(labels.length * dim);
  labels.forEach((label, i) => {
    for (let j = 0; j < dim; j++)
      rows[i * dim + j] = centres[label]![j]! + random.normal() + (i < planted && j === 0 ? far : 0);
  });
  const poison = Uint8Array.from(labels, (_, i) => (i < planted ? 1 : 0));
  return { indices: labels.map((_, i) => i), rows, dim, labels, classes: sizes.length, poison };
}

const cleanOf = ({ indices, poison }: { indices: Int32Array; poison: Uint8Array }): Set<number> =>
  new Set([...indices].filter((i) => poison[i] === 0 && i % 2 === 1));

describe('a dataset without poison', () => {
  const clean = clouds(0, 0);

  it('raises no alarm of SCAn or Activation Clustering', () => {
    const scan = scanClasses(clean, cleanOf(clean));
    if (scan.subject === 'none') throw new Error('SCAn did not run');
    expect(scan.classes?.some(({ alarm }) => alarm)).toBe(false);
    expect([...scan.flagged].every((flag) => flag === 0)).toBe(true);
    expect(activationClustering(clean).classes?.some(({ alarm }) => alarm)).toBe(false);
  });

  it('is flagged by quota all the same, and no better than by chance', () => {
    const random = randomStream(1, 'marks');
    const marks = Uint8Array.from(clean.labels, () => (random.uniform() < 0.1 ? 1 : 0));
    for (const judged of [spectralSignatures(clean), spectre(clean)]) {
      expect(judged.flagged.reduce((sum, flag) => sum + flag, 0)).toBe(6 * 6);
      const { auc, both, byChance } = agreement('suspects', judged.score, judged.flagged, marks);
      expect(Math.abs((auc ?? NaN) - 0.5)).toBeLessThan(0.12);
      expect(Math.abs(both - byChance)).toBeLessThan(6);
    }
  });
});

describe('a planted group', () => {
  const poisoned = clouds(16, 9);

  it('is ranked first in its class by every detector of activations', () => {
    const own = [...poisoned.labels.keys()].filter((i) => poisoned.labels[i] === 0);
    const scan = scanClasses(poisoned, cleanOf(poisoned));
    if (scan.subject === 'none') throw new Error('SCAn did not run');
    for (const judged of [spectralSignatures(poisoned), activationClustering(poisoned), scan]) {
      const auc = areaUnderCurve(
        own.map((i) => judged.score[i]!),
        Uint8Array.from(own, (i) => poisoned.poison[i]!),
      );
      expect(auc).toBeGreaterThan(0.99);
    }
    expect(scan.classes?.map(({ alarm }) => alarm)).toEqual([true, false, false, false, false, false]);
  });

  it('is found whatever the order and scale of the features', () => {
    const dim = poisoned.dim;
    const rows = new Float32Array(poisoned.rows.length);
    poisoned.labels.forEach((_, i) => {
      for (let j = 0; j < dim; j++) rows[i * dim + j] = 1000 * poisoned.rows[i * dim + (dim - 1 - j)]!;
    });
    const turned = scanClasses({ ...poisoned, rows }, cleanOf(poisoned));
    const straight = scanClasses(poisoned, cleanOf(poisoned));
    if (turned.subject === 'none' || straight.subject === 'none') throw new Error('SCAn did not run');
    expect([...turned.flagged]).toEqual([...straight.flagged]);
  });
});

describe('what a detector cannot look at', () => {
  it('is left without a score: classes of a few samples, equal rows, too little clean data', () => {
    const few = clouds(0, 0, [40, 40, 40, 40, 3]);
    for (const judged of [spectralSignatures(few), activationClustering(few), spectre(few)]) {
      expect(judged.classes?.[4]).toEqual({ score: null, alarm: false });
      expect([...judged.score.slice(-3)]).toEqual([NaN, NaN, NaN]);
      expect([...judged.score.slice(0, 160)].every(Number.isFinite)).toBe(true);
    }
    expect(scanClasses(few, new Set([1, 2, 3]))).toEqual({ subject: 'none', reason: 'too-few' });
    const equal = { ...clouds(0, 0), rows: new Float32Array(480 * 12).fill(2) };
    for (const judged of [spectralSignatures(equal), activationClustering(equal), spectre(equal)]) {
      expect([...judged.score].every((value) => value === 0)).toBe(true);
      expect(judged.classes?.some(({ alarm }) => alarm)).toBe(false);
    }
    const scan = scanClasses(equal, new Set(equal.indices));
    if (scan.subject === 'samples') expect(scan.classes?.some(({ alarm }) => alarm)).toBe(false);
  });

  it('is said of an encoder without convolutions', () => {
    const graph = { name: '', opset: 17, inputs: [], outputs: [], nodes: [], initializers: new Map(), metadata: {} };
    expect(channelLipschitz(graph, [])).toEqual({ subject: 'none', reason: 'no-convolution' });
  });
});

it('every detector has words in both languages and a source, and those that are not built say so by their absence', () => {
  for (const id of opinionIds) {
    expect(opinionSources[id]).toMatch(/ (19|20)\d\d/);
    const built = detectors.some((detector) => detector.id === id);
    for (const words of [opinionWordsEn[id], opinionWordsDe[id]]) {
      expect(words.name).not.toBe('');
      for (const text of [words.score, words.rule, words.blind]) expect(text !== '', id).toBe(built);
    }
  }
});
