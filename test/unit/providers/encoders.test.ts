import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { simplify } from '../../../src-main/engine/graph/fold.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { randomTensor, relativeError } from './oracle.ts';

const folder = new URL('../../fixtures/encoders/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));

/** Sizes for every symbol of the input: the batch first, then 32 for an open image size. */
function sizesOf(graph: Graph, batch: number): Record<string, number> {
  const [input] = graph.inputs;
  return Object.fromEntries(
    input.shape.flatMap((dim, axis) => (typeof dim === 'string' ? [[dim, axis === 0 ? batch : 32]] : [])),
  );
}

describe('encoders of real exporters compute the same in every layout', () => {
  const providers: Provider[] = [];
  beforeAll(async () => {
    for (const layout of ['nchw', 'nchwc', 'auto'] as const) {
      providers.push(await createOrtProvider({ threads: 1, layout }));
    }
  });
  afterAll(async () => {
    for (const provider of providers) await provider.dispose();
  });

  test.each(files)('%s', async (name) => {
    const { graph } = readOnnx(new Uint8Array(readFileSync(new URL(name, folder))));
    for (const batch of [16, 3]) {
      const dims = sizesOf(graph, batch);
      const simple = simplify(graph, dims);
      const [input] = simple.inputs;
      const shape = input.shape.map((dim) => (typeof dim === 'number' ? dim : dims[dim]));
      const feeds = { [input.name]: randomTensor(shape, 5) };
      const results = [];
      for (const provider of providers) {
        const compiled = await provider.compile(simple, { dims });
        results.push(await compiled.run(feeds));
        await compiled.dispose();
      }
      const [wanted, ...others] = results;
      for (const met of others) {
        for (const [output, { data }] of Object.entries(wanted)) {
          expect(relativeError(met[output].data as Float32Array, data as Float32Array), output).toBeLessThan(1e-5);
        }
      }
    }
  });
});
