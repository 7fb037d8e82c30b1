/** ONNX files as PyTorch's exporters and python3-onnx wrote them, against the features PyTorch computed. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { evaluate } from '../../src-main/engine/graph/evaluate.ts';
import { numbersOf } from '../../src-main/engine/graph/tensors.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { expected, images, largestDifference, represent } from '../unit/encoder/fixtures.ts';
import { scratchFolder } from '../unit/formats/make.ts';
import { tableRows } from './table.ts';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
const table = tableRows('onnx');

describe('ONNX encoders of other tools', () => {
  it.each(Object.entries(expected))('%s.onnx', async (name, { opset, batch, size, dim, representation }) => {
    const opened = await openEncoder(join(fixtures, `encoders/${name}.onnx`));
    expect([opened.format, opened.opset, opened.findings]).toEqual(['onnx', opset, []]);
    const encoder = understandEncoder(opened.graph);
    expect(encoder.representation.dim).toBe(dim);
    expect(largestDifference(represent(encoder.graph, images(3, size)), representation)).toBeLessThan(1e-4);
    const exporter = name.includes('dynamo') ? "PyTorch's newer exporter" : "PyTorch's exporter";
    const rows = typeof batch === 'number' ? `batch fixed to ${batch}` : 'open batch';
    table.row({
      format: 'ONNX',
      feature: `${exporter}, opset ${opset}, ${rows} [${name}.onnx]`,
      result: "no finding, within 1e-4 of PyTorch's features",
    });
  });

  it('weights in a file beside it, as python3-onnx lays them out, are read from their place', async () => {
    const folder = scratchFolder();
    for (const name of ['external.onnx', 'weights.bin']) {
      cpSync(join(fixtures, 'graph/oddities', name), join(folder, name));
    }
    const opened = await openEncoder(join(folder, 'external.onnx'));
    expect([opened.findings, opened.parts.map(({ name }) => name)]).toEqual([[], ['weights.bin']]);
    const { x, answers } = JSON.parse(readFileSync(join(fixtures, 'graph/oddities.json'), 'utf8')) as {
      x: number[];
      answers: Record<string, { values: number[] }>;
    };
    const feed = { dtype: 'float32', dims: [2, 4], data: Float32Array.from(x) } as const;
    const answer = (graph: typeof opened.graph): number[] =>
      numbersOf(evaluate(graph, { [graph.inputs[0].name]: feed })[graph.outputs[0].name]);
    expect(largestDifference(answer(opened.graph), answers['external'].values)).toBeLessThan(1e-5);
    // The bytes in front of the offset belong to nobody; one byte behind it is a weight.
    const bytes = readFileSync(join(folder, 'weights.bin'));
    bytes[11] ^= 1;
    writeFileSync(join(folder, 'weights.bin'), bytes);
    const changed = await openEncoder(join(folder, 'external.onnx'));
    expect(changed.sha256).not.toBe(opened.sha256);
    expect(answer(changed.graph)).not.toEqual(answer(opened.graph));
    table.row({
      format: 'ONNX',
      feature: 'external data with offset and length, python3-onnx [external.onnx]',
      result: 'no finding, equal to numpy',
    });
  });
});
