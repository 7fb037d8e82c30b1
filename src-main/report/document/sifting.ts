/** The section on sifting: the scatter, classes, taps, warnings. */
import { warningSentence } from '../../../src-shared/report-words/words.ts';
import type { Section } from './blocks.ts';
import { rest, type Writing } from './writing.ts';

/** Classes listed before the table refers to the file that has them all. */
const classRows = 40;

export function siftingSection({ record, words, figures, language }: Writing): Section {
  const { sifting, samples } = record;
  const { scatter, suspects } = samples;
  const classes = sifting.perClass.slice(0, classRows);
  const counts = { suspects: figures.count(suspects.total), samples: figures.count(samples.total) };
  return {
    id: 'sifting',
    name: words['section.sifting'],
    claim: words['sifting.claim']({
      samples: figures.count(samples.total),
      seeds: figures.count(sifting.seeds),
      taps: String(sifting.taps.filter((tap) => tap.used).length),
      pool: figures.count(sifting.pool),
      seedCount: sifting.seeds,
    }),
    blocks: [
      {
        kind: 'chart',
        chart: {
          kind: 'scatter',
          scatter,
          marks: {
            admitted: words['mark.admitted'],
            open: words['mark.open'],
            seed: words['mark.seed'],
            suspicious: words['mark.suspicious'],
          },
        },
        alt: words['sifting.scatter'](counts),
        caption: words['sifting.axes'],
      },
      ...(scatter.drawn < scatter.of
        ? [
            {
              kind: 'text' as const,
              quiet: true,
              text: words['sifting.thinned']({ drawn: figures.count(scatter.drawn), of: figures.count(scatter.of) }),
            },
          ]
        : []),
      {
        kind: 'pair',
        blocks: [
          {
            kind: 'table',
            caption: words['table.classes-sifted'],
            heads: [
              { name: words['column.class'] },
              { name: words['column.samples'], kind: 'number' },
              { name: words['column.seeds'], kind: 'number' },
              { name: words['column.pool'], kind: 'number' },
              { name: words['column.suspects'], kind: 'number' },
            ],
            rows: classes.map((one, k) => [
              one.className,
              figures.count(one.samples),
              figures.count(one.seeds),
              figures.count(one.pool),
              figures.count(suspects.byClass[k] ?? 0),
            ]),
          },
          {
            kind: 'table',
            caption: words['table.taps']({ k: figures.count(sifting.k), rule: sifting.rule }),
            heads: [
              { name: words['column.tap'] },
              { name: words['column.share'], kind: 'number' },
              { name: words['column.chance'], kind: 'number' },
              { name: words['column.used'] },
            ],
            rows: sifting.taps.map((tap) => [
              tap.label,
              figures.percent(tap.neighbourShare),
              figures.percent(tap.chance),
              tap.used ? words.yes : words['tap.unused']({ reason: tap.reason }),
            ]),
          },
        ],
      },
      ...rest(sifting.perClass.length, classes.length, 'report.json', { words, figures }),
      ...(sifting.warnings.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              caption: words['table.warnings'],
              heads: [
                { name: words['column.class'] },
                { name: words['column.code'], kind: 'word' as const },
                { name: words['column.met'] },
              ],
              rows: sifting.warnings.map((warning) => [
                warning.className,
                warning.code,
                warningSentence(warning, language),
              ]),
            },
          ]),
    ],
  };
}
