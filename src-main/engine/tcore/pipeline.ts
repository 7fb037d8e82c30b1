/**
 * The audit from end to end: probe, sift and expand; then a clean model, in paper mode by unlearning, recovering,
 * filtering and bootstrapping (T-Core), in distilled mode by a student made anew; then evidence and verdict. Every stage
 * is a journalled step: its result is read back when an earlier, interrupted run committed it.
 */
import {
  worksAsTrigger,
  type ChannelFacts,
  type ClassWarning,
  type LearntPattern,
} from '../../../src-shared/domain/result.ts';
import type { PoolRound } from '../../../src-shared/domain/run.ts';
import type { AuditVerdict } from '../../../src-shared/domain/verdict.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import { squareTrigger, type PatchScan } from '../evidence/patch-scan.ts';
import { judge } from '../evidence/verdict.ts';
import { learntClaim } from '../evidence/learnt.ts';
import type { Provider } from '../providers/provider.ts';
import { rankSuspects } from '../evidence/suspects.ts';
import { sanitizedModel } from '../encoder/surgery.ts';
import { neighbourRefusal } from './admission.ts';
import { besideOf, type Beside } from './beside.ts';
import { bootstrap } from './bootstrap.ts';
import type { PipelineContext, PipelineResult, Recovered } from './context.ts';
import { purified, rejectedClasses, runCrossFit, type CrossFit } from './cross-fit.ts';
import { distil } from './distil.ts';
import type { Evaluation } from './evaluate.ts';
import { fitMemory } from './memory.ts';
import { prepareEncoder } from './prepare.ts';
import { runChannels, unusedChannels } from './stage-channels.ts';
import { runEvidence, scanEncoder, type EvidenceStage } from './stage-evidence.ts';
import { runInversion } from './stage-inversion.ts';
import { runOpinions } from './stage-opinions.ts';
import { runProbe } from './stage-probe.ts';
import { runExpand, runSift, type ExpandStage, type SiftStage } from './stage-sift.ts';
import { runTriggers, type TriggerStage } from './stage-triggers.ts';
import { startModel } from './start-model.ts';
import { count, membership } from './steps.ts';

export async function bootstrapAudit(asked: PipelineContext): Promise<PipelineResult> {
  const encoder = await prepareEncoder(asked);
  const context = fitted(asked, encoder);
  const beside = besideOf(context);
  try {
    return await auditEncoder(context, encoder, beside);
  } finally {
    await beside.dispose();
  }
}

async function auditEncoder(context: PipelineContext, encoder: Encoder, beside: Beside): Promise<PipelineResult> {
  const { samples, inputDigests } = context;
  const probe = await runProbe(context, encoder, [inputDigests.encoder, inputDigests.dataset]);
  const sifted = await runSift(context, encoder, probe.digest);
  const expanded = await runExpand(context, encoder, sifted);
  const first = context.forcedLeak === undefined ? expanded.pool : union(expanded.pool, context.forcedLeak);
  const { crossFit, pool, grown, scanning } = await checkAndGrow(context, encoder, beside, sifted, {
    pool: first,
    digest: expanded.digest,
  });
  const models = { undefended: probe.classifier, sanitized: grown.classifier };
  context.emit({ type: 'stage', stage: 'evidence', state: 'started' });
  const final = await runEvidence(context, encoder, models, pool, [grown.digest, crossFit.digest], scanning);
  const refusals = {
    labels: samples.labels,
    probe: probe.evaluation,
    final: final.evaluation,
    company: neighbourRefusal(sifted.peers, context.parameters['grow.company'], final.evaluation.loss),
  };
  const suspects = rankSuspects(refusals);
  const credible = credibleSamples(grown.admittedRound, sifted.guard, suspects);
  const wide = encoder.representation.dim;
  const { classifier, admittedRound } = grown;
  const inversion = await runInversion(context, encoder, classifier, final.evaluation, admittedRound, final.digest);
  const found = await runTriggers(context, models, suspects, credible, wide, inversion.digest);
  const state = final.resumed && inversion.resumed && found.resumed ? 'resumed' : 'finished';
  context.emit({ type: 'stage', stage: 'evidence', state });
  const alarms = [...crossFitWarnings(crossFit, samples.classes), ...learntWarnings(inversion.learnt, samples.classes)];
  for (const { code, message, className } of alarms) {
    context.emit({ type: 'warning', code, message, subject: className });
  }
  const sifting = { ...sifted.facts, warnings: [...sifted.facts.warnings, ...alarms] };
  const outcome = compareOnGuard(sifted.guard, samples.labels, probe.evaluation, final.evaluation);
  const verdict = judge({
    ...refusals,
    classes: samples.classes,
    sifting,
    uncertainClasses: sifted.uncertainClasses,
    suspects,
    outcome,
    scan: final.scan,
    flips: final.flips,
    estimate: found.evidence.estimate,
    learnt: inversion.learnt,
  });
  const opinions = await runOpinions(context, encoder, {
    undefended: probe.classifier,
    probe: probe.evaluation,
    suspects,
    credible,
    channels: grown.channels,
    input: found.digest,
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
    sifting,
    channels: grown.channels,
    rounds: grown.rounds,
    triggers: found.evidence,
    opinions,
    columns: {
      index: Int32Array.from({ length: samples.count }, (_, i) => i),
      label: samples.labels,
      majority: sifted.majority,
      consistency: sifted.consistency,
      seed: membership(sifted.seeds, samples.count),
      pool: membership(pool, samples.count),
      admittedRound: grown.admittedRound,
      probeLoss: probe.evaluation.loss,
      finalLoss: final.evaluation.loss,
      predicted: final.evaluation.predicted,
      suspectRank,
      discrepancy: final.discrepancy,
      scatterX: sifted.plane.filter((_, i) => i % 2 === 0),
      scatterY: sifted.plane.filter((_, i) => i % 2 === 1),
    },
    outcome,
    verdict,
    recovered: recoveredTriggers(samples.shape, verdict, final, found),
    undefended: probe.classifier,
    sanitized: sanitizedModel({
      classifier: grown.classifier,
      restoredNorms: encoder.restoredNorms,
      classes: samples.classes,
      provenance: {
        'coresift.run.digest': found.digest,
        'coresift.encoder.sha256': inputDigests.encoder,
        'coresift.mode': context.mode,
      },
    }),
    digest: found.digest,
  };
}

/** The square of the scan and the estimate from the suspects, where there is one. */
function recoveredTriggers(
  shape: readonly [number, number, number],
  { encoder }: AuditVerdict,
  { scan, flips }: EvidenceStage,
  { evidence, trigger }: TriggerStage,
): Recovered[] {
  const square: Recovered = {
    by: 'scan',
    trigger: squareTrigger(scan.patch, shape),
    announced: encoder.verdict === 'suspicious',
    flippedUndefended: flips.undefended.share,
    flippedSanitized: flips.sanitized.share,
    flippedControl: null,
    n: flips.undefended.n,
  };
  const { estimate } = evidence;
  if (trigger === null || estimate === null) return [square];
  const { flippedUndefended, flippedSanitized, flippedControl = null, n } = estimate;
  const announced = worksAsTrigger(estimate);
  return [square, { by: 'suspects', trigger, announced, flippedUndefended, flippedSanitized, flippedControl, n }];
}

/** The run fitted to its bound on memory, and a word on what that changed. */
function fitted(context: PipelineContext, encoder: Encoder): PipelineContext {
  const { parameters, sizes, changes } = fitMemory(encoder, context.samples.count, context.parameters);
  if (changes.length > 0) {
    const limit = Math.floor(parameters['memory.limit'] / 1e6);
    const message = `To stay below ${limit} MB the run works on less at once: ${changes.join(', ')}.`;
    context.emit({ type: 'warning', code: 'memory-fitted', message, subject: null });
  }
  return { ...context, parameters, sizes };
}

function union(a: Int32Array, b: Int32Array): Int32Array {
  return Int32Array.from(new Set([...a, ...b])).sort();
}

function crossFitWarnings(found: CrossFit, classes: readonly string[]): ClassWarning[] {
  return rejectedClasses(found).map((classIndex) => ({
    classIndex,
    className: classes[classIndex],
    code: 'cross-fit',
    message: `Of the first pool of class "${classes[classIndex]}", a model of one half accepts only ${Math.round(100 * found.accepted[classIndex])} % of the other and contradicts ${Math.round(100 * found.against[classIndex])} % firmly: what was sifted is not of one kind.`,
  }));
}

function learntWarnings(learnt: readonly LearntPattern[], classes: readonly string[]): ClassWarning[] {
  return learnt.map((one) => ({
    classIndex: one.classIndex,
    className: classes[one.classIndex],
    code: 'learnt-pattern',
    message: learntClaim(one, classes),
  }));
}

/** What the sanitized model learnt from, and the guard, without suspects; ascending. */
function credibleSamples(admittedRound: Int32Array, guard: Int32Array, suspects: Int32Array): Int32Array {
  const refused = new Set(suspects);
  const chosen = new Set([...admittedRound.keys()].filter((i) => admittedRound[i] >= 0));
  for (const i of guard) chosen.add(i);
  return Int32Array.from([...chosen].filter((i) => !refused.has(i))).sort();
}

/** A clean model, by either mode. */
interface Grown {
  /** Evaluation graph: input `pixels`, output `logits`. */
  readonly classifier: Graph;
  readonly channels: ChannelFacts;
  readonly rounds: readonly PoolRound[];
  readonly admittedRound: Int32Array;
  readonly digest: string;
}

interface Checked {
  readonly crossFit: CrossFit;
  readonly pool: Int32Array;
  readonly grown: Grown;
  /** The scan of the encoder, begun beside; null where it is still to be done. */
  readonly scanning: Promise<PatchScan> | null;
}

/**
 * The first pool checked, and the clean model grown from it. Distilled mode grows from what the check leaves of the pool;
 * in paper mode nothing but the verdict waits for the check, so it goes on beside.
 */
async function checkAndGrow(
  context: PipelineContext,
  encoder: Encoder,
  beside: Beside,
  sifted: SiftStage,
  first: ExpandStage,
): Promise<Checked> {
  const { samples } = context;
  const side = await beside.provider();
  const check = { pool: first.pool, input: first.digest, beside: side };
  const scan = (where: Provider, pool: Int32Array): Promise<PatchScan> =>
    scanEncoder(context, where, encoder, pool, () => {});
  switch (context.mode) {
    case 'paper': {
      const { pool } = first;
      const growing = growFromChannels(context, encoder, sifted, first);
      if (side === null) {
        const grown = await growing;
        return { crossFit: await runCrossFit(context, encoder, check), pool, grown, scanning: null };
      }
      const until = unheard(growing.then(() => {}));
      const looked = Promise.withResolvers<null>();
      const checking = unheard(
        runCrossFit(context, encoder, { ...check, until, onLooked: () => looked.resolve(null) }),
      );
      // One after the other, and then nothing: what the thread holds in memory comes on top of what the run holds.
      const free = Promise.race([looked.promise, checking]);
      const scanning = unheard(free.then(() => scan(side, pool)));
      void unheard(scanning.then(() => beside.dispose()));
      const grown = await growing;
      return { crossFit: await checking, pool, grown, scanning };
    }
    case 'distilled': {
      const crossFit = await runCrossFit(context, encoder, check);
      const { pool } = purified(first.pool, crossFit.contradicted, samples.labels, samples.classes.length);
      const scanning = side === null ? null : unheard(scan(side, pool));
      const { guard, peers } = sifted;
      const grown = await distil({ context, encoder, pool, guard, peers, input: crossFit.digest, beside: side });
      if (scanning !== null) void unheard(scanning.then(() => beside.dispose()));
      return { crossFit, pool, grown: { ...grown, channels: unusedChannels(encoder) }, scanning };
    }
  }
}

/** What is under way beside fails unheard where the run itself fails first: that is the news then. */
function unheard<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return work;
}

/** Paper mode: trusted channels are kept, the rest and the head are trained on the growing pool. */
async function growFromChannels(
  context: PipelineContext,
  encoder: Encoder,
  sifted: SiftStage,
  expanded: ExpandStage,
): Promise<Grown> {
  const channels = await runChannels(context, encoder, expanded);
  const start = startModel(context, encoder, channels.trusted);
  const trainer = await start.train(context.parameters['train.batch']);
  try {
    const { rounds, admittedRound, digest } = await bootstrap({
      trainer,
      warmUpTrainer: () => start.train(context.parameters['warmup.batch']),
      context,
      pool: expanded.pool,
      guard: sifted.guard,
      peers: sifted.peers,
      input: channels.digest,
    });
    return { classifier: trainer.classifier(), channels: channels.facts, rounds, admittedRound, digest };
  } finally {
    await trainer.dispose();
  }
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
