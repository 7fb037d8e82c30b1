/** English texts of second opinions. */
import { pageFormat } from './page-format.ts';

const { plural } = pageFormat('en-US');

export const enOpinions = {
  opinions: {
    title: 'Second opinions',
    lead: 'Detectors of other people, run beside the audit on the same data. They are shown for comparison and never change the verdict.',
    soon: 'Second opinions come near the end of the run.',
    none: 'This run holds no second opinions: its audit was told to ask none, or a version without them made it.',
    claim: (ran: number, alarms: number) =>
      plural(ran, {
        one: `# detector was run; ${alarms} of those that may raise an alarm did.`,
        other: `# detectors were run; ${alarms} of those that may raise an alarm did.`,
      }),
    note: 'Bar: share that is flagged of what was scored. Agreement counts what the detector and the audit both point at, beside what two unrelated lists would share.',
    columns: {
      detector: 'Detector',
      says: 'Says',
      flagged: 'Flagged',
      agrees: 'With the audit',
      auc: 'AUC',
      source: 'Published',
    },
    alarm: 'raises an alarm',
    calm: 'raises no alarm',
    ranksOnly: 'ranks only',
    flaggedOf: (flagged: string, scored: string) => `${flagged} of ${scored} flagged`,
    quota: (share: string) => `flags ${share} whatever the data is like`,
    noAgreement: 'It says nothing that could be compared with the audit’s list.',
    both: {
      suspects: (both: string, audit: string, chance: string) =>
        `It flags ${both} of ${audit} suspects it scored; unrelated lists would share ${chance}.`,
      untrusted: (both: string, audit: string, chance: string) =>
        `It flags ${both} of ${audit} channels that were made anew; unrelated lists would share ${chance}.`,
    },
    auc: (value: string) => `Its ranking puts those of the audit first with AUC ${value} (0.5 = by chance).`,
    blind: 'Blind to:',
    show: (name: string) => `Samples ${name} puts first`,
    first: (name: string, n: number) => `${name}: the first ${n}`,
    firstNote: '▲ is on the suspect list of the audit, – is not.',
    notSuspect: 'not on the suspect list',
    silent: (n: number) => plural(n, { one: '# detector has no word here', other: '# detectors have no word here' }),
  },
};
