import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkExport } from '../../../src-main/audit/export-model.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { SampleSource } from '../../../src-main/engine/samples.ts';

/** Three numbers of a picture times weights: two logits. */
function classifier(weights: readonly number[], domain = ''): Graph {
  const graph = graphBuilder();
  const pixels = graph.input('pixels', 'float32', ['N', 1, 1, 3]);
  const flat = graph.flatten(pixels, 1);
  const weight = graph.constant(tensorOf('float32', [3, 2], weights), 'weight');
  graph.node('MatMul', [flat, weight], {}, 'logits', domain);
  graph.output('logits', 'float32', ['N', 2]);
  return graph.build();
}

const count = 70;
const samples: SampleSource = {
  count,
  shape: [1, 1, 3],
  labels: new Int32Array(count),
  classes: ['a', 'b'],
  read: (indices, out) => {
    for (let i = 0; i < indices.length; i++) for (let j = 0; j < 3; j++) out[3 * i + j] = (indices[i] + j) / count;
  },
};

const weights = [1, -2, 0.5, 3, -1, 0.25];
const folder = mkdtempSync(join(tmpdir(), 'coresift-export-'));
let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1, layout: 'nchw' });
});
afterAll(async () => {
  await provider.dispose();
  rmSync(folder, { recursive: true });
});

function written(name: string, graph: Graph | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, graph instanceof Uint8Array ? graph : writeOnnx(graph));
  return file;
}

const check = (file: string) => checkExport(file, classifier(weights), provider, samples);

describe('the check of an exported model', () => {
  it('finds no difference in the model that was audited, on every sample of a small dataset', async () => {
    const found = await check(written('same.onnx', classifier(weights)));
    expect(found.samples).toBe(count);
    expect(found.maxAbsDifference).toBeLessThan(1e-6);
    expect(found.maxAbsLogit).toBeGreaterThan(1);
  });

  it('refuses one whose weight was changed by a little, with the numbers', async () => {
    const changed = weights.with(3, 3.05);
    await expect(check(written('changed.onnx', classifier(changed)))).rejects.toMatchObject({
      code: 'export-differs',
      detail: expect.stringMatching(/Largest difference 0\.04\d+ on 70 samples/),
    });
  });

  it('refuses one that answers with what is no number', async () => {
    await expect(check(written('nan.onnx', classifier(weights.with(0, NaN))))).rejects.toMatchObject({
      code: 'export-differs',
      detail: expect.stringContaining('NaN'),
    });
  });

  it('refuses one with logits for another number of classes', async () => {
    const three = { ...samples, classes: ['a', 'b', 'c'] };
    const file = written('classes.onnx', classifier(weights));
    await expect(checkExport(file, classifier(weights), provider, three)).rejects.toMatchObject({
      code: 'export-differs',
    });
  });

  it('refuses one that plain onnxruntime does not open', async () => {
    for (const [name, graph] of [
      ['custom.onnx', classifier(weights, 'coresift')],
      ['cut.onnx', writeOnnx(classifier(weights)).subarray(0, 40)],
    ] as const) {
      await expect(check(written(name, graph))).rejects.toMatchObject({
        code: 'export-differs',
        detail: expect.stringContaining('onnxruntime does not open it'),
      });
    }
  });
});
