/**
 * Every detector against the same numbers by numpy, scipy, scikit-learn and torch in float64
 * (test/fixtures/opinions/make_opinions.py). Scores are float32, so they agree to about 1e-5.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { LEARNING_RATE } from '../../../src-main/engine/graph/training.ts';
import { activationClustering } from '../../../src-main/engine/opinions/activation-clustering.ts';
import { areaUnderCurve } from '../../../src-main/engine/opinions/agreement.ts';
import { deviation, envelopeOf, gramFeatures, orders } from '../../../src-main/engine/opinions/beatrix.ts';
import { channelLipschitz } from '../../../src-main/engine/opinions/clp.ts';
import { inversionStep } from '../../../src-main/engine/opinions/decree.ts';
import { anomalies, scanClasses, untangle } from '../../../src-main/engine/opinions/scan.ts';
import { spectralSignatures } from '../../../src-main/engine/opinions/spectral-signatures.ts';
import { spectre } from '../../../src-main/engine/opinions/spectre.ts';
import { entropyOf } from '../../../src-main/engine/opinions/strip.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';

interface Reference {
  readonly rows: number[];
  readonly dim: number;
  readonly labels: number[];
  readonly classes: number;
  readonly poison: number[];
  readonly plantedClass: number;
  readonly clean: number[];
  readonly spectral: { readonly score: number[]; readonly share: number[] };
  readonly clustering: { readonly silhouette: number[]; readonly small: number[]; readonly inSmall: number[] };
  readonly scan: { readonly ratios: number[]; readonly index: number[] };
  readonly quantumEntropy: { readonly tau: number[]; readonly norm: number[] };
  readonly beatrix: { readonly maps: number[][][]; readonly envelope: number; readonly deviation: number[] };
  readonly strip: { readonly logits: number[][]; readonly entropy: number[] };
  readonly clp: Readonly<Record<'weight' | 'scale' | 'variance' | 'bound' | 'flagged', number[]>>;
  readonly decree: Readonly<Record<'side' | 'images' | 'weight' | 'rate', number>> &
    Readonly<Record<'kernel' | 'bias' | 'pixels' | 'mask' | 'pattern' | 'cosine' | 'area', number[]>>;
  readonly auc: { readonly score: number[]; readonly marked: number[]; readonly value: number };
}

const reference = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/opinions/opinions.json'), 'utf8'),
) as Reference;
const features = {
  indices: Int32Array.from(reference.labels, (_, i) => i),
  rows: Float32Array.from(reference.rows),
  dim: reference.dim,
  labels: Int32Array.from(reference.labels),
  classes: reference.classes,
};

function expectClose(got: ArrayLike<number>, wanted: readonly number[], relative = 1e-5): void {
  expect(got).toHaveLength(wanted.length);
  const scale = Math.max(...wanted.map(Math.abs));
  wanted.forEach((value, i) => expect(Math.abs(got[i]! - value), `entry ${i}`).toBeLessThanOrEqual(relative * scale));
}

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

describe('second opinions, against other libraries', () => {
  it('Spectral Signatures: scores of numpy’s singular value decomposition', () => {
    const judged = spectralSignatures(features);
    expectClose(judged.score, reference.spectral.score);
    expectClose(
      (judged.classes ?? []).map(({ score }) => score ?? NaN),
      reference.spectral.share,
    );
  });

  it('Activation Clustering: groups and silhouettes of scikit-learn, alarm for the planted class alone', () => {
    const judged = activationClustering(features);
    const own = (list: ArrayLike<number>): number[] =>
      reference.labels.flatMap((label, i) => (label === reference.plantedClass ? [list[i]!] : []));
    expect(own(judged.flagged)).toEqual(own(reference.clustering.inSmall));
    expect(judged.classes?.[reference.plantedClass]?.score).toBeCloseTo(
      reference.clustering.silhouette[reference.plantedClass]!,
      6,
    );
    expect(judged.classes?.map(({ alarm }) => alarm)).toEqual([false, false, true, false, false, false]);
    reference.poison.forEach((flag, i) => expect(judged.flagged[i]).toBeGreaterThanOrEqual(flag));
  });

  it('SCAn: likelihood ratios and anomaly indices, alarm for the planted class alone', () => {
    const judged = scanClasses(features, new Set(reference.clean));
    if (judged.subject === 'none') throw new Error('SCAn did not run');
    const ratios = untangle(features, new Set(reference.clean))?.ratios ?? [];
    const planted = reference.plantedClass;
    expect(ratios[planted]).toBeCloseTo(reference.scan.ratios[planted]!, 4);
    // A class of one kind has no best cut that stands out; a start may end beside scikit-learn's best of fifty.
    for (const [c, best] of reference.scan.ratios.entries()) {
      expect(ratios[c]).toBeGreaterThan(0.85 * best);
      expect(ratios[c]).toBeLessThan(1.0001 * best);
    }
    expectClose(anomalies(reference.scan.ratios), reference.scan.index, 2e-6);
    expect(judged.classes?.map(({ alarm }) => alarm)).toEqual([false, false, true, false, false, false]);
    reference.poison.forEach((flag, i) => expect(judged.flagged[i]).toBeGreaterThanOrEqual(flag));
    expect(judged.flagged.reduce((sum, flag) => sum + flag, 0)).toBeLessThanOrEqual(11 + 2);
  });

  it('SPECTRE: quantum entropy scores of scipy’s matrix exponential', () => {
    const judged = spectre(features);
    expectClose(judged.score, reference.quantumEntropy.tau);
    expectClose(
      (judged.classes ?? []).map(({ score }) => score ?? NaN),
      reference.quantumEntropy.norm,
    );
  });

  it('Beatrix: deviations from the envelope of clean Gram matrices', () => {
    const rows = reference.beatrix.maps.map((map) => {
      const gram = orders.flatMap((order) =>
        map.flatMap((a) => map.map((b) => a.reduce((sum, value, at) => sum + value ** order * b[at]! ** order, 0))),
      );
      return gramFeatures(Float32Array.from(gram), 0, map.length);
    });
    const envelope = envelopeOf(rows.slice(0, reference.beatrix.envelope));
    expectClose(
      rows.map((row) => deviation(row, envelope)),
      reference.beatrix.deviation,
    );
  });

  it('STRIP: entropies of scipy', () => {
    expectClose(
      reference.strip.logits.map((row) => entropyOf([0, ...row], 1, row.length)),
      reference.strip.entropy,
      1e-12,
    );
  });

  it('CLP: spectral norms of numpy, and the planted channel alone is flagged', () => {
    const b = graphBuilder();
    const tensor = (name: string, dims: number[], data: number[]): string =>
      b.constant({ dtype: 'float32', dims, data: Float32Array.from(data) }, name);
    tensor('w', [16, 5, 3, 3], reference.clp.weight);
    tensor('scale', [16], reference.clp.scale);
    tensor('variance', [16], reference.clp.variance);
    tensor('zero', [16], new Array<number>(16).fill(0));
    const judged = channelLipschitz(b.build(), [
      {
        id: 'layer0',
        label: 'conv',
        kind: 'conv',
        channels: 16,
        maskAt: 'y',
        axis: 1,
        rows: [{ param: 'w', axis: 0, index: Int32Array.from({ length: 16 }, (_, k) => k), perChannel: 1 }],
        norm: { scale: 'scale', bias: 'zero', mean: 'zero', variance: 'variance' },
      },
    ]);
    if (judged.subject !== 'channels') throw new Error('CLP did not run');
    expectClose(judged.layers[0]?.score ?? [], reference.clp.bound);
    expect([...(judged.layers[0]?.flagged.keys() ?? [])].filter((k) => judged.layers[0]?.flagged[k] === 1)).toEqual(
      reference.clp.flagged,
    );
  });

  it('DECREE: the inversion takes the steps that torch takes', async () => {
    const { side, images, weight, rate, kernel, bias, pixels, mask, pattern, cosine, area } = reference.decree;
    const encoder = tinyEncoder(side, kernel, bias);
    const start = { mask: Float32Array.from(mask), pattern: Float32Array.from(pattern) };
    const step = inversionStep(encoder, [1, side, side], images, start);
    const compiled = await provider.compile(step.graph, { dims: { N: images }, state: step.state });
    compiled.setState(step.initialState);
    const scalar = (value: number) => ({ dtype: 'float32' as const, dims: [], data: Float32Array.of(value) });
    const met: { cosine: number[]; area: number[] } = { cosine: [], area: [] };
    for (let at = 0; at < cosine.length; at++) {
      const out = await compiled.run({
        pixels: { dtype: 'float32', dims: [images, 1, side, side], data: Float32Array.from(pixels) },
        weight: scalar(weight),
        [LEARNING_RATE]: scalar(rate),
      });
      met.cosine.push(Number(out['cosine']!.data[0]));
      met.area.push(Number(out['area']!.data[0]));
    }
    await compiled.dispose();
    expectClose(met.cosine, cosine, 1e-4);
    expectClose(met.area, area, 1e-4);
  });

  it('agreement: scikit-learn’s area under the curve, ties counted half', () => {
    const { score, marked, value } = reference.auc;
    expect(areaUnderCurve(score, Uint8Array.from(marked))).toBeCloseTo(value, 12);
    expect(areaUnderCurve(score, new Uint8Array(score.length))).toBeNull();
  });
});

/** Convolution, ReLU, mean over positions. */
function tinyEncoder(side: number, kernel: readonly number[], bias: readonly number[]): Encoder {
  const b = graphBuilder();
  const x = b.input('pixels', 'float32', ['N', 1, side, side]);
  const w = b.constant({ dtype: 'float32', dims: [6, 1, 3, 3], data: Float32Array.from(kernel) }, 'w');
  const c = b.constant({ dtype: 'float32', dims: [6], data: Float32Array.from(bias) }, 'c');
  const y = b.relu(b.conv(x, w, c, { pads: [1, 1, 1, 1] }));
  b.node('Identity', [b.reduceMean(y, [2, 3])], {}, 'representation');
  b.output('representation', 'float32', ['N', 6]);
  return {
    graph: b.build(),
    input: { channels: 1, height: side, width: side },
    representation: { tensor: 'representation', dim: 6, how: 'made here' },
    taps: [],
    layers: [],
    parameters: ['w', 'c'],
    family: 'conv',
    restoredNorms: [],
  };
}
