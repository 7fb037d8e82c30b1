import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import { simplify } from '../../../src-main/engine/graph/fold.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { inferShapes } from '../../../src-main/engine/graph/shapes.ts';
import { numbersOf, tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { gradientCases, modelBytes } from '../../fixtures/graph/cases.ts';

const folder = new URL('../../fixtures/graph/', import.meta.url);
const oddities = JSON.parse(readFileSync(new URL('oddities.json', folder), 'utf8')) as {
  x: number[];
  g: number[];
  answers: Record<string, { dims: number[]; values: number[] }>;
};
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(`oddities/${name}`, folder)));
const read = (name: string) => readOnnx(file(`${name}.onnx`), { externalData: (location) => file(location) });

async function runInOrt(
  bytes: Uint8Array,
  feeds: Record<string, ort.Tensor>,
): Promise<ort.InferenceSession.ReturnType> {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const answer = await session.run(feeds);
  await session.release();
  return answer;
}

describe('reading ONNX', () => {
  it('understands a real exporter file', () => {
    const { graph, producer, irVersion, fileOpset, notes } = readOnnx(modelBytes('net-resnet8-frozen'));
    expect(producer).toMatch(/^pytorch/);
    expect([irVersion, fileOpset, graph.opset]).toEqual([6, 11, 17]);
    expect(notes).toContain('opset 11 was rewritten as opset 17');
    expect(graph.inputs).toEqual([
      { name: 'x', dtype: 'float32', shape: ['N', 3, 12, 12] },
      { name: 'target', dtype: 'float32', shape: ['N', 4] },
    ]);
    expect(graph.initializers.get('net.conv1.weight')?.dims).toEqual([6, 3, 3, 3]);
    expect(graph.nodes.filter((node) => node.op === 'Conv')).toHaveLength(9);
  });

  it.each(Object.keys(oddities.answers))('reads %s and computes what numpy does', (name) => {
    const { graph } = read(name);
    const feed =
      name === 'opset21-group-norm'
        ? tensorOf('float32', [2, 4, 3, 3], oddities.g)
        : tensorOf('float32', [2, 4], oddities.x);
    const { y } = evaluate(graph, { x: feed });
    const { dims, values } = oddities.answers[name];
    expect(y.dims).toEqual(dims);
    numbersOf(y).forEach((value, at) => expect(value).toBeCloseTo(values[at], 5));
    expect(inferShapes(graph, { N: 2, x_0: 2 }).get('y')).toEqual({ dtype: 'float32', dims });
  });

  it('keeps weights out of the inputs, turns Constant nodes into initializers and sorts nodes', () => {
    expect(read('initializer-as-input').graph.inputs.map((input) => input.name)).toEqual(['x']);
    const constant = read('constant-node').graph;
    expect(constant.nodes.map((node) => node.op)).toEqual(['MatMul', 'Mul']);
    expect([...constant.initializers.keys()].sort()).toEqual(['two', 'w']);
    expect(read('unsorted').graph.nodes.map((node) => node.op)).toEqual(['MatMul', 'Relu']);
    expect(new Set(read('same-node-names').graph.nodes.map((node) => node.name)).size).toBe(2);
    expect(read('output-without-shape').graph.outputs[0].shape).toEqual(['N', 3]);
    expect(read('no-batch-name').graph.inputs[0].shape).toEqual(['x_0', 4]);
  });

  it('has float32 only and says what it converted', () => {
    for (const name of ['float16-raw', 'float16-typed', 'bfloat16', 'float64-typed']) {
      const { graph, notes } = read(name);
      expect(graph.initializers.get('w')?.dtype).toBe('float32');
      expect(notes.join()).toMatch(/1 tensors of b?float\d\d were converted to float32/);
    }
  });

  it('does not copy weights that lie aligned in the file', () => {
    const b = graphBuilder();
    const weight = b.constant(
      tensorOf(
        'float32',
        [4, 4],
        Array.from({ length: 16 }, (_, at) => at),
      ),
      'w',
    );
    b.output(b.matmul(b.input('x', 'float32', ['N', 4]), weight), 'float32', ['N', 4]);
    const written = writeOnnx(b.build());
    const at = Buffer.from(written).indexOf(Buffer.from(Float32Array.of(0, 1, 2, 3).buffer));
    const shifted = new Uint8Array(written.length + 4);
    const offset = (4 - (at % 4)) % 4;
    shifted.set(written, offset);
    const { data } = readOnnx(shifted.subarray(offset, offset + written.length)).graph.initializers.get('w') ?? {
      data: null,
    };
    expect(data?.buffer).toBe(shifted.buffer);
  });
});

describe('writing ONNX', () => {
  it('gives back the same graph when read again', () => {
    for (const { name, graph } of gradientCases.filter((each) => !each.name.includes('train'))) {
      if (graph.nodes.some((node) => node.domain !== '')) continue;
      const again = readOnnx(writeOnnx(graph, { producerVersion: '1' }));
      expect(again.producer).toBe('coresift 1');
      expect(again.graph, name).toEqual(graph);
    }
  });

  it('writes files that onnxruntime runs to the loss that PyTorch computed', async () => {
    const cases = gradientCases.filter((each) => each.graph.nodes.every((node) => node.domain === ''));
    expect(cases.length).toBeGreaterThan(40);
    for (const each of cases) {
      const simple = simplify(each.graph);
      const feeds = Object.fromEntries(
        each.graph.inputs.map(({ name }) => [
          name,
          new ort.Tensor('float32', each.feeds[name].data as Float32Array, each.feeds[name].dims),
        ]),
      );
      for (const graph of [each.graph, simple]) {
        const { loss } = await runInOrt(writeOnnx(graph), feeds);
        const [met] = loss.data as Float32Array;
        expect(Math.abs(met - each.expected.loss), each.name).toBeLessThan(
          2e-4 * Math.max(1, Math.abs(each.expected.loss)),
        );
      }
    }
  });

  it('carries metadata, every attribute kind and every dtype', () => {
    const b = graphBuilder();
    b.input('x', 'float32', ['N', 2]);
    for (const dtype of ['float32', 'int64', 'int32', 'int8', 'uint8', 'bool'] as const) {
      b.output(b.constant(tensorOf(dtype, [2], [1, 0]), dtype), dtype, [2]);
    }
    b.node(
      'Custom',
      ['x'],
      {
        a: { type: 'int', value: -3 },
        b: { type: 'float', value: 0.5 },
        c: { type: 'string', value: 'ü' },
        d: { type: 'ints', value: [1, -2, Number.MAX_SAFE_INTEGER] },
        e: { type: 'floats', value: [0.25, -1] },
        f: { type: 'strings', value: ['p', 'q'] },
        g: { type: 'tensor', value: tensorOf('float32', [1, 2], [3, 4]) },
      },
      'y',
      'acme',
    );
    b.output('y', 'float32', ['N', 2]);
    const graph = { ...b.build(), metadata: { origin: 'a test', constructor: 'odd key' } };
    expect(readOnnx(writeOnnx(graph)).graph).toEqual(graph);
  });
});
