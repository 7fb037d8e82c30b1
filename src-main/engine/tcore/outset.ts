/**
 * What a clean model is grown from: the undefended model, the first pool, and who is set aside before anything is taught because they show
 * the trigger that the scan found in the encoder. Where any of those had been picked, the samples are sifted again without them.
 */
import type { Encoder } from '../encoder/encoder.ts';
import type { Beside } from './beside.ts';
import { anotherTime, distinctLabels, type PipelineContext } from './context.ts';
import { runProbe, type ProbeStage } from './stage-probe.ts';
import { runScan, type ScanStage } from './stage-scan.ts';
import { runExpand, runSift, type ExpandStage, type SiftStage } from './stage-sift.ts';
import { count } from './steps.ts';

export interface Outset {
  readonly probe: ProbeStage;
  readonly sifted: SiftStage;
  /** The first pool as expanded, and the digest of the step that all before it led to. */
  readonly first: ExpandStage;
  readonly scanned: ScanStage;
  /** Samples that are never taught, ascending. */
  readonly apart: Int32Array;
}

export async function outsetOf(context: PipelineContext, encoder: Encoder, beside: Beside): Promise<Outset> {
  const { inputDigests } = context;
  const probe = await runProbe(context, encoder, [inputDigests.encoder, inputDigests.dataset]);
  const sifted = await runSift(context, encoder, probe.digest);
  const first = await runExpand(context, encoder, sifted);
  const scanned = await runScan(context, encoder, probe.classifier, first.pool, beside, first.digest);
  const apart = setAside(context, scanned.showing);
  const gone = new Set(apart);
  const found = { probe, scanned, apart };
  if (![...first.pool, ...sifted.guard].some((i) => gone.has(i))) {
    return { ...found, sifted, first: { ...first, digest: scanned.digest } };
  }
  // What there is to say of the classes was said the first time.
  const silent: PipelineContext = {
    ...anotherTime(context, 0),
    emit: (event) => {
      if (event.type !== 'warning') context.emit(event);
    },
  };
  const again = await runSift(silent, encoder, scanned.digest, apart);
  return { ...found, sifted: again, first: await runExpand(silent, encoder, again, apart) };
}

/** Whoever shows the trigger, save in a class of which nearly nothing else is left: it would not be learnt at all. */
function setAside(context: PipelineContext, showing: Int32Array): Int32Array {
  if (showing.length === 0) return showing;
  const { samples, parameters } = context;
  const labels = distinctLabels(context);
  const shows = new Set(showing);
  const left = samples.classes.map((_, c) => count(labels.keys(), (i) => labels[i] === c && !shows.has(i)));
  const apart = showing.filter((i) => left[labels[i]] >= 2 * parameters['sift.minimum']);
  const spared = showing.length - apart.length;
  const message =
    spared === 0
      ? `${apart.length} samples show the trigger that the scan found in the encoder. They are set aside and taught to no model.`
      : `${showing.length} samples show the trigger that the scan found in the encoder. ${apart.length} are set aside and taught to no model; of the classes of the others hardly anything else is left.`;
  const values = { showing: showing.length, apart: apart.length };
  context.emit({ type: 'warning', code: 'trigger-shown', message, subject: null, values });
  return apart;
}
