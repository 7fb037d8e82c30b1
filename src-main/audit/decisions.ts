/** An analyst's acts, checked against the run they are about, then written to the journal. */
import { userInfo } from 'node:os';
import { standing, type Decision, type DecisionRow } from '../../src-shared/domain/decision.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { ProjectWriter } from '../store/writer.ts';

const verdicts = ['trusted', 'suspicious', 'inconclusive', 'not-examined'];
const longestTag = 60;

/** Name of the account this process runs as: who decides. */
export function analyst(): string {
  try {
    return userInfo().username;
  } catch {
    // An account without an entry in the user database, as some containers have it.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/**
 * Writes `decision` under the name of this process' user and returns all decisions of the run, oldest first.
 * @throws ExpectedError run-unknown; request-invalid when it is about nothing in the run, an override has no reason or
 *   no verdict, or what is to be withdrawn does not stand
 */
export function decide(writer: ProjectWriter, run: string, decision: Omit<Decision, 'who'>): DecisionRow[] {
  const { reader } = writer;
  const { summary } = reader.run(run);
  requireSense(decision, summary.id, writer);
  writer.decide(summary.id, { ...decision, who: analyst() });
  return reader.decisions(summary.id);
}

/** Most samples that are decided on in one act. */
export const mostAtOnce = 1000;

/**
 * One tag put on, or taken off, many samples: all in one transaction or none.
 * @throws ExpectedError as `decide`
 */
export function decideAll(
  writer: ProjectWriter,
  run: string,
  samples: readonly number[],
  act: 'tag' | 'untag',
  value: string,
): DecisionRow[] {
  const { summary } = writer.reader.run(run);
  const decisions = samples.map((sample): Omit<Decision, 'who'> => {
    return { subject: 'sample', key: String(sample), act, value, reason: '' };
  });
  for (const decision of decisions) requireSense(decision, summary.id, writer);
  const who = analyst();
  writer.decideAll(
    summary.id,
    decisions.map((decision) => ({ ...decision, who })),
  );
  return writer.reader.decisions(summary.id);
}

function requireSense({ subject, key, act, value, reason }: Omit<Decision, 'who'>, run: string, writer: ProjectWriter) {
  const refuse = (field: string, why: string): never => {
    throw new ExpectedError('request-invalid', `run.decide: ${field}: ${why}.`);
  };
  const { reader } = writer;
  const { dataset } = reader.run(run);
  if (subject === 'sample') {
    const samples = dataset?.samples ?? 0;
    if (!/^\d{1,10}$/.test(key) || Number(key) >= samples) refuse('key', `no sample of the ${samples} of this run`);
  } else if (subject === 'class') {
    if (!dataset?.classes.some((one) => one.name === key)) refuse('key', 'no class of this run');
  } else if (subject === 'channel') {
    if (!reader.channelMasks(run).some((layer) => key === layer.id || key.startsWith(`${layer.id}/`)))
      refuse('key', 'no layer of this run');
  } else if (key !== '') refuse('key', `the ${subject} is one and has no key`);
  switch (act) {
    case 'override':
      if (!verdicts.includes(value)) refuse('value', `no verdict: ${JSON.stringify(value)}`);
      if (reason.trim() === '') refuse('reason', 'an override needs one');
      return;
    case 'tag':
    case 'untag':
      if (value.trim() === '' || value.length > longestTag) refuse('value', `a tag has 1 to ${longestTag} characters`);
      return;
    case 'note':
      if (reason.trim() === '') refuse('reason', 'a note needs words');
      return;
    case 'withdraw': {
      const target = standing(reader.decisions(run)).find((one) => String(one.id) === value);
      if (target === undefined) refuse('value', `decision ${value} does not stand`);
      else if (target.subject !== subject || target.key !== key)
        refuse('key', `decision ${value} is of another subject`);
    }
  }
}
