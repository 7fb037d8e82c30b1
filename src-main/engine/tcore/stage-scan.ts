/**
 * Before anything is grown: the patch scan of the untrusted encoder and, where it finds a trigger, who of the dataset shows it. They
 * are set aside: what the encoder was made to answer to is taught to nobody, whatever its label.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { scanForPatches, squareOf, stampedSource, turnsUndefended, type PatchScan } from '../evidence/patch-scan.ts';
import { coreOf, distancesFrom, nobodyShows, whoShows, type Showing } from '../evidence/shown-square.ts';
import { countFlips, type Flips } from '../evidence/trigger.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import type { Beside } from './beside.ts';
import { distinctLabels, progressOf, type PipelineContext } from './context.ts';
import { sizesOf } from './memory.ts';
import { pixelsOf } from './pattern-carriers.ts';
import { select, vector } from './steps.ts';

export interface ScanStage {
  readonly scan: PatchScan;
  /** How the scan's square flips the undefended model. */
  readonly flips: Flips;
  /** Images that the flips were counted on. */
  readonly stamped: Int32Array;
  /** Samples that show the square, ascending, copies left out; none where it is no trigger. */
  readonly showing: Int32Array;
  /** Whether they stand apart from all others, and how many more show it of classes that look like that. */
  readonly plain: boolean;
  readonly spared: number;
  readonly digest: string;
}

/** @param undefended evaluation graph @param pool the first clean pool: the samples to stamp, credible and of every class */
export async function runScan(
  context: PipelineContext,
  encoder: Encoder,
  undefended: Graph,
  pool: Int32Array,
  beside: Beside,
  input: string,
): Promise<ScanStage> {
  const { provider, samples, signal, parameters } = context;
  const params = { seed: context.seed, ...(select(context, 'scan') as object) } as Json;
  const stamped = spread(pool, 10 * parameters['scan.images']);
  const step = await context.journal.step({ name: 'scan', params, inputs: [input] }, async () => {
    context.emit({ type: 'stage', stage: 'expand', state: 'started' });
    const scan = await scanForPatches(provider, encoder, samples, spread(pool, parameters['scan.images']), {
      batch: sizesOf(context).evaluationBatch,
      signal,
      onProgress: progressOf(context, 'expand', 'patches'),
      beside: await beside.provider(),
    });
    const options = { batch: sizesOf(context).evaluationBatch, signal };
    const triggered = stampedSource(samples, squareOf(scan));
    const flips = await countFlips(provider, undefended, samples, triggered, stamped, null, options);
    const { samples: showing, ...how } = turnsUndefended(scan, flips.share)
      ? await showingOf(context, scan, flips.target)
      : nobodyShows;
    return { data: { scan, flips, ...how } as unknown as Json, tensors: { showing: vector(showing) } };
  });
  const facts = step.data as unknown as Pick<ScanStage, 'scan' | 'flips' | 'plain' | 'spared'>;
  return { ...facts, stamped, showing: step.tensors.showing.data as Int32Array, digest: step.digest };
}

/** All samples are read once, some at a time. */
async function showingOf(context: PipelineContext, scan: PatchScan, target: number): Promise<Showing> {
  const { samples, signal } = context;
  const { evaluationBatch } = sizesOf(context);
  const distances = new Float64Array(samples.count);
  for (let at = 0; at < samples.count; at += evaluationBatch) {
    // A dataset may have any number of samples: a turn for whoever cancels, or asks whether this still lives.
    await new Promise((next) => setImmediate(next));
    signal.throwIfAborted();
    const n = Math.min(evaluationBatch, samples.count - at);
    const pixels = pixelsOf(
      context,
      Int32Array.from({ length: n }, (_, i) => at + i),
    );
    distances.set(distancesFrom(pixels, n, samples.shape, coreOf(squareOf(scan))), at);
  }
  return whoShows(distances, distinctLabels(context), samples.classes.length, target);
}
