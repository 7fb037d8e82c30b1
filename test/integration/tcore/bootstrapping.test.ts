/** Bootstrapping by itself: what may change, what must not, and what is taken back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Encoder } from '../../../src-main/engine/encoder/encoder.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { bootstrap, type Bootstrapped } from '../../../src-main/engine/tcore/bootstrap.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { startModel } from '../../../src-main/engine/tcore/start-model.ts';
import { readSafetensors } from '../../../src-main/formats/models-out/safetensors.ts';
import { recording, type Recording } from '../../support/replay-journal.ts';
import { toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../../unit/encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

interface Run {
  readonly encoder: Encoder;
  readonly trusted: readonly Uint8Array[];
  /** The model before the first step and after the last. */
  readonly start: Graph;
  readonly end: Graph;
  readonly result: Bootstrapped;
  readonly record: Recording;
}

/** Every second channel is trusted; every other sample of the pool's classes is in the pool, the next is the guard. */
async function run(
  name: string,
  images: ToyImages,
  parts: { readonly pool: Int32Array; readonly guard: Int32Array },
  overrides: Readonly<Record<string, number | string>> = {},
): Promise<Run> {
  const record = recording();
  const context = toyContext(provider, fileGraph(name), images, overrides, { journal: record.journal });
  const encoder = await prepareEncoder(context);
  const trusted = encoder.layers.map((layer) => Uint8Array.from({ length: layer.channels }, (_, k) => k % 2));
  const model = startModel(context, encoder, trusted);
  const trainer = await model.train(context.parameters['train.batch']);
  try {
    const start = trainer.classifier();
    const result = await bootstrap({
      trainer,
      warmUpTrainer: () => model.train(context.parameters['warmup.batch']),
      context,
      ...parts,
      distrusted: new Int32Array(0),
      apart: new Int32Array(0),
      peers: [],
      input: 'toy',
    });
    return { encoder, trusted, start, end: trainer.classifier(), result, record };
  } finally {
    await trainer.dispose();
  }
}

const images = toyImages({ sizes: [30, 30, 30] });
const every = (step: number, offset: number): Int32Array =>
  Int32Array.from(images.labels.keys()).filter((i) => i % step === offset);
const parts = { pool: every(4, 0), guard: every(4, 1) };

/** Names of the running statistics of every normalisation. */
function statistics(graph: Graph): Set<string> {
  const norms = graph.nodes.filter((node) => node.op === 'BatchNormalization');
  return new Set(norms.flatMap((node) => node.inputs.slice(3)));
}

/** Slices of each channel of a parameter, as text, in channel order. */
function slices(graph: Graph, rows: Encoder['layers'][number]['rows'][number], channels: number): string[] {
  const tensor = graph.initializers.get(rows.param) as Tensor;
  const data = tensor.data as Float32Array;
  const inner = tensor.dims.slice(rows.axis + 1).reduce((a, b) => a * b, 1);
  return Array.from({ length: channels }, (_, k) => {
    const own = new Set(rows.index.subarray(k * rows.perChannel, (k + 1) * rows.perChannel));
    return data.filter((__, at) => own.has(Math.floor(at / inner) % tensor.dims[rows.axis])).join();
  });
}

describe.each(['resnet-bn', 'mobilenet-folded-opset11', 'vit-packed'])('bootstrapping of %s', (name) => {
  let outcome: Run;
  beforeAll(async () => {
    outcome = await run(name, images, parts);
  });

  it('leaves every bit of every trusted row as the file has it, and moves every untrusted one', () => {
    const { encoder, trusted, start, end } = outcome;
    const running = statistics(encoder.graph);
    let rows = 0;
    encoder.layers.forEach((layer, l) => {
      for (const owned of layer.rows.filter((row) => !running.has(row.param))) {
        const [file, begun, ended] = [encoder.graph, start, end].map((graph) => slices(graph, owned, layer.channels));
        trusted[l].forEach((chi, k) => {
          if (chi === 1) expect(ended[k], `${owned.param}, channel ${k}`).toBe(file[k]);
          else expect(ended[k] === begun[k], `${owned.param}, channel ${k}`).toBe(false);
          rows++;
        });
      }
    });
    expect(rows).toBeGreaterThan(100);
  });

  it('lets the running statistics of all channels follow', () => {
    const { encoder, start, end } = outcome;
    for (const param of statistics(encoder.graph)) {
      const [begun, ended] = [start, end].map(
        (graph) => (graph.initializers.get(param) as Tensor).data as Float32Array,
      );
      expect(ended.every((value) => Number.isFinite(value))).toBe(true);
      const still = begun.filter((value, k) => value === ended[k]);
      // A channel that is 0 for every image keeps a mean of 0.
      expect(
        still.every((value) => value === 0),
        param,
      ).toBe(true);
    }
  });

  it('never trains on the guard and never admits it', () => {
    const { result } = outcome;
    expect(parts.guard.every((i) => result.admittedRound[i] === -1)).toBe(true);
    expect(parts.pool.every((i) => result.admittedRound[i] === 0)).toBe(true);
    expect(result.rounds.map((round) => round.guidance)).toEqual(['seeds', 'loss', 'meta', 'final']);
    expect(result.finalPool.length).toBeGreaterThan(parts.pool.length);
  });
});

describe('meta guidance', () => {
  it('puts everything back after its virtual epoch: weights, moments and running statistics', async () => {
    const { record, result } = await run('vgg-folded', images, parts, {
      'grow.loss': '',
      'grow.meta': '0.5',
      'grow.epochs': 0,
    });
    const [before, after] = ['warm-up', 'grow/meta/0.5'].map((name) => stateOf(record, name));
    expect(before.size).toBeGreaterThan(20);
    expect(after).toEqual(before);
    expect((result.lossReduction as Float32Array).some((value) => value !== 0)).toBe(true);
  });
});

describe('the growth guard', () => {
  // Outside pool and guard the labels are wrong, so whatever growth admits is poison.
  const labels = images.labels.map((label, i) => (i % 4 < 2 ? label : (label + 1) % 3));
  const collapse = { 'warmup.epochs': 12, 'warmup.batch': 8, 'train.batch': 16, 'grow.epochs': 12, 'grow.cap': 1 };

  it('takes back the round that makes the model fail on it, ends growth and trains the final fit on what was before', async () => {
    const { record, result } = await run(
      'vit-packed',
      { ...images, labels },
      { pool: every(4, 0), guard: every(4, 1) },
      { ...collapse, 'grow.loss': '0.9,1', 'grow.meta': '' },
    );
    const [warm, grown, final] = result.rounds;
    expect(warm.guardAccuracy).toBeGreaterThan(0.9);
    expect(grown.guardAccuracy as number).toBeLessThan((warm.guardAccuracy as number) - 0.1);
    expect(grown.stopped).toBe('guard');
    expect(result.rounds.length).toBe(3);
    expect(stateOf(record, 'grow/loss/0.9')).toEqual(stateOf(record, 'warm-up'));
    expect([...result.finalPool]).toEqual([...parts.pool]);
    expect(final.size).toBe(parts.pool.length);
    expect(result.admittedRound.every((round, i) => (i % 4 === 0 ? round === 0 : round === -1))).toBe(true);
  });

  it('lets growth go on where the model holds', async () => {
    const { result } = await run('vit-packed', images, parts, { ...collapse, 'grow.loss': '0.7', 'grow.meta': '' });
    expect(result.rounds.map((round) => round.stopped)).toEqual([null, null, null]);
    expect(result.rounds[1].size).toBeGreaterThan(parts.pool.length);
  });
});

function stateOf(record: Recording, name: string): Map<string, string> {
  const { tensors } = readSafetensors(record.step(name).tensors as Uint8Array);
  const states = [...tensors].filter(([key]) => key.startsWith('state:'));
  return new Map(
    states.map(([key, { data }]) => [key, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')]),
  );
}
