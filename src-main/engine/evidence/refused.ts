/** When a sample counts as held by the undefended probe, and as refused by the sanitized model with its neighbours. */

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
  /** Samples that repeat an earlier one: not counted, for copies must neither make a cluster nor thin one out. */
  readonly duplicates: ReadonlySet<number>;
  readonly probe: ModelView;
  readonly final: ModelView;
  /** Mean refusal of the neighbours of the same given label by the sanitized model, 0..1. */
  readonly company: Float32Array;
}

/** Least probability of the given label of which a model is sure, and from which it holds it. */
const [sure, held] = [0.9, 0.5];
/** Most probability of the given label, and least of the company's mean refusal, of a sample that is refused; and firmly so. */
const [refused, refusedCompany] = [0.1, 0.5];
const [firmlyRefused, firmCompany] = [0.05, 0.6];
/** Least probability of another class: a model that does not know what else it is does not refuse. */
const leastConfidence = 0.5;

const labelProbability = (model: ModelView, i: number): number => Math.exp(-model.loss[i]);

/** Whether a model is sure of the given label of sample `i`. */
export function isFitted(model: ModelView, i: number): boolean {
  return labelProbability(model, i) >= sure;
}

/** Whether a model takes the given label of sample `i` for the likeliest, sure of it or not. */
export function isHeld(model: ModelView, i: number): boolean {
  return labelProbability(model, i) >= held;
}

/** Whether a model knows what sample `i` is, whatever its label. */
export function decides(model: ModelView, i: number): boolean {
  return model.confidence[i] >= leastConfidence;
}

/** Whether the sanitized model refuses the label of sample `i`, as it does its neighbours'. */
export function isRefused({ final, company }: RefusalEvidence, i: number): boolean {
  return labelProbability(final, i) <= refused && decides(final, i) && company[i] >= refusedCompany;
}

/** The same, more firmly. */
export function isFirmlyRefused({ final, company }: RefusalEvidence, i: number): boolean {
  return labelProbability(final, i) <= firmlyRefused && decides(final, i) && company[i] >= firmCompany;
}
