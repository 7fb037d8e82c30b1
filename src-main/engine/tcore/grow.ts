/**
 * The clean model, grown from the first pool by either mode; and grown once more without the samples that share a
 * pattern, where it learnt one that it should not know (`second-start.ts`).
 */
import type { ChannelFacts } from '../../../src-shared/domain/result.ts';
import type { PoolRound } from '../../../src-shared/domain/run.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import type { Provider } from '../providers/provider.ts';
import type { Beside } from './beside.ts';
import { bootstrap } from './bootstrap.ts';
import type { PipelineContext } from './context.ts';
import { purified, runCrossFit, type CrossFit } from './cross-fit.ts';
import { distil } from './distil.ts';
import type { SecondStart } from './second-start.ts';
import { runChannels, unusedChannels } from './stage-channels.ts';
import type { ExpandStage } from './stage-sift.ts';
import { startModel } from './start-model.ts';

/** A clean model, by either mode. */
export interface Grown {
  /** Evaluation graph: input `pixels`, output `logits`. */
  readonly classifier: Graph;
  readonly channels: ChannelFacts;
  readonly rounds: readonly PoolRound[];
  readonly admittedRound: Int32Array;
  readonly digest: string;
}

export interface Checked {
  readonly crossFit: CrossFit;
  readonly pool: Int32Array;
  readonly grown: Grown;
}

/** What a clean model is grown from. */
interface Start extends SecondStart {
  /** Samples that are set aside for the encoder's trigger. */
  readonly apart: Int32Array;
  readonly peers: readonly Int32Array[];
  readonly digest: string;
}

/**
 * The first pool checked, and the clean model grown from it. Distilled mode grows from what the check leaves of the pool;
 * in paper mode nothing but the verdict waits for the check, so it goes on beside.
 */
export async function checkAndGrow(
  context: PipelineContext,
  encoder: Encoder,
  beside: Beside,
  { guard, peers, apart }: Pick<Start, 'guard' | 'peers' | 'apart'>,
  first: ExpandStage,
): Promise<Checked> {
  const { samples } = context;
  const side = await beside.provider();
  const check = { pool: first.pool, input: first.digest, beside: side };
  const start = { ...first, guard, peers, apart, distrusted: new Int32Array(0) };
  switch (context.mode) {
    case 'paper': {
      const { pool } = first;
      const growing = growFromChannels(context, encoder, start);
      if (side === null) {
        const grown = await growing;
        return { crossFit: await runCrossFit(context, encoder, check), pool, grown };
      }
      const until = unheard(growing.then(() => {}));
      // What the thread holds in memory comes on top of what the run holds.
      const onLooked = (): void => void unheard(beside.dispose());
      const checking = unheard(runCrossFit(context, encoder, { ...check, until, onLooked }));
      const grown = await growing;
      return { crossFit: await checking, pool, grown };
    }
    case 'distilled': {
      const crossFit = await runCrossFit(context, encoder, check);
      const { pool } = purified(first.pool, crossFit.contradicted, samples.labels, samples.classes.length);
      const grown = await growStudent(context, encoder, { ...start, pool, digest: crossFit.digest }, side);
      void unheard(beside.dispose());
      return { crossFit, pool, grown };
    }
  }
}

/** The same from another start, one thing after the other. @param context of that time (`anotherTime`) */
export function growAgain(context: PipelineContext, encoder: Encoder, start: Start): Promise<Grown> {
  switch (context.mode) {
    case 'paper':
      return growFromChannels(context, encoder, start);
    case 'distilled':
      return growStudent(context, encoder, start, null);
  }
}

/** What is under way beside fails unheard where the run itself fails first: that is the news then. */
function unheard<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return work;
}

/** Distilled mode: every weight is made anew. */
async function growStudent(
  context: PipelineContext,
  encoder: Encoder,
  start: Start,
  beside: Provider | null,
): Promise<Grown> {
  const grown = await distil({ context, encoder, ...start, input: start.digest, beside });
  return { ...grown, channels: unusedChannels(encoder) };
}

/** Paper mode: trusted channels are kept, the rest and the head are trained on the growing pool. */
async function growFromChannels(context: PipelineContext, encoder: Encoder, from: Start): Promise<Grown> {
  const channels = await runChannels(context, encoder, from);
  const start = startModel(context, encoder, channels.trusted);
  const trainer = await start.train(context.parameters['train.batch']);
  try {
    const { rounds, admittedRound, digest } = await bootstrap({
      ...from,
      trainer,
      warmUpTrainer: () => start.train(context.parameters['warmup.batch']),
      context,
      input: channels.digest,
    });
    return { classifier: trainer.classifier(), channels: channels.facts, rounds, admittedRound, digest };
  } finally {
    await trainer.dispose();
  }
}
