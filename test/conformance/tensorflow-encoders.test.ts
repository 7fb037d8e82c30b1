import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../src-main/engine/graph/evaluate.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { tableRows } from './table.ts';

const folder = fileURLToPath(new URL('../fixtures/keras/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'coresift-tensorflow-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const table = tableRows('tensorflow-encoders');

interface Expected {
  readonly shape: readonly number[];
  readonly pixels: readonly number[];
  readonly logits: readonly number[];
}

const expectedOf = (name: string): Expected =>
  JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')) as Expected;

/** Largest difference between the graph's answer and the one recorded from TF.js. */
export function difference(graph: Graph, { shape, pixels, logits }: Expected): number {
  const [batch, height, width, channels] = shape;
  const turned = new Float32Array(pixels.length);
  for (let n = 0; n < batch; n += 1) {
    for (let at = 0; at < height * width; at += 1) {
      for (let c = 0; c < channels; c += 1) {
        turned[(n * channels + c) * height * width + at] = pixels[(n * height * width + at) * channels + c];
      }
    }
  }
  const feeds = { [graph.inputs[0].name]: tensorOf('float32', [batch, channels, height, width], turned) };
  const answer = evaluate(graph, feeds)[graph.outputs[0].name];
  expect(answer.data.length).toBe(logits.length);
  return Math.max(...logits.map((value, at) => Math.abs(value - Number(answer.data[at]))));
}

describe('networks that TF.js made', () => {
  it.each([
    ['TF.js layers model', 'functional/model.json', 'functional', 'tfjs-layers'],
    ['TF.js layers model', 'sequential/model.json', 'sequential', 'tfjs-layers'],
    ['Keras .h5', 'functional.h5', 'functional', 'keras-h5'],
    ['Keras .h5', 'sequential.h5', 'sequential', 'keras-h5'],
    ['Keras .keras', 'functional.keras', 'functional', 'keras'],
    ['Keras .keras', 'sequential.keras', 'sequential', 'keras'],
  ])('%s %s is read and answers as TF.js does', async (title, file, name, format) => {
    const opened = await openEncoder(join(folder, file));
    expect(opened.format).toBe(format);
    expect(opened.findings).toEqual([]);
    const met = difference(opened.graph, expectedOf(name));
    expect(met).toBeLessThan(1e-5);
    table.row({ format: title, feature: `${name} network, against TF.js's own answers`, result: 'within 1e-5' });
  });

  it('a folder with a model.json is the same encoder', async () => {
    const opened = await openEncoder(join(folder, 'sequential'));
    expect(difference(opened.graph, expectedOf('sequential'))).toBeLessThan(1e-5);
    expect(opened.parts.map(({ name }) => name)).toEqual(['model.json', 'weights.bin']);
  });

  it.each([
    ['uint8', 255, 5e-2],
    ['uint16', 65_535, 1e-3],
    ['float16', 0, 1e-2],
  ] as const)('weights quantised to %s are dequantised', async (kind, levels, tolerance) => {
    const source = join(folder, 'sequential');
    const model = JSON.parse(readFileSync(join(source, 'model.json'), 'utf8')) as {
      weightsManifest: { paths: string[]; weights: { shape: number[]; quantization?: object }[] }[];
    };
    const bytes = readFileSync(join(source, 'weights.bin'));
    const values = new Float32Array(new Uint8Array(bytes).buffer);
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const weight of model.weightsManifest[0].weights) {
      const own = values.subarray(at, (at += weight.shape.reduce((a, b) => a * b, 1)));
      if (kind === 'float16') {
        weight.quantization = { dtype: kind };
        parts.push(new Uint8Array(Uint16Array.from(own, halfBits).buffer));
        continue;
      }
      const min = Math.min(...own);
      const scale = (Math.max(...own) - min) / levels || 1;
      weight.quantization = { dtype: kind, scale, min };
      const levelsOf = own.map((value) => Math.round((value - min) / scale));
      const stored = kind === 'uint8' ? Uint8Array.from(levelsOf) : Uint16Array.from(levelsOf);
      parts.push(new Uint8Array(stored.buffer));
    }
    const out = mkdtempSync(join(scratch, kind));
    const all = Buffer.concat(parts);
    // In two shards, cut where no tensor ends.
    model.weightsManifest[0].paths = ['a.bin', 'b.bin'];
    writeFileSync(join(out, 'a.bin'), all.subarray(0, 333));
    writeFileSync(join(out, 'b.bin'), all.subarray(333));
    writeFileSync(join(out, 'model.json'), JSON.stringify(model));
    const opened = await openEncoder(join(out, 'model.json'));
    expect(opened.notes.join()).toContain(`weights stored as ${kind} were made float32`);
    const met = difference(opened.graph, expectedOf('sequential'));
    expect(met).toBeLessThan(tolerance);
    expect(met).toBeGreaterThan(0);
    table.row({ format: 'TF.js layers model', feature: `weights quantised to ${kind}, two shards`, result: 'read' });
  });
});

function halfBits(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  const exponent = ((bits >>> 23) & 255) - 112;
  if (exponent <= 0) return (bits >>> 16) & 0x8000;
  return ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 1023);
}
