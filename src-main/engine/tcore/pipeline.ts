/**
 * T-Core from end to end: probe, sift, expand, unlearn, recover, filter, bootstrap, evidence. Every stage is a
 * journalled step: its result is read back when an earlier, interrupted run committed it.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { Stage } from '../../../src-shared/domain/run.ts';
import type { ChannelFacts, SiftingFacts } from '../../../src-shared/domain/result.ts';
import { judge } from '../evidence/verdict.ts';
import { rankSuspects } from '../evidence/suspects.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { understandEncoder } from '../encoder/understand.ts';
import { reinitialise, sanitizedModel, attachHead } from '../encoder/surgery.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import type { CommittedStep, StepResult } from '../journal.ts';
import { bootstrap, type Bootstrapped } from './bootstrap.ts';
import { progressOf, type PipelineContext, type PipelineResult } from './context.ts';
import { evaluateClassifier, type Evaluation } from './evaluate.ts';
import { confusionRanks, expandByConfusion } from './expand.ts';
import { representations } from './features.ts';
import { channelLipschitz, filterChannels } from './filter.ts';
import { featureSource, fitHead, joinHead, normaliseRows } from './probe.ts';
import { recoverFilters } from './recover.ts';
import { decidingTaps, selectSeeds, stratifiedReference, type MajorityRule } from './sift.ts';
import { scoreTaps } from './sift-features.ts';
import { createTrainer, withParameters, type Trainer } from './trainer.ts';
import type { TrainedParameter } from '../graph/training.ts';
import { unlearn, unlearnBatch } from './unlearn.ts';

/** Representations kept in memory for the probe's head; larger datasets train it on a stratified part. */
const probeLimit = 50_000;
/** Images per forward run. */
const evaluationBatch = 100;

export async function bootstrapAudit(context: PipelineContext): Promise<PipelineResult> {
  const { samples, inputDigests } = context;
  const encoder = await prepareEncoder(context);
  const probe = await runProbe(context, encoder, [inputDigests.encoder, inputDigests.dataset]);
  const sifted = await runSift(context, encoder, probe.digest);
  const expanded = await runExpand(context, encoder, sifted);
  const channels = await runChannels(context, encoder, expanded);
  const start = startModel(context, encoder, channels.trusted);
  const trainer = await start.train(context.parameters['train.batch']);
  try {
    const grown = await bootstrap({
      trainer,
      warmUpTrainer: () => start.train(context.parameters['warmup.batch']),
      context,
      pool: expanded.pool,
      peers: sifted.peers,
      input: channels.digest,
    });
    const sanitizedClassifier = trainer.classifier();
    const final = await runFinalEvaluation(context, sanitizedClassifier, grown);
    const suspects = rankSuspects({
      labels: samples.labels,
      admittedRound: grown.admittedRound,
      guard: grown.guard,
      probe: probe.evaluation,
      final: final.evaluation,
    });
    const outcome = compareOnGuard(grown.guard, samples.labels, probe.evaluation, final.evaluation);
    const verdict = judge({
      classes: samples.classes,
      labels: samples.labels,
      probe: probe.evaluation,
      final: final.evaluation,
      sifting: sifted.facts,
      uncertainClasses: sifted.uncertainClasses,
      admittedRound: grown.admittedRound,
      guard: grown.guard,
      suspects,
      outcome,
    });
    const suspectRank = new Int32Array(samples.count).fill(-1);
    suspects.forEach((sample, rank) => (suspectRank[sample] = rank));
    return {
      encoder: {
        family: encoder.family,
        input: encoder.input,
        representation: encoder.representation,
        taps: encoder.taps.map(({ id, label, channels: width }) => ({ id, label, channels: width })),
        restoredNorms: encoder.restoredNorms.length,
      },
      sifting: sifted.facts,
      channels: channels.facts,
      rounds: grown.rounds,
      columns: {
        index: Int32Array.from({ length: samples.count }, (_, i) => i),
        label: samples.labels,
        majority: sifted.majority,
        consistency: sifted.consistency,
        seed: membership(sifted.seeds, samples.count),
        pool: membership(expanded.pool, samples.count),
        admittedRound: grown.admittedRound,
        probeLoss: probe.evaluation.loss,
        finalLoss: final.evaluation.loss,
        predicted: final.evaluation.predicted,
        suspectRank,
        scatterX: sifted.plane.filter((_, i) => i % 2 === 0),
        scatterY: sifted.plane.filter((_, i) => i % 2 === 1),
      },
      outcome,
      verdict,
      sanitized: sanitizedModel({
        classifier: sanitizedClassifier,
        restoredNorms: encoder.restoredNorms,
        classes: samples.classes,
        provenance: { 'coresift.run.digest': final.digest, 'coresift.encoder.sha256': inputDigests.encoder },
      }),
      digest: final.digest,
    };
  } finally {
    await trainer.dispose();
  }
}

/** Runs a stage as a journalled step and tells who watches when it starts and ends. */
async function stage(
  context: PipelineContext,
  name: Stage,
  params: Json,
  inputs: readonly string[],
  compute: () => Promise<StepResult>,
): Promise<CommittedStep> {
  context.emit({ type: 'stage', stage: name, state: 'started' });
  const step = await context.journal.step(
    { name, params: { seed: context.seed, ...(params as object) } as Json, inputs },
    compute,
  );
  context.emit({ type: 'stage', stage: name, state: step.resumed ? 'resumed' : 'finished' });
  return step;
}

/** Parameters whose name starts with one of the prefixes. */
function select(context: PipelineContext, ...prefixes: readonly string[]): Json {
  return Object.fromEntries(
    Object.entries(context.parameters).filter(([name]) => prefixes.some((prefix) => name.startsWith(`${prefix}.`))),
  );
}

interface ProbeStage {
  readonly evaluation: Evaluation;
  readonly digest: string;
}

async function runProbe(context: PipelineContext, encoder: Encoder, inputs: readonly string[]): Promise<ProbeStage> {
  const { provider, samples, parameters, signal, seed } = context;
  const step = await stage(context, 'probe', select(context, 'probe'), inputs, async () => {
    const progress = progressOf(context, 'probe', 'samples');
    const part = stratifiedReference(samples.labels, samples.classes.length, probeLimit);
    const batch = evaluationBatch;
    const features = await representations(provider, encoder, samples, part, { batch, signal, onProgress: progress });
    const partLabels = Int32Array.from(part, (i) => samples.labels[i]);
    const { dim } = encoder.representation;
    const source = featureSource(normaliseRows(features, dim), dim, { ...samples, labels: partLabels });
    const head = await fitHead(
      provider,
      source,
      Int32Array.from(part, (_, i) => i),
      {
        hidden: parameters['probe.hidden'],
        epochs: parameters['probe.epochs'],
        batch: parameters['probe.batch'],
        learningRate: parameters['probe.learningRate'],
        seed,
        stream: 'probe',
        signal,
        onEpoch: (epoch, epochs, loss) => {
          progressOf(context, 'probe', 'epochs')(epoch, epochs);
          context.emit({ type: 'metric', stage: 'probe', name: 'training loss', at: epoch, value: loss });
        },
      },
    );
    const evaluation = await evaluateClassifier(provider, joinHead(encoder, head, true), samples, null, {
      batch,
      signal,
    });
    return { data: { accuracy: evaluation.accuracy }, tensors: evaluationTensors(evaluation) };
  });
  return { evaluation: readEvaluation(step), digest: step.digest };
}

interface SiftStage {
  readonly facts: SiftingFacts;
  readonly majority: Float32Array;
  readonly consistency: Float32Array;
  readonly score: Float32Array;
  readonly seeds: Int32Array;
  readonly pool: Int32Array;
  readonly plane: Float32Array;
  /** `[deciding taps][samples * grow.company]`. */
  readonly peers: readonly Int32Array[];
  readonly uncertainClasses: readonly number[];
  readonly digest: string;
}

async function runSift(context: PipelineContext, encoder: Encoder, input: string): Promise<SiftStage> {
  const { provider, samples, parameters } = context;
  const step = await stage(context, 'sift', select(context, 'sift', 'expand', 'grow'), [input], async () => {
    const scores = await scoreTaps(provider, encoder, samples, {
      k: parameters['sift.k'],
      company: parameters['grow.company'],
      referenceLimit: parameters['sift.reference'],
      rule: parameters['sift.majority'] as MajorityRule,
      batch: evaluationBatch,
      signal: context.signal,
      onProgress: progressOf(context, 'sift', 'samples'),
    });
    const chance = 1 / samples.classes.length;
    const { used, reasons } = decidingTaps(scores.neighbourShares, chance, {
      chanceMargin: parameters['sift.chanceMargin'],
      last: parameters['sift.lastTaps'],
    });
    const deciding = <T>(list: readonly T[]): T[] => list.filter((_, tap) => used[tap]);
    const selection = selectSeeds(
      { consistency: deciding(scores.consistency), majority: deciding(scores.majority) },
      samples.labels,
      {
        alpha: parameters['sift.alpha'],
        poolShare: parameters['expand.share'],
        minimum: parameters['sift.minimum'],
        splits: deciding(scores.splits),
        duplicates: new Set(context.duplicates),
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
      })),
      warnings: selection.warnings,
    };
    const shown = Math.max(used.lastIndexOf(true), 0);
    return {
      data: { facts, uncertainClasses: selection.uncertainClasses } as unknown as Json,
      tensors: {
        majority: vector(selection.majority),
        consistency: vector(selection.consistency),
        score: vector(selection.score),
        seeds: vector(selection.seeds),
        pool: vector(selection.pool),
        plane: { dtype: 'float32', dims: [samples.count, 2], data: scores.plane[shown] },
        ...Object.fromEntries(scores.consistency.map((row, t) => [`consistency/${encoder.taps[t].id}`, vector(row)])),
        ...Object.fromEntries(deciding(scores.peers).map((list, t) => [`peers/${t}`, vector(list)])),
      },
    };
  });
  const { facts, uncertainClasses } = step.data as unknown as Pick<SiftStage, 'facts' | 'uncertainClasses'>;
  for (const { code, message, className } of facts.warnings) {
    context.emit({ type: 'warning', code, message, subject: className });
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
    plane: floats('plane'),
    peers: facts.taps.filter((tap) => tap.used).map((_, t) => ints(`peers/${t}`)),
    digest: step.digest,
  };
}

interface ExpandStage {
  readonly pool: Int32Array;
  readonly digest: string;
}

async function runExpand(context: PipelineContext, encoder: Encoder, sifted: SiftStage): Promise<ExpandStage> {
  const { provider, samples, parameters, seed, signal } = context;
  if (parameters['expand.method'] === 'direct') return { pool: sifted.pool, digest: sifted.digest };
  const step = await stage(context, 'expand', select(context, 'expand'), [sifted.digest], async () => {
    const head = await fitPoolHead(context, encoder, sifted.seeds, 'expand/head');
    const trained = [...encoder.parameters, ...head.parameters];
    const suspicion = await confusionRanks(provider, head.classifier, trained, samples, sifted.seeds, {
      batch: parameters['train.batch'],
      rounds: 2,
      seed,
      signal,
      onStep: progressOf(context, 'expand', 'steps'),
    });
    const pool = expandByConfusion(
      sifted.seeds,
      sifted.score,
      suspicion,
      samples.labels,
      samples.classes.length,
      parameters['expand.share'],
    );
    return { data: { pool: pool.length }, tensors: { pool: vector(pool), suspicion: vector(suspicion) } };
  });
  return { pool: step.tensors.pool.data as Int32Array, digest: step.digest };
}

/** The untrusted encoder with a linear head fitted on trusted samples only: what unlearning starts from. */
async function fitPoolHead(
  context: PipelineContext,
  encoder: Encoder,
  pool: Int32Array,
  stream: string,
): Promise<{ classifier: Graph; parameters: string[] }> {
  const { provider, samples, signal, seed } = context;
  const features = await representations(provider, encoder, samples, pool, { batch: evaluationBatch, signal });
  const labels = Int32Array.from(pool, (i) => samples.labels[i]);
  const source = featureSource(features, encoder.representation.dim, { ...samples, labels });
  const head = await fitHead(
    provider,
    source,
    Int32Array.from(pool, (_, i) => i),
    {
      hidden: context.parameters['probe.hidden'],
      epochs: 100,
      batch: 64,
      learningRate: 1e-3,
      seed,
      stream,
      signal,
      onEpoch: () => {},
    },
  );
  const names = [...head.initializers.keys()].filter((name) => name.startsWith('head.'));
  return { classifier: joinHead(encoder, head, false), parameters: names };
}

interface ChannelStage {
  readonly facts: ChannelFacts;
  readonly trusted: readonly Uint8Array[];
  readonly digest: string;
}

async function runChannels(context: PipelineContext, encoder: Encoder, expanded: ExpandStage): Promise<ChannelStage> {
  const { provider, samples, parameters, seed, signal } = context;
  const { pool } = expanded;
  const forgotten = await stage(
    context,
    'unlearn',
    select(context, 'unlearn', 'probe'),
    [expanded.digest],
    async () => {
      const { classifier } = await fitPoolHead(context, encoder, pool, 'unlearn/head');
      const result = await unlearn(provider, classifier, encoder.parameters, samples, pool, {
        parameters,
        seed,
        signal,
        onEpoch: (epoch, epochs, loss) => {
          progressOf(context, 'unlearn', 'epochs')(epoch, epochs);
          context.emit({ type: 'metric', stage: 'unlearn', name: 'loss on the pool', at: epoch, value: loss });
        },
      });
      return {
        data: { accuracy: result.accuracy, epochs: result.epochs, stopped: result.stopped },
        tensors: parametersOf(result.classifier, classifier),
      };
    },
  );
  const recovered = await stage(context, 'recover', select(context, 'recover'), [forgotten.digest], async () => {
    const shape = headShape(forgotten.tensors);
    const start = attachHead(encoder, samples.classes.length, shape, seed, 'unlearn/head');
    const unlearned = withParameters(start.graph, forgotten.tensors);
    const result = await recoverFilters(provider, unlearned, encoder, samples, pool, {
      parameters,
      batch: Math.max(32, unlearnBatch(pool.length)),
      seed,
      signal,
      onEpoch: (epoch, epochs, loss) => {
        progressOf(context, 'recover', 'epochs')(epoch, epochs);
        context.emit({ type: 'metric', stage: 'recover', name: 'loss on the pool', at: epoch, value: loss });
      },
    });
    return {
      data: { accuracy: result.accuracy },
      tensors: Object.fromEntries(encoder.layers.map((layer, l) => [layer.id, vector(result.masks[l])])),
    };
  });
  const filtered = await stage(context, 'filter', select(context, 'filter'), [recovered.digest], () => {
    const masks = encoder.layers.map((layer) => recovered.tensors[layer.id].data as Float32Array);
    const lipschitz = encoder.layers.map((layer) => channelLipschitz(layer, encoder.graph.initializers));
    const trusted = filterChannels(encoder, masks, lipschitz, {
      keep: parameters['filter.keep'],
      scope: parameters['filter.scope'] as 'layer' | 'global',
      ranking: parameters['filter.ranking'] as 'masks' | 'random',
      seed,
    });
    return Promise.resolve({
      data: {},
      tensors: Object.fromEntries(encoder.layers.map((layer, l) => [layer.id, vector(trusted[l])])),
    });
  });
  const trusted = encoder.layers.map((layer) => filtered.tensors[layer.id].data as Uint8Array);
  const masks = encoder.layers.map((layer) => recovered.tensors[layer.id].data as Float32Array);
  const all = masks.flatMap((mask) => [...mask]);
  return {
    trusted,
    digest: filtered.digest,
    facts: {
      layers: encoder.layers.map((layer, l) => ({
        id: layer.id,
        label: layer.label,
        channels: layer.channels,
        kept: count(trusted[l], (value) => value === 1),
        mask: [...masks[l]],
        trusted: Array.from(trusted[l], (value) => value === 1),
      })),
      saturatedAtOne: count(all, (value) => value >= 0.99) / all.length,
      unlearnedAccuracy: (forgotten.data as { accuracy: number }).accuracy,
      recoveredAccuracy: (recovered.data as { accuracy: number }).accuracy,
    },
  };
}

/** The model at the start of bootstrapping, chi as it came, psi and head fresh, and how to train psi and head only. */
function startModel(
  context: PipelineContext,
  encoder: Encoder,
  trusted: readonly Uint8Array[],
): { train: (batch: number) => Promise<Trainer> } {
  const { provider, samples, parameters, seed } = context;
  const hidden = parameters['head.hidden'];
  const head = attachHead(
    encoder,
    samples.classes.length,
    hidden > 0 ? { kind: 'mlp', hidden: [hidden] } : { kind: 'linear' },
    seed,
    'bootstrap/head',
  );
  const start =
    parameters['filter.start'] === 'kept'
      ? head.graph
      : withParameters(head.graph, Object.fromEntries(reinitialise(encoder, encoder.layers, trusted, seed)));
  const trained = [...untrustedParts(encoder, trusted), ...head.parameters.map((name) => ({ name }))];
  return {
    train: (batch) =>
      createTrainer(provider, {
        classifier: start,
        classes: samples.classes.length,
        batch,
        parameters: trained,
        optimiser:
          parameters['train.optimiser'] === 'adam'
            ? { kind: 'adam', decay: parameters['train.decay'] }
            : { kind: 'sgd', momentum: 0.9, decay: parameters['train.decay'] },
        statistics: 'batch-and-running',
      }),
  };
}

/**
 * What may be trained of each encoder parameter: the slices of untrusted channels; all of a parameter that belongs to
 * no channel (layer normalisation, output biases); nothing of one whose channels are all trusted.
 */
export function untrustedParts(encoder: Encoder, trusted: readonly Uint8Array[]): TrainedParameter[] {
  const slices = new Map<string, { axis: number; open: number[] }>();
  encoder.layers.forEach((layer, l) => {
    for (const { param, axis, index, perChannel } of layer.rows) {
      const entry = slices.get(param) ?? { axis, open: [] };
      if (entry.axis !== axis) throw new Error(`parameter "${param}" is cut along two axes`);
      index.forEach((slice, at) => {
        if (trusted[l][Math.floor(at / perChannel)] === 0) entry.open.push(slice);
      });
      slices.set(param, entry);
    }
  });
  return encoder.parameters.flatMap((name): TrainedParameter[] => {
    const entry = slices.get(name);
    if (entry === undefined) return [{ name }];
    if (entry.open.length === 0) return [];
    const trainable = Int32Array.from(new Set(entry.open)).sort();
    if (trainable.length === encoder.graph.initializers.get(name)?.dims[entry.axis]) return [{ name }];
    return [{ name, rows: { axis: entry.axis, trainable } }];
  });
}

async function runFinalEvaluation(
  context: PipelineContext,
  classifier: Graph,
  grown: Bootstrapped,
): Promise<{ evaluation: Evaluation; digest: string }> {
  const step = await stage(context, 'evidence', {}, [grown.digest], async () => {
    const evaluation = await evaluateClassifier(context.provider, classifier, context.samples, null, {
      batch: evaluationBatch,
      signal: context.signal,
      onProgress: progressOf(context, 'evidence', 'samples'),
    });
    return { data: { accuracy: evaluation.accuracy }, tensors: evaluationTensors(evaluation) };
  });
  return { evaluation: readEvaluation(step), digest: step.digest };
}

/** Accuracy of both models on the guard: labels that were sifted as clean and never trained on by the sanitized model. */
function compareOnGuard(
  guard: Int32Array,
  labels: Int32Array,
  probe: Evaluation,
  final: Evaluation,
): PipelineResult['outcome'] {
  const accuracy = (evaluation: Evaluation): number | null =>
    guard.length === 0 ? null : count(guard, (i) => evaluation.predicted[i] === labels[i]) / guard.length;
  return { guardSamples: guard.length, probeAccuracy: accuracy(probe), sanitizedAccuracy: accuracy(final) };
}

function evaluationTensors(evaluation: Evaluation): Record<string, Tensor> {
  return {
    loss: vector(evaluation.loss),
    predicted: vector(evaluation.predicted),
    confidence: vector(evaluation.confidence),
  };
}

function readEvaluation(step: CommittedStep): Evaluation {
  return {
    loss: step.tensors.loss.data as Float32Array,
    predicted: step.tensors.predicted.data as Int32Array,
    confidence: step.tensors.confidence.data as Float32Array,
    accuracy: (step.data as { accuracy: number }).accuracy,
  };
}

/** Parameters of `graph` that exist in `like` too and differ from it: what training changed. */
function parametersOf(graph: Graph, like: Graph): Record<string, Tensor> {
  const changed: Record<string, Tensor> = {};
  for (const [name, tensor] of graph.initializers) {
    const before = like.initializers.get(name);
    if (before !== undefined && before.data !== tensor.data) changed[name] = tensor;
  }
  return changed;
}

function vector(data: Float32Array | Int32Array | Uint8Array): Tensor {
  const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'uint8';
  return { dtype, dims: [data.length], data };
}

function membership(indices: Int32Array, n: number): Uint8Array {
  const flags = new Uint8Array(n);
  for (const i of indices) flags[i] = 1;
  return flags;
}

function count<T>(values: Iterable<T>, test: (value: T) => boolean): number {
  let total = 0;
  for (const value of values) if (test(value)) total++;
  return total;
}
