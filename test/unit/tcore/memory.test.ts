import { describe, expect, it } from 'vitest';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { defaultSizes, fitMemory } from '../../../src-main/engine/tcore/memory.ts';
import { parameterValues, resolveParameters } from '../../../src-main/engine/tcore/parameters.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { encoderBytes } from '../../bench/planted.ts';

const encoder = understandEncoder(readOnnx(encoderBytes('encoder')).graph, {
  inputSize: null,
  mean: null,
  std: null,
  representation: null,
});

function fit(limit: number, samples = 100_000) {
  return fitMemory(encoder, samples, parameterValues(resolveParameters('standard', { 'memory.limit': limit })));
}

describe('a bound on memory', () => {
  it('that was not given changes nothing', () => {
    const { parameters, sizes, changes } = fit(0);
    expect(parameters).toEqual(parameterValues(resolveParameters('standard')));
    expect(sizes).toEqual(defaultSizes);
    expect(changes).toEqual([]);
  });

  it('that is wide changes nothing but how much of a teacher is kept', () => {
    expect(fit(8e9).changes).toEqual([]);
    expect(fit(8e9).parameters).toEqual({ ...fit(0).parameters, 'memory.limit': 8e9 });
  });

  it('that is narrow is met by smaller batches and references, which are named', () => {
    const wide = fit(400e6);
    const narrow = fit(325e6);
    expect(narrow.sizes.evaluationBatch).toBeLessThan(100);
    expect(narrow.parameters['train.batch']).toBeGreaterThanOrEqual(16);
    expect(narrow.parameters['train.batch']).toBeLessThan(64);
    expect(narrow.parameters['sift.reference']).toBeLessThan(20_000);
    expect(narrow.sizes.probeRows).toBeLessThanOrEqual(wide.sizes.probeRows);
    expect(narrow.changes).toContain(`train.batch ${narrow.parameters['train.batch']} instead of 64`);
    expect(narrow.changes).toContain(`sift.reference ${narrow.parameters['sift.reference']} instead of 20000`);
  });

  it('never makes anything larger than it was asked to be', () => {
    const parameters = parameterValues(
      resolveParameters('standard', { 'memory.limit': 4e9, 'train.batch': 8, 'sift.reference': 500 }),
    );
    expect(fitMemory(encoder, 100_000, parameters).parameters).toEqual(parameters);
  });

  it('that cannot be met is refused with what is needed, which then is enough', () => {
    let message = '';
    try {
      fit(100e6);
    } catch (error) {
      expect(error).toBeInstanceOf(ExpectedError);
      expect((error as ExpectedError).code).toBe('memory-too-small');
      message = (error as ExpectedError).detail;
    }
    const needed = Number(/about (\d+) MB at least, --memory allows 100 MB/.exec(message)?.[1]);
    expect(needed).toBeGreaterThan(220);
    expect(() => fit(needed * 1e6 * 1.1)).not.toThrow();
  });

  it('grows with the samples only by what is kept of each', () => {
    expect(() => fit(420e6, 100_000)).not.toThrow();
    expect(() => fit(420e6, 2_000_000)).toThrow();
  });
});
