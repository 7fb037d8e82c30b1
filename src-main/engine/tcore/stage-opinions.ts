/** The opinions stage: other people's detectors beside the audit (`engine/opinions`), after its verdict and without a part in it. */
import type { Opinion, OpinionExtent } from '../../../src-shared/domain/opinion.ts';
import type { Json } from '../../../src-shared/json.ts';
import type { ChannelFacts } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import { askOpinions } from '../opinions/ask.ts';
import type { Features } from '../opinions/opinion.ts';
import { progressOf, type PipelineContext } from './context.ts';
import type { Evaluation } from './evaluate.ts';
import { requireFinite, sweep } from './features.ts';
import { stratifiedReference } from './sift.ts';
import { evaluationBatch, stage, vector } from './steps.ts';

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
  const step = await stage(context, 'opinions', { extent }, [input], async () => {
    const untrusted = channels.used
      ? channels.layers.map(({ trusted }) => Uint8Array.from(trusted, (kept) => (kept ? 0 : 1)))
      : null;
    const features = await penultimate(context, undefended);
    const asked = { provider, encoder, samples, undefended, probe, features, credible, suspects, seed, signal };
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
 * What detectors of activations look at: the layer before the logits of the undefended model, which learnt from the
 * poison. Where the dataset is larger than the reference of sifting, a stratified part of it.
 */
async function penultimate(context: PipelineContext, undefended: Graph): Promise<Features> {
  const { provider, samples, parameters, signal } = context;
  const last = undefended.nodes.findLast((node) => node.inputs.some((name) => /^head\.\d+\.weight$/.test(name)));
  const weight = undefended.initializers.get(last?.inputs[1] ?? '');
  if (last === undefined || weight === undefined) throw new Error('the undefended model has no head');
  const [dim, classes] = weight.dims;
  const indices = stratifiedReference(samples.labels, classes, parameters['sift.reference']);
  const rows = new Float32Array(indices.length * dim);
  const graph: Graph = { ...undefended, outputs: [{ name: last.inputs[0], dtype: 'float32', shape: ['N', dim] }] };
  const compiled = await provider.compile(graph, { dims: { N: evaluationBatch } });
  try {
    await sweep(compiled, {
      samples,
      indices,
      batch: evaluationBatch,
      signal,
      onBatch: (outputs, at) => {
        const values = outputs[last.inputs[0]];
        requireFinite(values, dim, 'activation before the logits', indices, at);
        rows.set(values, at * dim);
      },
    });
  } finally {
    await compiled.dispose();
  }
  return { indices, rows, dim, labels: Int32Array.from(indices, (i) => samples.labels[i]), classes };
}
