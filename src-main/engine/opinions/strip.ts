/**
 * STRIP (Gao et al., ACSAC 2019): a picture with a trigger keeps its prediction however it is overlaid with others, so
 * the mean entropy of the undefended model over overlays is low. Overlays are added and cut at white, as in the source.
 *
 * A sample costs as many passes as there are overlays, so a part is looked at: the top of the suspect list and as many
 * others, evenly spread. Overlays and the threshold (which 5 % of clean samples pass) come from credible samples.
 */
import { randomStream } from '../math/random.ts';
import { spread } from '../math/spread.ts';
import { quantile } from '../math/statistics.ts';
import { sweep } from '../tcore/features.ts';
import type { SampleSource } from '../samples.ts';
import type { Detector, NoJudgement, OpinionInput, SampleJudgement } from './opinion.ts';

const overlays = 24;
const looked = 150;
const compared = 100;
const falseAlarms = 0.05;

async function judge(input: OpinionInput): Promise<SampleJudgement | NoJudgement> {
  const { provider, batch, samples, copies, undefended, credible, seed, signal, onProgress } = input;
  const suspects = input.suspects.filter((i) => !copies.has(i));
  if (credible.length < 20) return { subject: 'none', reason: 'too-few' };
  // Those that make the threshold are not those laid over.
  const clean = spread(
    credible.filter((_, at) => at % 2 === 0),
    compared,
  );
  const laid = credible.filter((_, at) => at % 2 === 1);
  const known = new Set(suspects);
  const others = Int32Array.from({ length: samples.count }, (_, i) => i).filter((i) => !known.has(i) && !copies.has(i));
  const judged = Int32Array.from([...suspects.slice(0, looked), ...spread(others, looked)]).sort();
  const random = randomStream(seed, 'opinions/strip');
  const drawn = Int32Array.from({ length: overlays }, () => laid[random.integer(laid.length)]);
  const compiled = await provider.compile(undefended, { dims: { N: batch } });
  const all = Int32Array.from([...clean, ...judged]);
  const entropy = new Float64Array(all.length);
  try {
    await sweep(compiled, {
      samples: overlaid(samples, all, drawn),
      indices: null,
      batch,
      signal,
      onProgress: (done, total) => onProgress(Math.floor(done / overlays), Math.floor(total / overlays)),
      onBatch: ({ logits }, at, count) => {
        const classes = logits.length / count;
        for (let i = 0; i < count; i++) {
          entropy[Math.floor((at + i) / overlays)] += entropyOf(logits, i * classes, classes) / overlays;
        }
      },
    });
  } finally {
    await compiled.dispose();
  }
  const limit = quantile(entropy.subarray(0, clean.length), falseAlarms);
  const own = entropy.subarray(clean.length);
  const most = Math.log(samples.classes.length);
  return {
    subject: 'samples',
    indices: judged,
    score: Float32Array.from(own, (value) => 1 - value / most),
    flagged: Uint8Array.from(own, (value) => (value < limit ? 1 : 0)),
    quota: null,
    classes: null,
    numbers: { overlays, falseAlarms, entropyLimit: limit },
  };
}

/** Every sample of `list` under every one of `drawn`: sample s under overlay o is number s * drawn.length + o. */
function overlaid(samples: SampleSource, list: Int32Array, drawn: Int32Array): SampleSource {
  const size = samples.shape[0] * samples.shape[1] * samples.shape[2];
  const over = new Float32Array(drawn.length * size);
  samples.read(drawn, over);
  return {
    ...samples,
    count: list.length * drawn.length,
    read(indices, out) {
      samples.read(
        Int32Array.from(indices, (at) => list[Math.floor(at / drawn.length)]),
        out,
      );
      for (let i = 0; i < indices.length; i++) {
        const from = (indices[i] % drawn.length) * size;
        for (let j = 0; j < size; j++) out[i * size + j] = Math.min(1, out[i * size + j] + over[from + j]);
      }
    },
  };
}

/** Entropy in nats of the softmax of `classes` logits at `at`. */
export function entropyOf(logits: ArrayLike<number>, at: number, classes: number): number {
  let top = -Infinity;
  for (let c = 0; c < classes; c++) top = Math.max(top, logits[at + c]);
  let sum = 0;
  let weighted = 0;
  for (let c = 0; c < classes; c++) {
    const shifted = logits[at + c] - top;
    const weight = Math.exp(shifted);
    sum += weight;
    weighted += weight * shifted;
  }
  return Math.log(sum) - weighted / sum;
}

export const stripDetector: Detector = { id: 'strip', subject: 'samples', cost: 'cheap', judge };
