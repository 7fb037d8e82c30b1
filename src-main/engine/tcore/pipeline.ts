/**
 * The audit from end to end: probe, sift, expand and scan (`outset.ts`); then a clean model, in paper mode by unlearning, recovering,
 * filtering and bootstrapping (T-Core), in distilled mode by a student made anew; then evidence, a second growth where
 * the model learnt a pattern that it should not know, and the verdict. Every stage is a journalled step: its result is
 * read back when an earlier, interrupted run committed it.
 */
import { worksAsTrigger, type ClassWarning, type LearntPattern } from '../../../src-shared/domain/result.ts';
import type { AuditVerdict } from '../../../src-shared/domain/verdict.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { isSquareTrigger } from '../evidence/encoder-verdict.ts';
import { squareOf, squareTrigger } from '../evidence/patch-scan.ts';
import { judge } from '../evidence/verdict.ts';
import { learntClaim, learntNumbers } from '../evidence/learnt.ts';
import type { RefusalEvidence } from '../evidence/refused.ts';
import type { Flips } from '../evidence/trigger.ts';
import { clustersOf, rankSuspects, refusedGroups, suspectGroups, withCarriers } from '../evidence/suspects.ts';
import { sanitizedModel } from '../encoder/surgery.ts';
import { neighbourRefusal } from './admission.ts';
import { besideOf, type Beside } from './beside.ts';
import {
  anotherTime,
  copiesOf,
  withCopies,
  type PipelineContext,
  type PipelineResult,
  type Recovered,
} from './context.ts';
import { rejectedClasses, type CrossFit } from './cross-fit.ts';
import type { Evaluation } from './evaluate.ts';
import { checkAndGrow, growAgain, type Grown } from './grow.ts';
import { fitMemory } from './memory.ts';
import { outsetOf, type Outset } from './outset.ts';
import { prepareEncoder } from './prepare.ts';
import { secondStart } from './second-start.ts';
import { runCollapse, type CollapseStage } from './stage-collapse.ts';
import { runEvidence, type EvidenceStage } from './stage-evidence.ts';
import { lookAgain, runInversion, type LearntGroup } from './stage-inversion.ts';
import { runKinds } from './stage-kinds.ts';
import { runOpinions } from './stage-opinions.ts';
import type { ScanStage } from './stage-scan.ts';
import { runTriggers, type TriggerStage } from './stage-triggers.ts';
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
  const { probe, sifted, first: expanded, scanned, apart: aside } = await outsetOf(context, encoder, beside);
  const leaked = new Set(context.forcedLeak);
  const apart = aside.filter((i) => !leaked.has(i));
  const first = context.forcedLeak === undefined ? expanded.pool : union(expanded.pool, context.forcedLeak);
  const before = { probe, scanned, apart, peers: sifted.peers };
  const start = { guard: sifted.guard, peers: sifted.peers, apart };
  const checked = await checkAndGrow(context, encoder, beside, start, { pool: first, digest: expanded.digest });
  const { crossFit } = checked;
  const inputs = [checked.grown.digest, crossFit.digest];
  const looked = await lookAt(context, encoder, before, { ...checked, guard: sifted.guard, inputs });
  const { pool, guard, grown, final, refusals, learnt, undecided, carriers, ever, growths, digest, resumed } =
    await withoutLearnt(context, encoder, before, looked);
  const models = { undefended: probe.classifier, sanitized: grown.classifier };
  const refused = rankSuspects(refusals, samples.classes.length);
  const { loss } = final.evaluation;
  const { showing } = scanned;
  const target = scanned.flips.target;
  const marked = withCarriers(
    refused,
    withCopies(
      context,
      showing.filter((i) => samples.labels[i] === target),
    ),
    loss,
  );
  const listed = withCarriers(marked, withCopies(context, carriers), loss);
  const unlisted = credibleSamples(grown.admittedRound, guard, listed);
  // Who shows the encoder's trigger is not asked what they share: that is known, and would hide what others do.
  const asked = withCarriers(refused, withCopies(context, carriers), loss);
  const groups = [...suspectGroups(refusals, asked), ...refusedGroups(refusals, samples.classes.length)];
  const { kinds, digest: told } = await runKinds(context, refusals, unlisted, digest);
  const found = await runTriggers(context, models, groups, unlisted, encoder.representation.dim, told);
  const suspects = withCarriers(listed, withCopies(context, found.showing), loss);
  const credible = credibleSamples(grown.admittedRound, guard, suspects);
  const recovered = found.evidence.estimate !== null && worksAsTrigger(found.evidence.estimate) ? found.trigger : null;
  const settled = isSquareTrigger({ scan: scanned.scan, flips: { undefended: scanned.flips, sanitized: final.flips } });
  const drawn = await runCollapse(context, encoder, models, credible, recovered, settled, found.digest);
  const state = resumed && found.resumed && drawn.resumed ? 'resumed' : 'finished';
  context.emit({ type: 'stage', stage: 'evidence', state });
  const alarms = [...crossFitWarnings(crossFit, samples.classes), ...learntWarnings(learnt, samples.classes)];
  for (const { code, message, className, values } of alarms) {
    context.emit({ type: 'warning', code, message, subject: className, values });
  }
  const sifting = { ...sifted.facts, warnings: [...sifted.facts.warnings, ...alarms] };
  const outcome = compareOnGuard(guard, samples.labels, probe.evaluation, final.evaluation);
  const verdict = judge({
    ...refusals,
    classes: samples.classes,
    sifting,
    uncertainClasses: sifted.uncertainClasses,
    suspects,
    marked: marked.length - refused.length,
    carrying: listed.length - marked.length,
    showing: suspects.length - listed.length,
    outcome,
    scan: scanned.scan,
    flips: { undefended: scanned.flips, sanitized: final.flips },
    shown: {
      samples: showing.length,
      ofTarget: count(showing, (i) => samples.labels[i] === target),
      apart: samples.classes.map((_, c) => count(apart, (i) => samples.labels[i] === c)),
      plain: scanned.plain,
    },
    overlay: drawn.overlay.met,
    texture: drawn.texture.met,
    own: drawn.own,
    estimate: found.evidence.estimate,
    kinds,
    learnt,
    undecided,
  });
  const opinions = await runOpinions(context, encoder, {
    undefended: probe.classifier,
    probe: probe.evaluation,
    suspects,
    credible,
    channels: grown.channels,
    input: drawn.digest,
  });
  const inPool = membership(pool, samples.count);
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
    triggers: { ...found.evidence, overlay: drawn.overlay.shown, texture: drawn.texture.shown },
    opinions,
    columns: {
      index: Int32Array.from({ length: samples.count }, (_, i) => i),
      label: samples.labels,
      majority: sifted.majority,
      consistency: sifted.consistency,
      // Who left the first pool again is no seed of the model.
      seed: membership(sifted.seeds, samples.count).map((flag, i) => flag & inPool[i]),
      pool: inPool,
      admittedRound: grown.admittedRound,
      probeLoss: probe.evaluation.loss,
      finalLoss: final.evaluation.loss,
      predicted: final.evaluation.predicted,
      suspectRank,
      discrepancy: final.discrepancy,
      scatterX: sifted.plane.filter((_, i) => i % 2 === 0),
      scatterY: sifted.plane.filter((_, i) => i % 2 === 1),
    },
    picked: { seeds: sifted.seeds, pool: first, ever },
    growths,
    outcome,
    verdict,
    recovered: recoveredTriggers(samples.shape, verdict, scanned, final.flips, found, drawn),
    undefended: probe.classifier,
    sanitized: sanitizedModel({
      classifier: grown.classifier,
      restoredNorms: encoder.restoredNorms,
      classes: samples.classes,
      provenance: {
        'coresift.run.digest': drawn.digest,
        'coresift.encoder.sha256': inputDigests.encoder,
        'coresift.mode': context.mode,
      },
    }),
    digest: drawn.digest,
  };
}

/** What is known before anything is grown. */
interface Before extends Pick<Outset, 'probe' | 'scanned' | 'apart'> {
  readonly peers: readonly Int32Array[];
}

/** A grown model with what was grown from, and what was found about it. */
interface Looked {
  readonly pool: Int32Array;
  readonly guard: Int32Array;
  readonly grown: Grown;
  readonly final: EvidenceStage;
  readonly refusals: RefusalEvidence;
  readonly learnt: readonly LearntGroup[];
  /** Classes of patterns that it follows, of which nobody could tell whether it should. */
  readonly undecided: readonly number[];
  /** Samples that carry a pattern which this model learnt, or one that was given up before it. */
  readonly carriers: readonly number[];
  /** Whoever this growth, or one that was given up before it, started from or admitted; and how many growths those are. */
  readonly ever: Int32Array;
  readonly growths: number;
  readonly digest: string;
  readonly resumed: boolean;
}

/** What a grown model makes of every sample, and what it learnt that it should not know. */
async function lookAt(
  context: PipelineContext,
  encoder: Encoder,
  { probe, scanned, peers }: Before,
  from: Pick<Looked, 'pool' | 'guard' | 'grown'> & { readonly inputs: readonly string[] },
): Promise<Looked> {
  const { pool, guard, grown, inputs } = from;
  const { classifier, admittedRound } = grown;
  context.emit({ type: 'stage', stage: 'evidence', state: 'started' });
  const models = { undefended: probe.classifier, sanitized: classifier };
  const final = await runEvidence(context, encoder, classifier, scanned, inputs);
  const { evaluation, digest } = final;
  const { labels, classes } = context.samples;
  const company = neighbourRefusal(peers, context.parameters['grow.company'], evaluation.loss);
  const refusals = { labels, duplicates: copiesOf(context), probe: probe.evaluation, final: evaluation, company };
  const refused = clustersOf(refusals, classes.length);
  const inversion = await runInversion(context, encoder, models, evaluation, refused, admittedRound, digest);
  const { learnt, undecided } = inversion;
  const carriers = learnt.flatMap((one) => [...one.samples]);
  const resumed = final.resumed && inversion.resumed;
  const admitted = Int32Array.from(admittedRound.keys()).filter((i) => admittedRound[i] >= 0);
  const ever = union(pool, admitted);
  const { digest: end } = inversion;
  return { pool, guard, grown, final, refusals, learnt, undecided, carriers, ever, growths: 1, digest: end, resumed };
}

/**
 * The model grown anew where it learnt a pattern, with what came of that; else as it is. Where the next one learnt a
 * pattern, too, because some who carry it had not been found, once more without those.
 */
async function withoutLearnt(
  context: PipelineContext,
  encoder: Encoder,
  before: Before,
  looked: Looked,
): Promise<Looked> {
  const { samples, parameters } = context;
  let now = looked;
  let again = context;
  let givenUp: readonly LearntGroup[] = [];
  let distrusted: Int32Array = new Int32Array(0);
  for (let time = 0; time < parameters['inversion.again'] && now.learnt.length > 0; time++) {
    const { learnt, grown: earlier, digest } = now;
    context.emit({ type: 'stage', stage: 'evidence', state: now.resumed ? 'resumed' : 'finished' });
    const names = learnt.map(({ classIndex }) => `"${samples.classes[classIndex]}"`).join(', ');
    const start = secondStart(
      now,
      distrusted,
      samples.labels,
      learnt,
      new Set([...copiesOf(context), ...before.apart]),
    );
    const sharing = start.distrusted.length;
    const message = `The model learnt a pattern that ${sharing} samples labelled ${names} share. It is grown once more, without them.`;
    context.emit({ type: 'warning', code: 'grown-again', message, subject: null, values: { sharing, names } });
    again = anotherTime(again, earlier.rounds.length);
    const next = await growAgain(again, encoder, { ...start, apart: before.apart, peers: before.peers, digest });
    // The rounds of the times before stay in the story.
    const grown = { ...next, rounds: [...earlier.rounds, ...next.rounds] };
    const found = await lookAt(again, encoder, before, { ...start, grown, inputs: [grown.digest] });
    now = {
      ...found,
      ever: union(now.ever, found.ever),
      growths: now.growths + 1,
      resumed: now.resumed && found.resumed,
    };
    givenUp = [...givenUp, ...learnt];
    distrusted = start.distrusted;
  }
  if (givenUp.length === 0) return looked;
  const unlearnt = await lookAgain(again, now.grown.classifier, givenUp, now.digest);
  const told = new Set(now.learnt.map(({ classIndex }) => classIndex));
  return {
    ...now,
    learnt: [...now.learnt, ...worstOfClass(unlearnt.learnt.filter(({ classIndex }) => !told.has(classIndex)))],
    carriers: [...distrusted, ...now.carriers],
    digest: unlearnt.digest,
  };
}

/** Of the patterns of a class, the one that the model still follows most. */
function worstOfClass(learnt: readonly LearntGroup[]): LearntGroup[] {
  const worst = new Map<number, LearntGroup>();
  for (const one of learnt) {
    const before = worst.get(one.classIndex);
    if (before === undefined || (one.turnedAgain ?? 0) > (before.turnedAgain ?? 0)) worst.set(one.classIndex, one);
  }
  return [...worst.values()];
}

/** The square of the patch scan, what the searches met where it draws images together, and the estimate from the suspects. */
function recoveredTriggers(
  shape: readonly [number, number, number],
  { encoder }: AuditVerdict,
  { scan, flips }: ScanStage,
  sanitized: Flips,
  { evidence, trigger }: TriggerStage,
  drawn: CollapseStage,
): Recovered[] {
  const isAnnounced = (...codes: readonly string[]): boolean =>
    encoder.verdict === 'suspicious' && codes.includes(encoder.code);
  const square: Recovered = {
    by: 'scan',
    trigger: squareTrigger(squareOf(scan), shape),
    announced: isAnnounced('encoder.patch-collapse', 'encoder.patch-drawn'),
    flippedUndefended: flips.share,
    flippedSanitized: sanitized.share,
    flippedControl: null,
    n: flips.n,
  };
  const searched = [
    { by: 'overlay' as const, code: 'encoder.overlay-collapse', ...drawn.overlay },
    { by: 'texture' as const, code: 'encoder.texture-collapse', ...drawn.texture },
  ].flatMap(({ by, code, trigger: found, shown }): Recovered[] => {
    if (found === null || shown === null || shown.turned === null) return [];
    const { flippedUndefended, flippedSanitized, n } = shown.turned;
    return [
      {
        by,
        trigger: found,
        announced: isAnnounced(code),
        flippedUndefended,
        flippedSanitized,
        flippedControl: null,
        n,
      },
    ];
  });
  const { estimate } = evidence;
  if (trigger === null || estimate === null) return [square, ...searched];
  const { flippedUndefended, flippedSanitized, flippedControl = null, n } = estimate;
  const announced = worksAsTrigger(estimate);
  const shared: Recovered = {
    by: 'suspects',
    trigger,
    announced,
    flippedUndefended,
    flippedSanitized,
    flippedControl,
    n,
  };
  return [square, ...searched, shared];
}

/** The run fitted to its bound on memory, and a word on what that changed. */
function fitted(context: PipelineContext, encoder: Encoder): PipelineContext {
  const { parameters, sizes, changes } = fitMemory(encoder, context.samples.count, context.parameters);
  if (changes.length > 0) {
    const limit = Math.floor(parameters['memory.limit'] / 1e6);
    const values = { limit, changes: changes.join(', ') };
    const message = `To stay below ${limit} MB the run works on less at once: ${values.changes}.`;
    context.emit({ type: 'warning', code: 'memory-fitted', message, subject: null, values });
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
    values: { accepted: found.accepted[classIndex], against: found.against[classIndex] },
  }));
}

function learntWarnings(learnt: readonly LearntPattern[], classes: readonly string[]): ClassWarning[] {
  return learnt.map((one) => ({
    classIndex: one.classIndex,
    className: classes[one.classIndex],
    code: 'learnt-pattern',
    message: learntClaim(one, classes),
    values: learntNumbers(one),
  }));
}

/** What the sanitized model learnt from, and the guard, without suspects; ascending. */
function credibleSamples(admittedRound: Int32Array, guard: Int32Array, suspects: Int32Array): Int32Array {
  const refused = new Set(suspects);
  const chosen = new Set([...admittedRound.keys()].filter((i) => admittedRound[i] >= 0));
  for (const i of guard) chosen.add(i);
  return Int32Array.from([...chosen].filter((i) => !refused.has(i))).sort();
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
