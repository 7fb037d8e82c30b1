import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../src-main/engine/graph/autodiff.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import { simplify } from '../../../src-main/engine/graph/fold.ts';
import { errorFloor, gradientCases, relativeError, type GradientCase } from '../../fixtures/graph/cases.ts';

/** Largest relative error over all gradients of a case. */
function worstError(each: GradientCase, precision: 'float32' | 'float64'): { error: number; loss: number } {
  const { graph, gradients } = differentiate(each.graph, { loss: each.loss, wrt: each.wrt, dims: each.dims });
  const fetch = [each.loss, ...new Set(gradients.values())];
  const values = evaluate(simplify(graph, each.dims), each.feeds, { precision, fetch });
  const floor = errorFloor(each);
  const errors = each.wrt.map((name) => {
    const expected = each.expected.gradients.get(name)?.data as Float64Array;
    const value = gradients.get(name);
    return value === undefined ? Infinity : relativeError(values[value].data as Float64Array, expected, floor);
  });
  return { error: Math.max(...errors), loss: Number(values[each.loss].data[0]) };
}

describe('gradients against PyTorch in float64', () => {
  it.each(gradientCases.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const exact = worstError(each, 'float64');
    expect(exact.loss).toBeCloseTo(each.expected.loss, 6);
    // Constants of the file (epsilon, slopes) are float32, and so are the references of whole nets.
    expect(exact.error).toBeLessThan(2e-7);
    const { error } = worstError(each, 'float32');
    expect(error).toBeLessThan(each.tolerance);
  });
});
