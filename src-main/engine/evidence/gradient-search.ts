/** What the searches by gradient for something that draws images together share: what they are asked, and why one finds nothing. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { dependents } from '../encoder/wiring.ts';
import type { Graph } from '../graph/ir.ts';

export interface SearchOptions {
  /** Images a step, at least 2, and a run that only measures, at least 1. */
  readonly batch: number;
  readonly measureBatch: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /**
   * Where images shall not be brought: a unit vector `[dim]` whose mean cosine is added to the loss. A net that answers to what was planted
   * has one answer; one that gives way to anything so strong gives way in other directions, too.
   */
  readonly away?: Float32Array;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Why a search found nothing to measure: no gradient leads from the representation to the pixels, or the representation, or what it is
 * searched by, is no number.
 */
export type SearchFailure = 'no-gradient' | 'not-finite';

const steps = new Set(['Round', 'Floor', 'Ceil']);

/**
 * The encoder as it is searched in: where pixels, or what is made of them, are rounded, the gradient goes straight through, for a step has
 * none. What is found is measured in the encoder as it is.
 */
export function followable({ graph }: Encoder): Graph {
  const ofPixels = dependents(graph, 'pixels');
  return {
    ...graph,
    nodes: graph.nodes.map((node) =>
      node.domain === '' && steps.has(node.op) && ofPixels.has(node.inputs[0]) ? { ...node, op: 'Identity' } : node,
    ),
  };
}

/** Whether a search changed what it started from. Where it did not, its gradient is zero and it found nothing. */
export function hasMoved(start: Float32Array, end: Float32Array): boolean {
  return end.some((value, at) => value !== start[at]);
}

/** What a search returns, or that nothing leads to the pixels: that ends the search, not the audit. */
export async function unlessNoGradient<T>(search: Promise<T>): Promise<T | 'no-gradient'> {
  try {
    return await search;
  } catch (error) {
    if (error instanceof ExpectedError && error.code === 'unknown-operator') return 'no-gradient';
    throw error;
  }
}
