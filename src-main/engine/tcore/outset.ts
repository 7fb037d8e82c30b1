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

/** Samples of a class without the trigger, whatever is asked of sifting. */
const fewestLeft = 8;

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
  const apart = setAside(context, scanned);
  const gone = new Set(apart);
  const found = { probe, scanned, apart };
  if (![...first.pool, ...sifted.guard].some((i) => gone.has(i))) {
    return { ...found, sifted, first: { ...first, digest: scanned.digest } };
  }
  // Of what there is to say of the classes, what was said the first time is not said again.
  const said = new Set(sifted.facts.warnings.map(({ code, className }) => `${code} ${className}`));
  const silent: PipelineContext = {
    ...anotherTime(context, 0),
    emit: (event) => {
      if (event.type !== 'warning' || !said.has(`${event.code} ${event.subject}`)) context.emit(event);
    },
  };
  const again = await runSift(silent, encoder, scanned.digest, apart);
  return { ...found, sifted: again, first: await runExpand(silent, encoder, again, apart) };
}

/** Whoever shows the trigger, save in a class of which nearly nothing else is left: it would not be learnt at all. */
function setAside(context: PipelineContext, { showing, spared }: ScanStage): Int32Array {
  if (showing.length + spared === 0) return showing;
  const { samples, parameters } = context;
  const labels = distinctLabels(context);
  const shows = new Set(showing);
  const least = Math.max(fewestLeft, 2 * parameters['sift.minimum']);
  const left = samples.classes.map((_, c) => count(labels.keys(), (i) => labels[i] === c && !shows.has(i)));
  const apart = showing.filter((i) => left[labels[i]] >= least);
  const all = showing.length + spared;
  const message =
    apart.length === all
      ? `${all} samples show the trigger that the scan found in the encoder. They are set aside, and not taught to the sanitized model.`
      : `${all} samples show the trigger that the scan found in the encoder. ${apart.length} are set aside, and not taught to the sanitized model; of the classes of the others so many show it that it may be what they look like, or hardly anything else is left.`;
  const values = { showing: all, apart: apart.length };
  context.emit({ type: 'warning', code: 'trigger-shown', message, subject: null, values });
  return apart;
}
