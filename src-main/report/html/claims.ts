/** The sentence each section stands on, made from the record's numbers. */
import type { ReportRecord } from '../record.ts';
import { count, counted, fixed, percent } from './numbers.ts';

export function siftingClaim({ sifting, samples }: ReportRecord): string {
  const used = sifting.taps.filter((tap) => tap.used).length;
  if (sifting.seeds === 0) return `None of ${counted(samples.total, 'sample')} could be trusted as a seed.`;
  return (
    `Of ${counted(samples.total, 'sample')} ${count(sifting.seeds)} agree with their own class at ${counted(used, 'tap')} ` +
    `and were trusted as seeds; the first clean pool took ${count(sifting.pool)}.`
  );
}

export function channelClaim({ channels }: ReportRecord): string {
  const total = channels.layers.reduce((sum, layer) => sum + layer.channels, 0);
  const kept = channels.layers.reduce((sum, layer) => sum + layer.kept, 0);
  if (total === 0) return 'No channel was filtered.';
  if (!channels.used) return `Channels were not filtered: all ${counted(total, 'channel')} were made anew.`;
  return (
    `${count(kept)} of ${counted(total, 'channel')} were kept as trusted; the other ${count(total - kept)} were made anew ` +
    `and learned from the clean pool alone.`
  );
}

export function bootstrapClaim({ rounds, samples }: ReportRecord): string {
  const first = rounds.at(0);
  const last = rounds.at(-1);
  if (first === undefined || last === undefined) return 'No clean model was grown.';
  const never = samples.byVerdict.suspicious + samples.byVerdict.inconclusive;
  return (
    `The pool grew from ${count(first.size)} to ${counted(last.size, 'sample')} in ${counted(rounds.length, 'round')}; ` +
    `${counted(never, 'sample')} ended outside it or under suspicion.`
  );
}

export function suspectClaim({ samples, subject, rounds }: ReportRecord): string {
  const { total, byClass } = samples.suspects;
  if (total === 0 && rounds.length === 0)
    return 'No sample was suspected: no clean model was grown that could refuse one.';
  if (total === 0) return `None of ${counted(samples.total, 'sample')} is on the suspect list.`;
  const most = byClass.indexOf(Math.max(...byClass));
  const name = subject.dataset.classes[most]?.name;
  const where = name === undefined ? '' : `, ${percent(byClass[most] / total, 0)} of them labelled “${name}”`;
  return `${count(total)} of ${counted(samples.total, 'sample')} are on the suspect list${where}.`;
}

export function triggerClaim({ triggers, subject }: ReportRecord): string {
  const { estimate } = triggers;
  if (estimate === null) return 'Too few suspects share a label to estimate a trigger from them.';
  const name = subject.dataset.classes[estimate.target]?.name ?? `class ${estimate.target}`;
  return (
    `What suspects labelled “${name}” have in common flips ${percent(estimate.flippedUndefended)} of ` +
    `${counted(estimate.n, 'other image')} to that class in the undefended model, ${percent(estimate.flippedSanitized)} in the sanitized one.`
  );
}

export function outcomeClaim({ outcome }: ReportRecord): string {
  if (outcome.guardSamples === 0 || outcome.sanitizedAccuracy === null) {
    return 'There was no held-out sample to measure the sanitized model on.';
  }
  return (
    `On ${counted(outcome.guardSamples, 'held-out sample')} the sanitized model is right in ${percent(outcome.sanitizedAccuracy)}, ` +
    `the undefended probe in ${percent(outcome.probeAccuracy)}.`
  );
}

export function notExaminedClaim({ scope }: ReportRecord): string {
  if (scope.notExamined.length === 0) return 'Everything the plan named was examined.';
  return `${counted(scope.notExamined.length, 'thing')} ${scope.notExamined.length === 1 ? 'was' : 'were'} not examined; nothing is said about ${scope.notExamined.length === 1 ? 'it' : 'them'}.`;
}

export function parameterClaim({ method }: ReportRecord): string {
  const chosen = Object.values(method.parameters);
  const analyst = chosen.filter((one) => one.chosenBy === 'analyst').length;
  const preset = chosen.filter((one) => one.chosenBy === 'preset').length;
  return `${counted(chosen.length, 'parameter')} decided this audit: ${count(analyst)} chosen by the analyst, ${count(preset)} by the preset, the rest defaults.`;
}

export function confidenceText(confidence: number | null): string {
  return confidence === null ? 'no confidence: nothing was examined' : `confidence ${fixed(confidence, 2)}`;
}
