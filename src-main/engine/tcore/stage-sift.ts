/** The sifting and expansion stages: see `sift.ts`, `sift-features.ts`, `expand.ts`. */
import type { Json } from '../../../src-shared/json.ts';
import type { SiftingFacts } from '../../../src-shared/domain/result.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { mean } from '../math/statistics.ts';
import { copiesOf, progressOf, sampleOrder, teachableLabels, type PipelineContext } from './context.ts';
import { confusionRanks, expandByConfusion } from './expand.ts';
import { decidingTaps, selectSeeds, type ConsistencyRule, type MajorityRule } from './sift.ts';
import { scoreTaps } from './sift-features.ts';
import { fitPoolHead } from './stage-probe.ts';
import { sizesOf } from './memory.ts';
import { count, select, stage, vector } from './steps.ts';

export interface SiftStage {
  readonly facts: SiftingFacts;
  readonly majority: Float32Array;
  readonly consistency: Float32Array;
  readonly score: Float32Array;
  readonly seeds: Int32Array;
  readonly pool: Int32Array;
  /** Next best after the pool, never trained on. */
  readonly guard: Int32Array;
  readonly plane: Float32Array;
  /** `[late taps][samples * grow.company]`. */
  readonly peers: readonly Int32Array[];
  readonly uncertainClasses: readonly number[];
  readonly digest: string;
}

/** @param apart samples that are set aside: never picked, and not counted as their class's */
export async function runSift(
  context: PipelineContext,
  encoder: Encoder,
  input: string,
  apart: Int32Array = new Int32Array(0),
): Promise<SiftStage> {
  const { provider, samples, parameters } = context;
  const params = { ...(select(context, 'sift', 'expand', 'grow', 'guard') as object), rule: 3 };
  const step = await stage(context, 'sift', params, [input], async () => {
    const order = sampleOrder(context);
    const scores = await scoreTaps(provider, encoder, samples, {
      k: parameters['sift.k'],
      company: parameters['grow.company'],
      referenceLimit: parameters['sift.reference'],
      originals: context.originals ?? null,
      order,
      batch: sizesOf(context).evaluationBatch,
      signal: context.signal,
      onProgress: progressOf(context, 'sift', 'samples'),
    });
    const chance = 1 / samples.classes.length;
    const { used, late, reasons } = decidingTaps(scores.neighbourShares, chance, {
      chanceMargin: parameters['sift.chanceMargin'],
      last: parameters['sift.lastTaps'],
    });
    const deciding = <T>(list: readonly T[]): T[] => list.filter((_, tap) => used[tap]);
    const last = <T>(list: readonly T[]): T[] => list.filter((_, tap) => late[tap]);
    const selection = selectSeeds(
      {
        consistency: deciding(scores.consistency),
        majority: deciding(scores.majority),
        central: deciding(scores.central),
        late: deciding(late),
      },
      samples.labels,
      {
        alpha: parameters['sift.alpha'],
        poolShare: parameters['expand.share'],
        guardShare: parameters['guard.share'],
        minimum: parameters['sift.minimum'],
        majority: parameters['sift.majority'] as MajorityRule,
        consistency: parameters['sift.consistency'] as ConsistencyRule,
        splits: last(scores.splits),
        duplicates: new Set([...copiesOf(context), ...apart]),
        conflicts: new Set(context.conflicts),
        order,
        classNames: samples.classes,
      },
    );
    const facts: SiftingFacts = {
      taps: encoder.taps.map((tap, t) => ({
        id: tap.id,
        label: tap.label,
        neighbourShare: scores.neighbourShares[t],
        chance,
        used: used[t],
        reason: reasons[t],
      })),
      k: scores.k,
      rule: parameters['sift.majority'],
      seeds: selection.seeds.length,
      pool: selection.pool.length,
      perClass: samples.classes.map((className, c) => ({
        className,
        samples: count(samples.labels, (label) => label === c),
        seeds: count(selection.seeds, (i) => samples.labels[i] === c),
        pool: count(selection.pool, (i) => samples.labels[i] === c),
        majorityShare: used.includes(true) ? mean(last(scores.splits).map((tap) => tap[c].share)) : 1,
        separation: used.includes(true) ? mean(last(scores.splits).map((tap) => tap[c].separation)) : 0,
      })),
      warnings: selection.warnings,
    };
    const shown = Math.max(used.lastIndexOf(true), 0);
    return {
      data: {
        facts,
        uncertainClasses: selection.uncertainClasses,
        peers: last(encoder.taps.map(({ id }) => id)),
      } as unknown as Json,
      tensors: {
        majority: vector(selection.majority),
        consistency: vector(selection.consistency),
        score: vector(selection.score),
        seeds: vector(selection.seeds),
        pool: vector(selection.pool),
        guard: vector(selection.guard),
        plane: { dtype: 'float32', dims: [samples.count, 2], data: scores.plane[shown] },
        ...Object.fromEntries(
          scores.plane.map((data, t) => [
            `plane/${encoder.taps[t].id}`,
            { dtype: 'float32' as const, dims: [samples.count, 2], data },
          ]),
        ),
        ...Object.fromEntries(scores.consistency.map((row, t) => [`consistency/${encoder.taps[t].id}`, vector(row)])),
        ...Object.fromEntries(last(scores.peers.map((list, t) => [`peers/${encoder.taps[t].id}`, vector(list)]))),
      },
    };
  });
  const data = step.data as unknown as Pick<SiftStage, 'facts' | 'uncertainClasses'> & {
    readonly peers: readonly string[];
  };
  const { facts, uncertainClasses } = data;
  if (facts.taps.every((tap) => !tap.used)) {
    const message = 'No tap of the encoder tells the classes apart: seeds and pool are no better than a random pick.';
    context.emit({ type: 'warning', code: 'no-deciding-tap', message, subject: null, values: {} });
  }
  for (const { code, message, className, values } of facts.warnings) {
    context.emit({ type: 'warning', code, message, subject: className, values });
  }
  const floats = (name: string): Float32Array => step.tensors[name].data as Float32Array;
  const ints = (name: string): Int32Array => step.tensors[name].data as Int32Array;
  return {
    facts,
    uncertainClasses,
    majority: floats('majority'),
    consistency: floats('consistency'),
    score: floats('score'),
    seeds: ints('seeds'),
    pool: ints('pool'),
    guard: ints('guard'),
    plane: floats('plane'),
    peers: data.peers.map((tap) => ints(`peers/${tap}`)),
    digest: step.digest,
  };
}

export interface ExpandStage {
  readonly pool: Int32Array;
  readonly digest: string;
}

/** @param apart samples that are set aside: never members of the pool */
export async function runExpand(
  context: PipelineContext,
  encoder: Encoder,
  sifted: SiftStage,
  apart: Int32Array = new Int32Array(0),
): Promise<ExpandStage> {
  const { provider, samples, parameters, seed, signal } = context;
  if (parameters['expand.method'] === 'direct') return { pool: sifted.pool, digest: sifted.digest };
  const step = await stage(context, 'expand', select(context, 'expand'), [sifted.digest], async () => {
    const head = await fitPoolHead(context, encoder, sifted.seeds, 'expand/head');
    const trained = [...encoder.parameters, ...head.parameters];
    const suspicion = await confusionRanks(provider, head.classifier, trained, samples, sifted.seeds, {
      labels: teachableLabels(context, apart),
      order: sampleOrder(context),
      batch: parameters['train.batch'],
      rounds: 2,
      seed,
      signal,
      onStep: progressOf(context, 'expand', 'steps'),
    });
    const held = new Set(sifted.guard);
    const pool = expandByConfusion(
      sifted.seeds,
      sifted.score.map((value, i) => (held.has(i) ? 0 : value)),
      suspicion,
      { labels: teachableLabels(context, apart), classes: samples.classes.length, order: sampleOrder(context) },
      parameters['expand.share'],
    );
    return { data: { pool: pool.length }, tensors: { pool: vector(pool), suspicion: vector(suspicion) } };
  });
  return { pool: step.tensors.pool.data as Int32Array, digest: step.digest };
}
