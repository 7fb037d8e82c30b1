/**
 * `npm run bench:gate -- evidence-threat-3-1-1.json ...` on what `bench:accuracy --evidence` wrote.
 *
 * Which labels a student that far would let in, by rules tried without training: the label's least probability against
 * the likeliest one, and what may at most speak against its company, by the mean refusal or by the share whose own label
 * falls short. Per rule: poison let in, clean samples let in (%), and the same of the hardest class (%).
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { meanOfCompany, neighbourRefusal } from '../../src-main/engine/tcore/admission.ts';

interface Evidence {
  readonly labels: readonly number[];
  readonly truth: readonly number[];
  readonly poisoned: readonly number[];
  readonly labelPool: readonly number[];
  readonly peers: readonly (readonly number[])[];
  readonly loss: readonly number[];
  readonly predicted: readonly number[];
  readonly confidence: readonly number[];
}

const plausible = [0.02, 0.05, 0.1, 0.2];
const limits = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

for (const path of parseArgs({ allowPositionals: true }).positionals) {
  study(path, JSON.parse(readFileSync(path, 'utf8')) as Evidence);
}

function study(path: string, evidence: Evidence): void {
  const { labels, truth, predicted, confidence } = evidence;
  const poison = new Set(evidence.poisoned);
  const clean = [...labels.keys()].filter((i) => !poison.has(i));
  const loss = Float32Array.from(evidence.loss);
  const peers = evidence.peers.map((list) => Int32Array.from(list));
  const perSample = peers[0].length / labels.length;
  const ratio = loss.map((value, i) => Math.exp(-value) / confidence[i]);
  const accuracy = (of: readonly number[]): number => of.filter((i) => predicted[i] === truth[i]).length / of.length;
  const classes = [...new Set(labels)].map((c) => clean.filter((i) => labels[i] === c));
  const hardest = classes.toSorted((a, b) => accuracy(a) - accuracy(b))[0];
  const leaked = evidence.labelPool.filter((i) => poison.has(i)).length;
  console.log(
    `${path}: right on ${percent(accuracy(clean))} of the clean, trained on ${leaked} of ${poison.size} poison`,
  );
  for (const least of plausible) {
    const short = ratio.map((value) => (value < least ? 1 : 0));
    const by = {
      'mean refusal': neighbourRefusal(peers, perSample, loss),
      'share that falls short': meanOfCompany(peers, perSample, short),
    };
    for (const [name, company] of Object.entries(by)) {
      const cells = limits.map((limit) => {
        const enters = (i: number): boolean => short[i] === 0 && company[i] <= limit;
        const share = (of: readonly number[]): string => percent(of.filter(enters).length / of.length);
        return `${limit}: ${[...poison].filter(enters).length} ${share(clean)} ${share(hardest)}`;
      });
      console.log(`  at least ${least}, company by ${name.padEnd(22)} ${cells.join(' | ')}`);
    }
  }
}

function percent(share: number): string {
  return (100 * share).toFixed(0);
}
