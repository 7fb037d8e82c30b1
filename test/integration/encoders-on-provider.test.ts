/** Every exporter's file on the real provider: understood, normalised again, trained in half its channels, handed out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Encoder } from '../../src-main/engine/encoder/encoder.ts';
import { collectStatistics, restoreEncoderNorms } from '../../src-main/engine/encoder/restore.ts';
import { attachHead, reinitialise, sanitizedModel } from '../../src-main/engine/encoder/surgery.ts';
import type { Graph, Tensor } from '../../src-main/engine/graph/ir.ts';
import { readOnnx } from '../../src-main/engine/graph/onnx/read.ts';
import { writeOnnx } from '../../src-main/engine/graph/onnx/write.ts';
import { numbersOf, tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { withInitializers } from '../../src-main/engine/graph/training.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';
import { untrustedParts } from '../../src-main/engine/tcore/start-model.ts';
import { createTrainer } from '../../src-main/engine/tcore/trainer.ts';
import { encoder, expected, images, largestDifference, names } from '../unit/encoder/fixtures.ts';

const BATCH = 8;
const CLASSES = 2;

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

async function run(graph: Graph, pixels: Tensor): Promise<Record<string, Tensor>> {
  const compiled = await provider.compile(graph, { dims: { N: pixels.dims[0] } });
  try {
    return await compiled.run({ pixels });
  } finally {
    await compiled.dispose();
  }
}

async function normalised(found: Encoder, size: readonly [number, number, number]): Promise<Encoder> {
  return restoreEncoderNorms(
    found,
    await collectStatistics(found, async (graph) => [await run(graph, images(16, size))]),
  );
}

describe.each(names)('%s on the provider', (name) => {
  const { size, representation } = expected[name];

  it('gives the representation PyTorch gives, with its normalisations put back', async () => {
    const found = await normalised(encoder(name), size);
    const outputs = await run(found.graph, images(3, size));
    expect(largestDifference(numbersOf(outputs.representation), representation)).toBeLessThan(1e-4);
  });

  it('learns in its untrusted channels while no bit of a trusted one moves, and is handed out as it was trained', async () => {
    const found = await normalised(encoder(name), size);
    const trusted = found.layers.map((layer) => Uint8Array.from({ length: layer.channels }, (_, k) => k % 2));
    const head = attachHead(found, CLASSES, { kind: 'linear' }, 3);
    const values = Object.fromEntries(reinitialise(found, found.layers, trusted, 3));
    const trainer = await createTrainer(provider, {
      classifier: withInitializers(head.graph, values),
      classes: CLASSES,
      batch: BATCH,
      parameters: [...untrustedParts(found, trusted), ...head.parameters.map((param) => ({ name: param }))],
      optimiser: { kind: 'adam', weightDecay: 0 },
      statistics: 'batch-and-running',
    });
    const target = tensorOf(
      'float32',
      [BATCH, CLASSES],
      [...Array(BATCH).keys()].flatMap((i) => [i % 2, 1 - (i % 2)]),
    );
    const feeds = { pixels: images(BATCH, size), target, learningRate: tensorOf('float32', [], [3e-3]) };
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) losses.push(numbersOf((await trainer.compiled.run(feeds)).loss)[0]);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1) as number).toBeLessThan(losses[0] * 0.7);
    const classifier = trainer.classifier();
    await trainer.dispose();

    const running = new Set(
      found.graph.nodes.filter((node) => node.op === 'BatchNormalization').flatMap((node) => node.inputs.slice(3)),
    );
    found.layers.forEach((layer, l) => {
      let moved = 0;
      for (const rows of layer.rows.filter((row) => !running.has(row.param))) {
        const [before, after] = [found.graph, classifier].map((graph) => graph.initializers.get(rows.param) as Tensor);
        const inner = before.dims.slice(rows.axis + 1).reduce((a, b) => a * b, 1);
        const owner = new Map([...rows.index].map((slice, at) => [slice, Math.floor(at / rows.perChannel)]));
        for (let at = 0; at < before.data.length; at++) {
          const channel = owner.get(Math.floor(at / inner) % before.dims[rows.axis]) as number;
          const same = Object.is(before.data[at], after.data[at]);
          if (trusted[l][channel] === 1) expect(same, `${rows.param}[${at}]`).toBe(true);
          else if (!same) moved++;
        }
      }
      expect(moved, layer.label).toBeGreaterThan(0);
    });

    const model = sanitizedModel({
      classifier,
      restoredNorms: found.restoredNorms,
      classes: ['a', 'b'],
      provenance: {},
    });
    const pixels = images(5, size, 300);
    const written = readOnnx(writeOnnx(model)).graph;
    const [want, got] = [await run(classifier, pixels), await run(written, pixels)];
    const scale = Math.max(1, ...numbersOf(want.logits).map(Math.abs));
    expect(largestDifference(numbersOf(got.logits), numbersOf(want.logits)) / scale).toBeLessThan(1e-4);
  });
});
