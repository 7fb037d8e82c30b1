/**
 * Runs are journals: every stage goes through `step`, which returns the committed result of an earlier, interrupted
 * run when there is one and computes and commits it otherwise. The engine knows only this interface; who writes where
 * is the audit's affair.
 */
import type { Json } from '../../src-shared/json.ts';
import type { Tensor } from './graph/ir.ts';

export interface StepSpec {
  /** Stage, or stage/round: "sift", "grow/3". Unique within a run. */
  readonly name: string;
  /** Every parameter that decides the result. */
  readonly params: Json;
  /** Digests of the steps and files the result depends on. */
  readonly inputs: readonly string[];
}

export interface StepResult {
  /** Deterministic facts; no clock readings in here, they would change the digest. */
  readonly data: Json;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

export interface CommittedStep extends StepResult {
  /** SHA-256 (hex) over name, params, inputs, data and the digests of the tensors. */
  readonly digest: string;
  /** True when it was read back from the journal instead of computed. */
  readonly resumed: boolean;
}

export interface StepJournal {
  step(spec: StepSpec, compute: () => Promise<StepResult>): Promise<CommittedStep>;
}
