/** One cell of a bench, in the engine process: make or read the encoder, plant, audit, measure. */
import type { BenchCell, BenchResult, BenchRow, Rates, RecoveredRow } from '../../src-shared/domain/bench.ts';
import { attackWorks } from '../../src-shared/domain/bench.ts';
import type { Preset } from '../../src-shared/domain/run.ts';
import { fineTuned, headOnSeeds } from '../engine/attacks/broken-defences.ts';
import { plant as plantTrigger } from '../engine/attacks/dataset/encoder-trigger.ts';
import { plantDataset } from '../engine/attacks/dataset/table.ts';
import {
  asSamples,
  readImage,
  stampAll,
  takeImages,
  type ImageShape,
  type LabelledImages,
  type PlantedDataset,
  type Trigger,
} from '../engine/attacks/images.ts';
import { likenessOf } from '../engine/attacks/likeness.ts';
import { movedChannelsKept, triggerActivatedChange } from '../engine/attacks/moved-channels.ts';
import { understandEncoder } from '../engine/encoder/understand.ts';
import type { Graph } from '../engine/graph/ir.ts';
import type { JobContext } from '../engine/jobs/server.ts';
import type { Provider } from '../engine/providers/provider.ts';
import { triggerImage } from '../engine/evidence/picture.ts';
import type { PipelineContext, PipelineResult, Recovered } from '../engine/tcore/context.ts';
import { evaluateClassifier } from '../engine/tcore/evaluate.ts';
import { parameterValues, resolveParameters } from '../engine/tcore/parameters.ts';
import { bootstrapAudit } from '../engine/tcore/pipeline.ts';
import { count, evaluationBatch } from '../engine/tcore/steps.ts';
import { conflictsIn, originalsIn } from '../formats/datasets/duplicates.ts';
import { drawDataset, firstWithSamePixels, readBenchData, type BenchPaths } from './bench-data.ts';
import { benchEncoder, readEncoder } from './bench-encoders.ts';
import { invalid, type BenchPlan, type ControlName, type DatasetRecipe } from './bench-plan.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { digestBytes } from './files.ts';
import { memoryJournal } from './journal.ts';
import { openTestedProvider, requireDevice } from './providers.ts';
import { encodePicture } from './picture.ts';
import { version } from './version.ts';

export interface BenchJob {
  readonly plan: BenchPlan;
  readonly cell: BenchCell;
  readonly paths: BenchPaths;
  /** The clean encoder's file; null where the domain pre-trains its own. */
  readonly encoderFile: string | null;
  readonly encoderFolder: string;
  readonly device: string;
  readonly threads: number | null;
}

/** The engine does not know its own peak memory; the host adds it. */
export type MeasuredCell = Omit<BenchResult, 'peakBytes'>;

type Images = LabelledImages<Uint8Array>;

/** @throws ExpectedError: what the plan asks for does not fit the data (plan-invalid), or as an audit */
export async function benchJob(job: BenchJob, context: JobContext<EngineProtocol>): Promise<MeasuredCell> {
  requireDevice(job.device);
  const provider = await openTestedProvider(job.device, job.threads);
  try {
    return await runCell(provider, job, context);
  } catch (error) {
    // Attacks speak of their options in RangeErrors; here those came from the plan.
    if (error instanceof RangeError) throw invalid(`${job.cell.encoder} with ${job.cell.dataset}: ${error.message}`);
    throw error;
  } finally {
    await provider.dispose();
  }
}

async function runCell(provider: Provider, job: BenchJob, context: JobContext<EngineProtocol>): Promise<MeasuredCell> {
  const { plan, cell, paths } = job;
  const { emit, signal } = context;
  const began = performance.now();
  emit({ type: 'stage', stage: 'preflight', state: 'started' });
  const own = job.encoderFile === null ? null : understandEncoder(await readEncoder(job.encoderFile)).input;
  const data = await readBenchData(plan, paths, own && [own.channels, own.height, own.width], signal);
  const encoder = await benchEncoder(provider, plan.encoders[cell.encoder], {
    plan,
    file: job.encoderFile,
    unlabelled: data.unlabelled,
    folder: job.encoderFolder,
    signal,
    onEpoch: (_what, done, total) =>
      emit({
        type: 'progress',
        stage: 'preflight',
        done,
        total,
        unit: 'epochs of the encoder',
        rate: null,
        etaSeconds: null,
      }),
  });
  const clean = drawDataset(data.pool, plan.data.samples, cell.seed);
  const { planted, truth } = plantCell(clean, plan.datasets[cell.dataset], encoder.trigger, cell.seed, plan.target);
  const first = firstWithSamePixels(planted);
  emit({ type: 'stage', stage: 'preflight', state: 'finished' });
  const pipeline: PipelineContext = {
    mode: cell.mode,
    provider,
    graph: encoder.graph,
    encoderOptions: { inputSize: null, mean: null, std: null, representation: null },
    samples: asSamples(planted, data.names),
    originals: originalsIn(first, planted.labels),
    conflicts: conflictsIn(first, planted.labels),
    parameters: parametersOf(plan, cell.preset, {}),
    seed: cell.seed,
    journal: memoryJournal(),
    inputDigests: { encoder: cell.encoder, dataset: digestBytes(planted.pixels) },
    emit,
    signal,
  };
  const found = await bootstrapAudit(pipeline);
  const controls = await brokenDefences(plan, cell, pipeline, found);
  const rows: BenchRow[] = [];
  for (const { whose, trigger, source } of triggersOf(encoder.trigger, truth)) {
    const attacked = data.test;
    const measure = (classifier: Graph): Promise<Rates> =>
      measureClassifier(provider, classifier, attacked, trigger, plan.target, source, signal);
    const undefended = await measure(found.undefended);
    rows.push({
      trigger: whose,
      about: trigger.description.text,
      state: whose === 'none' ? 'nothing planted' : attackWorks(undefended) ? 'counted' : 'void',
      undefended,
      sanitized: await measure(found.sanitized),
      controls: Object.fromEntries(
        await Promise.all(Object.entries(controls).map(async ([name, graph]) => [name, await measure(graph)] as const)),
      ),
      movedChannelsKept: await channelsKept(provider, encoder.graph, attacked, trigger, found),
      pictures: pictures(attacked, trigger, plan.target, source),
      recovered: recoveredRows(attacked, trigger, { whose, target: plan.target, source }, found),
    });
  }
  const { pool, admittedRound, suspectRank } = found.columns;
  const { picked } = found;
  const poison = truth.poisoned;
  const poisonSet = new Set(poison);
  const leaked = (samples: Int32Array): number => count(samples, (i) => poisonSet.has(i));
  const targetSeeds = count(picked.seeds, (i) => planted.labels[i] === plan.target);
  const targetSamples = count(planted.labels, (label) => label === plan.target);
  const inSeeds = leaked(picked.seeds);
  const suspects = [...suspectRank.keys()].filter((i) => suspectRank[i] >= 0);
  return {
    state: 'done',
    cell,
    rows,
    leaks: {
      seeds: inSeeds,
      pool: leaked(picked.pool),
      admitted: leaked(picked.ever),
      taught: count(poison, (i) => pool[i] === 1 || admittedRound[i] >= 0),
      of: poison.length,
    },
    growths: found.growths,
    enrichment:
      poison.length === 0 || targetSeeds === 0 ? null : inSeeds / targetSeeds / (poison.length / targetSamples),
    covers: truth.covers.length,
    suspects: { hits: count(suspects, (i) => poisonSet.has(i)), of: suspects.length },
    verdict: { encoder: found.verdict.encoder.verdict, dataset: found.verdict.dataset.verdict },
    findings: [found.verdict.encoder, found.verdict.dataset, ...found.verdict.classes],
    seconds: (performance.now() - began) / 1000,
    version,
    provider: provider.describe().id,
  };
}

function parametersOf(
  plan: BenchPlan,
  preset: Preset,
  changed: Readonly<Record<string, number | string | boolean>>,
): PipelineContext['parameters'] {
  return parameterValues(resolveParameters(preset, { ...plan.overrides, ...changed }));
}

/** @param trigger the encoder's; null for a clean one @throws ExpectedError plan-invalid */
export function plantCell(
  clean: Images,
  recipe: DatasetRecipe,
  trigger: Trigger | null,
  seed: number,
  target: number,
): PlantedDataset<Uint8Array> {
  const options = { ...recipe.options, seed, target };
  if (recipe.attack !== 'encoder-trigger') return plantDataset(recipe.attack, clean, options);
  if (trigger === null) throw invalid("a dataset with the encoder's trigger stands beside a clean encoder.");
  return plantTrigger(clean, { ...options, trigger, cleanLabel: recipe.cleanLabel });
}

/** Whether images of this class are to be led to the target. */
function isAttacked(label: number, target: number, source: number | null): boolean {
  return source === null ? label !== target : label === source;
}

interface Measured {
  readonly whose: BenchRow['trigger'];
  readonly trigger: Trigger;
  readonly source: number | null;
}

/** Every trigger that was planted, once; where nothing was, one that nothing was taught. */
function triggersOf(ofEncoder: Trigger | null, truth: PlantedDataset['truth']): readonly Measured[] {
  const ofDataset = truth.attack === 'none' ? null : { trigger: truth.trigger, source: truth.source };
  if (ofEncoder === null && ofDataset === null) return [{ whose: 'none', trigger: truth.trigger, source: null }];
  if (ofDataset?.trigger === ofEncoder && ofEncoder !== null)
    return [{ whose: 'both', trigger: ofEncoder, source: null }];
  return [
    ...(ofEncoder === null ? [] : [{ whose: 'encoder', trigger: ofEncoder, source: null } as const]),
    ...(ofDataset === null ? [] : [{ whose: 'dataset', ...ofDataset } as const]),
  ];
}

/** @param test images that had no part in anything @param source class that is attacked; null = all but the target */
export async function measureClassifier(
  provider: Provider,
  classifier: Graph,
  test: Images,
  trigger: Trigger,
  target: number,
  source: number | null,
  signal: AbortSignal,
): Promise<Rates> {
  const options = { batch: evaluationBatch, signal };
  const attacked = (label: number): boolean => isAttacked(label, target, source);
  const victims = takeImages(
    test,
    [...test.labels.keys()].filter((i) => attacked(test.labels[i])),
  );
  const plain = await evaluateClassifier(provider, classifier, asSamples(test), null, options);
  const stamped = await evaluateClassifier(
    provider,
    classifier,
    asSamples(stampAll(victims, trigger.stamp)),
    null,
    options,
  );
  const called = (predicted: Int32Array, labels: Int32Array): number =>
    count(labels.keys(), (i) => attacked(labels[i]) && predicted[i] === target);
  const of = victims.labels.length;
  return {
    acc: { hits: count(test.labels.keys(), (i) => plain.predicted[i] === test.labels[i]), of: test.labels.length },
    asr: { hits: called(stamped.predicted, victims.labels), of },
    control: { hits: called(plain.predicted, test.labels), of },
  };
}

async function channelsKept(
  provider: Provider,
  graph: Graph,
  test: Images,
  trigger: Trigger,
  found: PipelineResult,
): Promise<BenchRow['movedChannelsKept']> {
  if (!found.channels.used) return { hits: 0, of: 0 };
  const encoder = understandEncoder(graph);
  const part = takeImages(
    test,
    Int32Array.from({ length: Math.min(200, test.labels.length) }, (_, i) => i),
  );
  const change = await triggerActivatedChange(provider, encoder, part, trigger.stamp);
  return movedChannelsKept(
    change,
    found.channels.layers.map((layer) => layer.trusted),
  );
}

/** Defences that lack a part: each must fail, or show what the part is worth. */
async function brokenDefences(
  plan: BenchPlan,
  cell: BenchCell,
  pipeline: PipelineContext,
  found: PipelineResult,
): Promise<Record<string, Graph>> {
  const made: Record<string, Graph> = {};
  const changed = async (set: Readonly<Record<string, string>>): Promise<Graph> => {
    const parameters = parametersOf(plan, cell.preset, set);
    return (await bootstrapAudit({ ...pipeline, parameters, journal: memoryJournal() })).sanitized;
  };
  const make = (name: ControlName): Promise<Graph> => {
    switch (name) {
      case 'head-on-seeds': {
        const { pool } = found.columns;
        return headOnSeeds(pipeline, Int32Array.from([...pool.keys()].filter((i) => pool[i] === 1)));
      }
      case 'fine-tuning':
        return fineTuned(pipeline);
      case 'psi-kept':
        return changed({ 'filter.start': 'kept' });
      case 'random-masks':
        return changed({ 'filter.ranking': 'random' });
    }
  };
  for (const name of plan.controls) if (breaks(name, cell)) made[name] = await make(name);
  return made;
}

/** Whether a control takes anything away: distilled mode starts from no channel, so what is done to them changes nothing. */
function breaks(name: ControlName, { mode }: BenchCell): boolean {
  return mode === 'paper' || (name !== 'psi-kept' && name !== 'random-masks');
}

/** Images that likeness is measured on. */
const comparedImages = 500;

/** What the audit recovered that may be this trigger, by what it says itself: announced first, then by how well it works. */
function recoveredRows(
  test: Images,
  planted: Trigger,
  { whose, target, source }: { whose: BenchRow['trigger']; target: number; source: number | null },
  { recovered }: PipelineResult,
): RecoveredRow[] {
  const victims = [...test.labels.keys()].filter((i) => isAttacked(test.labels[i], target, source));
  const images = takeImages(test, victims.slice(0, comparedImages));
  const mayBeOf: Record<BenchRow['trigger'], readonly Recovered['by'][]> = {
    encoder: ['scan', 'overlay', 'texture'],
    dataset: ['suspects'],
    both: ['scan', 'overlay', 'texture', 'suspects'],
    none: ['scan', 'overlay', 'texture', 'suspects'],
  };
  const margin = ({ flippedUndefended, flippedSanitized, flippedControl }: Recovered): number =>
    flippedUndefended - Math.max(flippedSanitized, flippedControl ?? 0);
  return recovered
    .filter(({ by }) => mayBeOf[whose].includes(by))
    .sort((a, b) => Number(b.announced) - Number(a.announced) || margin(b) - margin(a))
    .map(({ trigger, ...rest }) => {
      const { measure, value } = likenessOf(images, planted, trigger);
      const picture = encodeImage(triggerImage(trigger), test.shape);
      return { ...rest, form: trigger.form, measure, likeness: value, picture };
    });
}

/** An image of an attacked class, the same with the trigger, and what the trigger changes: grey where nothing. */
function pictures(test: Images, trigger: Trigger, target: number, source: number | null): readonly string[] {
  const at = test.labels.findIndex((label) => isAttacked(label, target, source));
  if (at < 0) return [];
  const image = readImage(test, at);
  const stamped = trigger.stamp(image);
  const largest = stamped.reduce((most, value, j) => Math.max(most, Math.abs(value - image[j])), 1e-6);
  const difference = stamped.map((value, j) => 0.5 + (0.5 * (value - image[j])) / largest);
  return [image, stamped, difference].map((values) => encodeImage(values, test.shape));
}

/** PNG as base64 of values in 0..1. */
function encodeImage(values: Float32Array, shape: ImageShape): string {
  const bytes = Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  return Buffer.from(encodePicture(bytes, shape, 112).png).toString('base64');
}
