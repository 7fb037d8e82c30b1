import { describe, expect, it } from 'vitest';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import { simplify } from '../../../src-main/engine/graph/fold.ts';
import { ints } from '../../../src-main/engine/graph/attributes.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { inferShapes } from '../../../src-main/engine/graph/shapes.ts';
import { symbolicShapes } from '../../../src-main/engine/graph/symbols.ts';
import { filled, numbersOf, tensorOf } from '../../../src-main/engine/graph/tensors.ts';
import { gradientCases, modelBytes } from '../../fixtures/graph/cases.ts';

const zerosOf = () => filled('float32', [1], 0);
const ops = (graph: { nodes: readonly { op: string }[] }): string[] => graph.nodes.map((node) => node.op);

describe('simplifying', () => {
  it.each(gradientCases.map((each) => [each.name, each] as const))('%s keeps its meaning', (_name, each) => {
    const { loss } = each;
    const before = numbersOf(evaluate(each.graph, each.feeds)[loss])[0];
    for (const graph of [simplify(each.graph), simplify(each.graph, each.dims)]) {
      expect(numbersOf(evaluate(graph, each.feeds)[loss])[0]).toBeCloseTo(before, 5);
      expect(graph.nodes.length).toBeLessThanOrEqual(each.graph.nodes.length);
    }
  });

  it('frees the batch size in the shape arithmetic of a vision transformer', () => {
    const graph = simplify(readOnnx(modelBytes('net-vit')).graph);
    // Only the class token still asks for the batch size.
    const reshapes = graph.nodes.filter((node) => node.op === 'Reshape');
    expect(reshapes.length).toBeGreaterThan(0);
    for (const node of reshapes) expect(graph.initializers.has(node.inputs[1])).toBe(true);
    expect(ops(graph).filter((op) => op === 'Shape').length).toBeLessThanOrEqual(1);
    for (const size of [1, 5]) {
      expect(inferShapes(graph, { N: size }).get('loss')?.dims).toEqual([]);
      const feeds = { x: filled('float32', [size, 3, 8, 8], 0.5), target: filled('float32', [size, 3], 1 / 3) };
      expect(numbersOf(evaluate(graph, feeds)['loss'])[0]).toBeGreaterThan(0);
    }
    expect(ops(simplify(graph, { N: 4 }))).not.toContain('Shape');
  });

  it('drops what changes nothing and keeps the names of inputs and outputs', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['N', 4]);
    const twice = b.node('Identity', [b.node('Dropout', [x])]);
    const same = b.cast(b.reshape(b.transpose(b.relu(twice), [0, 1]), [-1, 4]), 'float32');
    b.node('Identity', [same], {}, 'y');
    b.output('y', 'float32', ['N', 4]);
    b.exp(x);
    const graph = simplify(b.build());
    expect(ops(graph)).toEqual(['Relu']);
    expect(graph.nodes[0].outputs).toEqual(['y']);
    expect(graph.outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 4] }]);
    expect(graph.initializers.size).toBe(0);
  });

  it('passes an input through when that is all the graph does', () => {
    const b = graphBuilder();
    b.node('Identity', [b.input('x', 'float32', ['N', 4])], {}, 'y');
    b.output('y', 'float32', ['N', 4]);
    const graph = simplify(b.build());
    expect(numbersOf(evaluate(graph, { x: tensorOf('float32', [1, 4], [1, 2, 3, 4]) })['y'])).toEqual([1, 2, 3, 4]);
  });

  it('gives weights that an exporter merged back to their owners', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['N', 2, 3, 3]);
    const ones = b.constant(filled('float32', [2], 1), 'ones');
    const zeros = b.constant(filled('float32', [2], 0), 'zeros');
    const copy = b.node('Identity', [ones], {}, 'second.weight');
    const first = b.batchNorm(x, ones, zeros, zeros, ones);
    b.output(b.batchNorm(first, copy, zeros, zeros, copy), 'float32', ['N', 2, 3, 3]);
    const graph = simplify(b.build());
    const used = graph.nodes.flatMap((node) => node.inputs.slice(1));
    expect(new Set(used).size).toBe(8);
    for (const name of used) expect(graph.initializers.get(name)?.dims).toEqual([2]);
    expect(used).toContain('second.weight');
  });

  it('works out constants, but never makes a large one from small ones', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['N', 2]);
    const weight = b.transpose(b.constant(tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6])), [1, 0]);
    b.output(b.matmul(x, weight), 'float32', ['N', 3]);
    const big = b.expand(b.scalar(1), [3000, 3000]);
    b.output(b.add(b.reduceSum(big, null), b.reduceSum(x, null)), 'float32', []);
    const graph = simplify(b.build());
    expect(ops(graph)).not.toContain('Transpose');
    expect(numbersOf(graph.initializers.get(weight) ?? filled('float32', [0], 0))).toEqual([1, 3, 5, 2, 4, 6]);
    expect(ops(graph)).toContain('Expand');
  });
});

describe('assignments to slices', () => {
  it('are worked out when everything is constant, as in window masks', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['N', 3, 2]);
    const zeros = b.constant(filled('float32', [3, 2], 0));
    const where = b.constant(tensorOf('int64', [2, 1], [2, -3]));
    const mask = b.node('ScatterND', [zeros, where, b.constant(tensorOf('float32', [2, 2], [1, 2, 3, 4]))]);
    b.output(b.add(x, mask), 'float32', ['N', 3, 2]);
    const graph = simplify(b.build());
    expect(ops(graph)).toEqual(['Add']);
    expect(numbersOf(graph.initializers.get(mask) ?? zerosOf())).toEqual([3, 4, 0, 0, 1, 2]);
  });
});

describe('symbolic shapes', () => {
  it('tells the batch size from fixed sizes and from what depends on it in another way', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['N', 3, 'side', 'side']);
    const y = b.conv(x, b.constant(filled('float32', [5, 3, 3, 3], 1)), undefined, { pads: [1, 1, 1, 1] });
    const z = b.maxPool(y, { kernel: [2, 2], strides: [2, 2] });
    const flat = b.node('Flatten', [z], { axis: { type: 'int', value: 2 } });
    b.output(flat, 'float32', ['rows', 'columns']);
    const shapes = symbolicShapes(b.build());
    expect(shapes.get(y)?.shape).toEqual(['N', 5, 'side', 'side']);
    expect(shapes.get(z)?.shape).toEqual(['N', 5, '?', '?']);
    expect(shapes.get(flat)?.shape).toEqual(['?', '?']);
    expect(symbolicShapes(b.build(), { side: 8 }).get(z)?.shape).toEqual(['N', 5, 4, 4]);
  });

  it('names the node and what it met when shapes do not fit', () => {
    const b = graphBuilder();
    const x = b.input('x', 'float32', ['N', 3]);
    b.output(
      b.node('Transpose', [b.matmul(x, b.constant(filled('float32', [4, 2], 1)))], { perm: ints([1, 0]) }),
      'float32',
      [],
    );
    expect(() => inferShapes(b.build(), { N: 2 })).toThrow(/Node "MatMul" \(MatMul\): \[2,3\] times \[4,2\]/);
    expect(() => inferShapes(b.build(), {})).toThrow(/"N" of the input "x" is not given/);
  });
});
