/** The words of the page that stand for values of the domain. */
import type { RunState, Stage } from '../src-shared/domain/run.ts';
import type { Verdict } from '../src-shared/domain/verdict.ts';

export const stageWords: Readonly<Record<Stage, { readonly title: string; readonly purpose: string }>> = {
  preflight: { title: 'Preflight', purpose: 'Reads both inputs, takes their digests and counts what can be examined.' },
  probe: { title: 'Probe', purpose: 'Trains a plain head on everything: the model one would get without a defence.' },
  sift: { title: 'Sift', purpose: 'Looks for samples whose neighbours agree on their label, layer after layer.' },
  expand: { title: 'Expand', purpose: 'Widens the seed set to a clean pool, class by class.' },
  unlearn: { title: 'Unlearn', purpose: 'Makes the encoder forget the seeds, to see which channels carry them.' },
  recover: { title: 'Recover', purpose: 'Learns a mask over channels that brings the seeds back.' },
  filter: { title: 'Filter', purpose: 'Parts the channels into trusted and untrusted ones.' },
  'warm-up': { title: 'Warm-up', purpose: 'Trains fresh untrusted channels on the seeds alone.' },
  grow: { title: 'Grow', purpose: 'Admits samples round by round, and refuses those that do not fit.' },
  final: { title: 'Final fit', purpose: 'Trains the sanitized model on everything that was admitted.' },
  evidence: { title: 'Evidence', purpose: 'Compares both models on what was refused, and recovers the pattern.' },
  export: { title: 'Export', purpose: 'Writes the model, the sets and the report, and opens each again to check it.' },
};

export const verdictWords: Readonly<Record<Verdict, { readonly word: string; readonly shape: string }>> = {
  trusted: { word: 'trusted', shape: '✓' },
  suspicious: { word: 'suspicious', shape: '▲' },
  inconclusive: { word: 'inconclusive', shape: '◐' },
  'not-examined': { word: 'not examined', shape: '▨' },
};

export const stateWords: Readonly<Record<RunState, string>> = {
  running: 'running',
  interrupted: 'interrupted',
  cancelled: 'cancelled',
  failed: 'failed',
  finished: 'finished',
};
