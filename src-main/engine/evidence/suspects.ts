/**
 * The suspect list: samples that bootstrapping never admitted, that the undefended probe fits and that the sanitized
 * model refuses. Most suspicious first.
 */

export interface SuspectEvidence {
  readonly labels: Int32Array;
  /** Round of admission; -1 = never. */
  readonly admittedRound: Int32Array;
  /** Held out of training on purpose, so never admitted for another reason. */
  readonly guard: Int32Array;
  readonly probe: ModelView;
  readonly final: ModelView;
}

/** What a model makes of every sample. */
export interface ModelView {
  /** Cross entropy against the given label. */
  readonly loss: Float32Array;
  readonly predicted: Int32Array;
  /** Probability of the predicted class. */
  readonly confidence: Float32Array;
}

/** Sample indices, by how much more the sanitized model's loss is than the probe's; ties by index. */
export function rankSuspects(evidence: SuspectEvidence): Int32Array {
  const { labels, probe, final } = evidence;
  const guard = new Set(evidence.guard);
  const suspects: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    if (evidence.admittedRound[i] >= 0 || guard.has(i)) continue;
    if (probe.predicted[i] === labels[i] && final.predicted[i] !== labels[i]) suspects.push(i);
  }
  const gap = (i: number): number => final.loss[i] - probe.loss[i];
  return Int32Array.from(suspects.sort((a, b) => gap(b) - gap(a) || a - b));
}
