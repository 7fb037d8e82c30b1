/** The opinions stage: other people's detectors beside the audit (`engine/opinions`), after its verdict and without a part in it. */
import type { Opinion, OpinionExtent } from '../../../src-shared/domain/opinion.ts';
import type { Json } from '../../../src-shared/json.ts';
import type { ChannelFacts } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import { askOpinions } from '../opinions/ask.ts';
import type { Features } from '../opinions/opinion.ts';
import { copiesOf, progressOf, sampleOrder, type PipelineContext } from './context.ts';
import type { Evaluation } from './evaluate.ts';
import { representations } from './features.ts';
import { stratifiedReference } from './sift.ts';
import { sizesOf } from './memory.ts';
import { stage, vector } from './steps.ts';

export interface OpinionsInput {
  readonly undefended: Graph;
  readonly probe: Evaluation;
  readonly suspects: Int32Array;
  readonly credible: Int32Array;
  readonly channels: ChannelFacts;
  /** Digest of the step before. */
  readonly input: string;
}

/** @returns null when the audit asks for none */
export async function runOpinions(
  context: PipelineContext,
  encoder: Encoder,
  { undefended, probe, suspects, credible, channels, input }: OpinionsInput,
): Promise<readonly Opinion[] | null> {
  const extent = context.parameters['opinions.extent'] as OpinionExtent;
  if (extent === 'none') return null;
  const { provider, samples, seed, signal } = context;
  const step = await stage(context, 'opinions', { extent, rule: 2 }, [input], async () => {
    const untrusted = channels.used
      ? channels.layers.map(({ trusted }) => Uint8Array.from(trusted, (kept) => (kept ? 0 : 1)))
      : null;
    const features = await featuresOf(context, encoder);
    const batch = sizesOf(context).evaluationBatch;
    const copies = copiesOf(context);
    const models = { encoder, undefended, probe, features };
    const asked = { ...models, provider, batch, samples, copies, credible, suspects, seed, signal };
    const found = await askOpinions(asked, extent, untrusted, progressOf(context, 'opinions', 'detectors'));
    const tensors = [...found.scores].flatMap(([id, { score, flagged }]) => [
      [`score/${id}`, vector(score)] as const,
      [`flagged/${id}`, vector(flagged)] as const,
    ]);
    return { data: { opinions: found.opinions } as unknown as Json, tensors: Object.fromEntries(tensors) };
  });
  return (step.data as unknown as { opinions: readonly Opinion[] }).opinions;
}

/**
 * What detectors of activations look at: the representation, where they do better than in the head behind it (measured:
 * `npm run bench:opinions`). Where the dataset is larger than the reference of sifting, a stratified part of it.
 */
async function featuresOf(context: PipelineContext, encoder: Encoder): Promise<Features> {
  const { provider, samples, parameters, signal } = context;
  const classes = samples.classes.length;
  const indices = stratifiedReference(
    samples.labels,
    classes,
    parameters['sift.reference'],
    sampleOrder(context),
    copiesOf(context),
  );
  const rows = await representations(provider, encoder, samples, indices, {
    batch: sizesOf(context).evaluationBatch,
    signal,
  });
  const labels = Int32Array.from(indices, (i) => samples.labels[i]);
  return { indices, rows, dim: encoder.representation.dim, labels, classes };
}
