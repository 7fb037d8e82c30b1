import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { spreadOut, undoSpread } from '../../../src-main/engine/tcore/probe.ts';
import { fitPoolHead } from '../../../src-main/engine/tcore/stage-probe.ts';
import { toyContext, toyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../encoder/fixtures.ts';

const dim = 4;

/** 50 rows around 3 in every coordinate. */
function rows(deviation: number): Float32Array {
  const random = randomStream(1, 'rows');
  return Float32Array.from({ length: 50 * dim }, () => 3 + deviation * random.normal());
}

describe('representations that hardly differ', () => {
  it('are moved to mean 0 and the wanted distance from it', () => {
    const narrow = rows(1e-3);
    expect(spreadOut(narrow, dim, 2)?.scale).toBeGreaterThan(500);
    const mean = (j: number): number => narrow.reduce((sum, value, at) => sum + (at % dim === j ? value / 50 : 0), 0);
    for (let j = 0; j < dim; j++) expect(Math.abs(mean(j))).toBeLessThan(1e-3);
    expect(narrow.reduce((sum, value) => sum + value ** 2 / 50, 0)).toBeCloseTo(4, 3);
  });

  it('give a head that says the same of the rows before', () => {
    const narrow = rows(1e-3);
    const before = Float32Array.from(narrow);
    const spread = spreadOut(narrow, dim, 2);
    const random = randomStream(2, 'head');
    const draw = (...dims: number[]): Tensor => ({
      dtype: 'float32',
      dims,
      data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
    });
    const head = { 'head.0.weight': draw(dim, 3), 'head.0.bias': draw(3), 'head.1.weight': draw(3, 2) };
    const undone = undoSpread(head, spread);
    const answer = (of: Readonly<Record<string, Tensor>>, row: Float32Array, c: number): number => {
      const [weight, bias] = ['head.0.weight', 'head.0.bias'].map((name) => of[name].data as Float32Array);
      return row.reduce((sum, value, j) => sum + value * weight[3 * j + c], bias[c]);
    };
    for (let at = 0; at < before.length; at += dim) {
      for (let c = 0; c < 3; c++) {
        const wanted = answer(head, narrow.subarray(at, at + dim), c);
        expect(Math.abs(answer(undone, before.subarray(at, at + dim), c) - wanted)).toBeLessThan(5e-3);
      }
    }
    expect(undone['head.1.weight']).toBe(head['head.1.weight']);
  });

  it('are left alone when they differ enough, or not at all', () => {
    for (const values of [rows(2), new Float32Array(50 * dim).fill(3)]) {
      const before = Float32Array.from(values);
      expect(spreadOut(values, dim, 2)).toBeNull();
      expect(values).toEqual(before);
    }
  });
});

describe('the head that unlearning starts from', () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await createOrtProvider({ threads: 1 });
  });
  afterAll(() => provider.dispose());

  it.each(['vgg-plain-flatten', 'mobilenet-bn'])(
    'fits the pool whatever the scale of the representation (%s)',
    async (name) => {
      const context = toyContext(provider, fileGraph(name), toyImages({ sizes: [20, 20, 20] }));
      const pool = Int32Array.from({ length: 30 }, (_, i) => i);
      const { classifier } = await fitPoolHead(context, await prepareEncoder(context), pool, 'head');
      const options = { batch: 30, signal: context.signal };
      expect((await evaluateClassifier(provider, classifier, context.samples, pool, options)).accuracy).toBeGreaterThan(
        0.9,
      );
    },
  );
});
