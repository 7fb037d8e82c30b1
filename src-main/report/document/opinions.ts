/** The section on second opinions: what other detectors say, what they cannot see, and how far they agree with the audit. */
import { opinionIds } from '../../../src-shared/domain/opinion.ts';
import type { OpinionRecord } from '../record.ts';
import type { Section } from './blocks.ts';
import type { Writing } from './writing.ts';
import {
  opinionReasonsDe,
  opinionReasonsEn,
  opinionSources,
  opinionWordsDe,
  opinionWordsEn,
} from '../../../src-shared/opinion-words.ts';

export function opinionSection({ record, words, figures, language }: Writing): Section {
  const section = { id: 'opinions', name: words['section.opinions'] } as const;
  const opinions = record.opinions ?? [];
  const ran = opinions.filter((one) => one.state === 'run');
  const told = language === 'de' ? opinionWordsDe : opinionWordsEn;
  const reasons = language === 'de' ? opinionReasonsDe : opinionReasonsEn;
  const silent = opinionIds.flatMap((id): (readonly [string, string])[] => {
    const met = opinions.find((one) => one.id === id);
    if (met?.state === 'run') return [];
    return [[`${told[id].name} (${opinionSources[id]})`, reasons[met?.reason ?? 'not-asked']]];
  });
  if (ran.length === 0)
    return { ...section, claim: words['opinions.none'], blocks: [{ kind: 'facts', items: silent }] };
  const classes = record.subject.dataset.classes;
  const alarmOf = (one: OpinionRecord): string => {
    if (one.alarm === null) return '–';
    const names = one.classes.filter(({ alarm }) => alarm).map(({ classIndex }) => classes[classIndex]?.name ?? '');
    return one.alarm ? [words['opinions.alarm'], names.join(', ')].filter((part) => part !== '').join(': ') : words.no;
  };
  return {
    ...section,
    claim: words['opinions.claim']({
      ran: figures.count(ran.length),
      alarms: figures.count(ran.filter((one) => one.alarm === true).length),
      count: ran.length,
    }),
    blocks: [
      { kind: 'text', quiet: true, text: words['opinions.note'] },
      {
        kind: 'table',
        caption: words['table.opinions'],
        heads: [
          { name: words['column.detector'] },
          { name: words['column.flagged'], kind: 'number' },
          { name: words['column.alarm'] },
          { name: words['column.agreement'] },
          { name: words['column.auc'], kind: 'number' },
        ],
        rows: ran.map((one) => [
          told[one.id].name,
          words['opinions.of']({ flagged: figures.count(one.flagged), of: figures.count(one.scored) }),
          alarmOf(one),
          one.agreement === null
            ? '–'
            : words[`opinions.${one.agreement.with}`]({
                both: figures.count(one.agreement.both),
                audit: figures.count(one.agreement.audit),
                chance: figures.fixed(one.agreement.byChance, 1),
              }),
          figures.fixed(one.agreement?.auc ?? null, 3),
        ]),
      },
      {
        kind: 'facts',
        items: ran.map((one) => [
          `${told[one.id].name} (${one.source})`,
          [told[one.id].score, told[one.id].rule, `${words['opinions.blind']} ${told[one.id].blind}`].join(' '),
        ]),
      },
      { kind: 'facts', items: silent },
    ],
  };
}
