/**
 * The suspect list: samples the undefended probe fits and the sanitized model refuses, together with their company.
 * Poison looks like this; a hard or mislabelled sample is refused alone, or not fitted by the probe either. Behind them
 * stand the samples that carry a pattern which a grown model learnt (`learnt.ts`).
 */

/** What a model makes of every sample. */
export interface ModelView {
  /** Cross entropy against the given label. */
  readonly loss: Float32Array;
  readonly predicted: Int32Array;
  /** Probability of the predicted class. */
  readonly confidence: Float32Array;
}

export interface RefusalEvidence {
  readonly labels: Int32Array;
  readonly probe: ModelView;
  readonly final: ModelView;
  /** Mean refusal of the neighbours of the same given label by the sanitized model, 0..1. */
  readonly company: Float32Array;
}

/** Least probability of the given label that counts as fitted by the probe, and most that counts as refused. */
const fitted = 0.9;
const refused = 0.1;

/** Whether a model is sure of the given label of sample `i`. */
export function isFitted(model: ModelView, i: number): boolean {
  return Math.exp(-model.loss[i]) >= fitted;
}

/** Whether sample `i` is refused in the sense of the suspect list. */
export function isRefused({ probe, final, company }: RefusalEvidence, i: number): boolean {
  return isFitted(probe, i) && Math.exp(-final.loss[i]) <= refused && final.confidence[i] >= 0.5 && company[i] >= 0.5;
}

/** The refused samples, and behind them those that carry a learnt pattern, worst loss in the sanitized model first. */
export function withCarriers(refused: Int32Array, carriers: Iterable<number>, finalLoss: Float32Array): Int32Array {
  const known = new Set(refused);
  const more = [...new Set(carriers)].filter((i) => !known.has(i));
  return Int32Array.from([...refused, ...more.sort((a, b) => finalLoss[b] - finalLoss[a] || a - b)]);
}

/** Refused samples, by how much more the sanitized model's loss is than the probe's; ties by index. */
export function rankSuspects(evidence: RefusalEvidence): Int32Array {
  const gap = (i: number): number => evidence.final.loss[i] - evidence.probe.loss[i];
  return Int32Array.from(
    [...evidence.labels.keys()].filter((i) => isRefused(evidence, i)).sort((a, b) => gap(b) - gap(a) || a - b),
  );
}
