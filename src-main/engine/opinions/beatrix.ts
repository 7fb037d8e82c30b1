/**
 * Beatrix (Ma et al., NDSS 2023): how the channels of a map go together, in Gram matrices of orders 1 to 8, of every
 * sample against the envelope (median -+ 10 median absolute deviations) of clean samples of its class. The deviation is
 * how far outside the envelope the entries lie, relative to its edge.
 *
 * Clean samples are the audit's credible ones: of each class up to 30 make the envelope, as in the source, and up to
 * 30 others the threshold, which 5 % of them pass. The source compares the deviations of whole classes by a kernel
 * test; here a class's score is the share of it that is flagged. At most 32 channels, evenly spread, are looked at.
 */
import type { Encoder, Tap } from '../encoder/encoder.ts';
import { graphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/ir.ts';
import { median, quantile } from '../math/statistics.ts';
import { sweep } from '../tcore/features.ts';
import { rowsByClass, type Detector, type NoJudgement, type OpinionInput, type SampleJudgement } from './opinion.ts';

export const orders = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const mostChannels = 32;
const envelopeSamples = 30;
const envelopeWidth = 10;
/** Share of clean samples beyond the threshold. */
const falseAlarms = 0.05;
const fewestClean = 8;

async function judge(input: OpinionInput): Promise<SampleJudgement | NoJudgement> {
  const { encoder, batch, samples, features, credible, provider, signal, onProgress } = input;
  const tap = encoder.taps.findLast((each) => each.kind !== 'vector');
  if (tap === undefined) return { subject: 'none', reason: 'no-map' };
  const { graph, width } = gramGraph(encoder, tap);
  const { indices } = features;
  const clean = rowsByClass({
    labels: Int32Array.from(credible, (i) => samples.labels[i]),
    classes: samples.classes.length,
  }).map((list) => list.map((at) => credible[at]));
  const parts = clean.map((list) => ({
    shape: list.filter((_, at) => at % 2 === 0).slice(0, envelopeSamples),
    check: list.filter((_, at) => at % 2 === 1).slice(0, envelopeSamples),
  }));
  if (parts.every(({ shape, check }) => Math.min(shape.length, check.length) < fewestClean)) {
    return { subject: 'none', reason: 'too-few' };
  }
  const compiled = await provider.compile(graph, { dims: { N: batch } });
  const visit = async (list: Int32Array, onRow: (row: Float32Array, at: number) => void): Promise<void> => {
    await sweep(compiled, {
      samples,
      indices: list,
      batch,
      signal,
      onProgress: list === indices ? onProgress : () => {},
      onBatch: ({ gram }, at, count) => {
        for (let i = 0; i < count; i++) onRow(gramFeatures(gram, i, width), at + i);
      },
    });
  };
  try {
    const envelopes: (Envelope | null)[] = [];
    const limits: number[] = [];
    for (const { shape, check } of parts) {
      if (Math.min(shape.length, check.length) < fewestClean) {
        envelopes.push(null);
        limits.push(Infinity);
        continue;
      }
      const rows: Float32Array[] = [];
      await visit(Int32Array.from(shape), (row) => rows.push(row));
      const envelope = envelopeOf(rows);
      const deviations: number[] = [];
      await visit(Int32Array.from(check), (row) => deviations.push(deviation(row, envelope)));
      envelopes.push(envelope);
      limits.push(quantile(deviations, 1 - falseAlarms));
    }
    const score = new Float32Array(indices.length).fill(NaN);
    const flagged = new Uint8Array(indices.length);
    await visit(indices, (row, at) => {
      const label = features.labels[at];
      const envelope = envelopes[label];
      if (envelope === null) return;
      const own = deviation(row, envelope);
      // Classes differ in how far their clean samples stray; the threshold makes them comparable.
      score[at] = own / Math.max(limits[label], 1e-6);
      flagged[at] = own > limits[label] ? 1 : 0;
    });
    const classes = rowsByClass(features).map((list, c) => ({
      score:
        envelopes[c] === null || list.length === 0 ? null : list.filter((at) => flagged[at] === 1).length / list.length,
      alarm: false,
    }));
    return {
      subject: 'samples',
      indices,
      score,
      flagged,
      quota: null,
      classes,
      numbers: { falseAlarms, channels: width },
    };
  } finally {
    await compiled.dispose();
  }
}

/** Output `gram` `[N, orders, width, width]`: sums over positions of products of powers of the tap's channels. */
function gramGraph(encoder: Encoder, tap: Tap): { graph: Graph; width: number } {
  const b = graphBuilder(encoder.graph);
  const width = Math.min(mostChannels, tap.channels);
  const chosen = Array.from({ length: width }, (_, i) => Math.floor((i * tap.channels) / width));
  const positionsLast =
    tap.kind === 'map' ? b.reshape(tap.tensor, [0, tap.channels, -1]) : b.transpose(tap.tensor, [0, 2, 1]);
  const map = width === tap.channels ? positionsLast : b.gather(positionsLast, b.ints(chosen), 1);
  let power = map;
  const grams = orders.map((order) => {
    if (order > 1) power = b.mul(power, map);
    return b.unsqueeze(b.matmul(power, b.transpose(power, [0, 2, 1])), [1]);
  });
  b.node('Identity', [b.concat(grams, 1)], {}, 'gram');
  b.setOutputs([{ name: 'gram', dtype: 'float32', shape: ['N', orders.length, width, width] }]);
  return { graph: b.build(), width };
}

/** The upper triangles of sample `row`'s Gram matrices, each entry with the signed root of its order. */
export function gramFeatures(gram: Float32Array, row: number, width: number): Float32Array {
  const size = width * width;
  const out = new Float32Array((orders.length * width * (width + 1)) / 2);
  let to = 0;
  orders.forEach((order, o) => {
    const from = (row * orders.length + o) * size;
    for (let i = 0; i < width; i++) {
      for (let j = i; j < width; j++) {
        const value = gram[from + i * width + j];
        out[to++] = Math.sign(value) * Math.abs(value) ** (1 / order);
      }
    }
  });
  return out;
}

export interface Envelope {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** @param rows at least one; all of one length */
export function envelopeOf(rows: readonly Float32Array[]): Envelope {
  const size = rows[0].length;
  const low = new Float64Array(size);
  const high = new Float64Array(size);
  const column = new Float64Array(rows.length);
  for (let j = 0; j < size; j++) {
    rows.forEach((row, i) => (column[i] = row[j]));
    const middle = median(column);
    const spread = median(column.map((value) => Math.abs(value - middle)));
    low[j] = middle - envelopeWidth * spread;
    high[j] = middle + envelopeWidth * spread;
  }
  return { low, high };
}

/** How far a sample's entries lie outside, each relative to the edge it passes; mean over the orders. */
export function deviation(row: Float32Array, { low, high }: Envelope): number {
  let sum = 0;
  for (let j = 0; j < row.length; j++) {
    if (row[j] < low[j]) sum += (low[j] - row[j]) / Math.abs(low[j] + 1e-6);
    else if (row[j] > high[j]) sum += (row[j] - high[j]) / Math.abs(high[j] + 1e-6);
  }
  return sum / orders.length;
}

export const beatrixDetector: Detector = { id: 'beatrix', subject: 'samples', cost: 'cheap', judge };
