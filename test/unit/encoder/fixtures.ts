/** The exporter's files of test/fixtures/encoders and small tools to run and change graphs. */
import { readFileSync } from 'node:fs';
import type { ChannelLayer, Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { evaluate } from '../../../src-main/engine/graph/evaluate.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { numbersOf } from '../../../src-main/engine/graph/tensors.ts';

export interface Expected {
  readonly size: readonly [number, number, number];
  readonly opset: number;
  readonly batch: 'dynamic' | number;
  readonly dim: number;
  readonly representation: readonly number[];
  readonly family: Encoder['family'];
  readonly convs?: number;
  readonly taps?: number;
  readonly heads?: number;
  readonly hidden?: number;
  readonly blocks?: number;
}

const folder = new URL('../../fixtures/encoders/', import.meta.url);

const listed = (file: string) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Record<string, Expected>;

export const expected = { ...listed('expected.json'), ...listed('expected-dynamo.json') };

export const names = Object.keys(expected);

export function fileGraph(name: string): Graph {
  return readOnnx(readFileSync(new URL(`${name}.onnx`, folder))).graph;
}

const understood = new Map<string, Encoder>();

export function encoder(name: string): Encoder {
  const known = understood.get(name) ?? understandEncoder(fileGraph(name));
  understood.set(name, known);
  return known;
}

/** The images that make_encoders.py showed to PyTorch; `offset` gives others. */
export function images(n: number, size: readonly [number, number, number], offset = 0): Tensor {
  const dims = [n, ...size];
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => {
    const at = i + offset;
    return 0.5 + 0.5 * Math.sin(at * 0.37 + Math.floor(at / 7) * 0.11);
  });
  return { dtype: 'float32', dims, data };
}

export function represent(graph: Graph, pixels: Tensor, output = 'representation'): number[] {
  return numbersOf(evaluate(graph, { pixels })[output]);
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** The graph with some initializers replaced. */
export function withValues(graph: Graph, values: ReadonlyMap<string, Tensor>): Graph {
  return { ...graph, initializers: new Map([...graph.initializers, ...values]) };
}

/** The layer's parameters with everything that channel `k` owns set to zero. */
export function zeroedChannel(graph: Graph, layer: ChannelLayer, k: number): Map<string, Tensor> {
  const changed = new Map<string, Tensor>();
  for (const rows of layer.rows) {
    const old = changed.get(rows.param) ?? (graph.initializers.get(rows.param) as Tensor);
    const data = Float32Array.from(old.data as Float32Array);
    const owned = new Set(rows.index.subarray(k * rows.perChannel, (k + 1) * rows.perChannel));
    const inner = old.dims.slice(rows.axis + 1).reduce((a, b) => a * b, 1);
    for (let i = 0; i < data.length; i++) if (owned.has(Math.floor(i / inner) % old.dims[rows.axis])) data[i] = 0;
    changed.set(rows.param, { ...old, data });
  }
  return changed;
}
