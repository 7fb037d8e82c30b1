/** Of each class that holds a fitted cluster: whether its refused samples look like their label or like what they are taken for. */
import type { Json } from '../../../src-shared/json.ts';
import type { ClassKind } from '../../../src-shared/domain/result.ts';
import { kindOf, kindQuestion } from '../evidence/kind.ts';
import { isFitted, isRefused, type RefusalEvidence } from '../evidence/refused.ts';
import { refusalsByClass } from '../evidence/refusals.ts';
import type { PipelineContext } from './context.ts';
import { pixelsOf } from './pattern-carriers.ts';

export interface KindStage {
  readonly kinds: readonly ClassKind[];
  /** That of the step before where there was nothing to ask. */
  readonly digest: string;
}

/** @param credible samples the sanitized model was grown from, no suspect among them */
export async function runKinds(
  context: PipelineContext,
  refusals: RefusalEvidence,
  credible: Int32Array,
  input: string,
): Promise<KindStage> {
  const { labels, classes, shape } = context.samples;
  const { predicted } = refusals.final;
  const fitted = refusalsByClass(refusals, classes.length).flatMap(({ cluster }, c) =>
    cluster === 'fitted' ? [c] : [],
  );
  const questions = fitted.flatMap((c) => {
    const isAsked = (i: number): boolean =>
      labels[i] === c && !refusals.duplicates.has(i) && isRefused(refusals, i) && isFitted(refusals.probe, i);
    const group = Int32Array.from([...labels.keys()].filter(isAsked));
    return kindQuestion(c, group, predicted, labels, credible) ?? [];
  });
  if (questions.length === 0) return { kinds: [], digest: input };
  const step = await context.journal.step({ name: 'evidence/kinds', params: { rule: 2 }, inputs: [input] }, () => {
    const kinds = questions.map((question) => kindOf(question, (indices) => pixelsOf(context, indices), shape));
    return Promise.resolve({ data: kinds as unknown as Json, tensors: {} });
  });
  return { kinds: step.data as unknown as readonly ClassKind[], digest: step.digest };
}
