import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differentiate } from '../../../src-main/engine/graph/autodiff.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { errorFloor, gradientCases, relativeError } from '../../fixtures/graph/cases.ts';
import { openTested, testedProviders } from './open.ts';

describe.each(testedProviders)("PyTorch's gradients of the provider %s", (name) => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await openTested(name);
  });
  afterAll(() => provider.dispose());

  // Plain JavaScript needs seconds for the largest net, whose operators the smaller ones have too.
  const cases = gradientCases.filter((each) => name !== 'tfjs' || each.name !== 'net-resnet18');
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (_, each) => {
    const { graph, gradients } = differentiate(each.graph, { loss: each.loss, wrt: each.wrt, dims: each.dims });
    const compiled = await provider.compile(graph, { dims: each.dims });
    const results = await compiled.run(each.feeds);
    await compiled.dispose();
    expect(Math.abs(Number(results[each.loss].data[0]) - each.expected.loss)).toBeLessThan(
      each.tolerance * Math.max(1, Math.abs(each.expected.loss)),
    );
    const floor = errorFloor(each);
    for (const [name, expected] of each.expected.gradients) {
      const value = gradients.get(name);
      expect(value, name).toBeDefined();
      const met = results[value as string].data as Float32Array;
      const wanted = expected.data as Float64Array;
      // What is zero but for float64 rounding has no digits of its own: it is held against the largest gradient.
      const nothing = Math.hypot(...wanted) < 1e-9 * floor;
      expect(relativeError(met, wanted, nothing ? 100 * floor : floor), name).toBeLessThan(each.tolerance);
    }
  });
});
