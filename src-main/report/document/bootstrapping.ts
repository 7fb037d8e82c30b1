/** The section on bootstrapping: pool and loss, round by round. */
import type { Section } from './blocks.ts';
import type { Writing } from './writing.ts';

export function bootstrappingSection({ record, words, figures }: Writing): Section {
  const { rounds, curves, samples } = record;
  const start = Math.max(0, rounds.map(({ guidance }) => guidance).lastIndexOf('seeds'));
  const first = rounds.at(start);
  const last = rounds.at(-1);
  const outside = samples.byVerdict.suspicious + samples.byVerdict.inconclusive;
  const grown = words['bootstrapping.claim']({
    n: rounds.length - start,
    first: figures.count(first?.size ?? 0),
    last: figures.count(last?.size ?? 0),
    rounds: figures.count(rounds.length - start),
    outside: figures.count(outside),
  });
  const given = words['bootstrapping.again']({ n: start, rounds: figures.count(start) });
  const claim = start === 0 ? grown : `${given} ${grown}`;
  const guidance = [...new Set(rounds.map((round) => round.guidance))].map((name) => words[`guidance.${name}`]);
  const loss = curves.filter(
    (point) => ['warm-up', 'grow', 'final'].includes(point.stage) && point.name === 'training loss',
  );
  const byRound = rounds.map((round) => [round.round, round.loss] as const);
  const points =
    loss.length > 1 ? loss.map((point) => [point.at, point.value] as const).toSorted((a, b) => a[0] - b[0]) : byRound;
  const asksEncoder = rounds.some(({ distilled }) => distilled !== undefined);
  return {
    id: 'bootstrapping',
    name: words['section.bootstrapping'],
    claim,
    blocks:
      rounds.length === 0
        ? []
        : [
            {
              kind: 'pair',
              blocks: [
                {
                  kind: 'chart',
                  chart: {
                    kind: 'columns',
                    columns: rounds.map((round) => ({ label: String(round.round), value: round.size })),
                    axis: words['axis.round'],
                  },
                  alt: claim,
                  caption: words['bootstrapping.pool']({
                    of: figures.count(samples.total),
                    guidance: guidance.join(', '),
                  }),
                },
                {
                  kind: 'chart',
                  chart: { kind: 'lines', series: [{ name: words['series.loss'], points }], axis: words['axis.round'] },
                  alt: words['bootstrapping.loss'],
                  caption: words['bootstrapping.loss'],
                },
              ],
            },
            {
              kind: 'table',
              caption: words['table.rounds'],
              heads: [
                { name: words['column.round'], kind: 'number' },
                { name: words['column.guidance'], kind: 'word' },
                { name: words['column.aimed'], kind: 'number' },
                { name: words['column.pool-size'], kind: 'number' },
                ...(asksEncoder ? [{ name: words['column.answers'], kind: 'number' as const }] : []),
                { name: words['column.admitted'], kind: 'number' },
                { name: words['column.removed'], kind: 'number' },
                { name: words['column.guard'], kind: 'number' },
                { name: words['column.loss'], kind: 'number' },
                { name: words['column.stopped'] },
              ],
              rows: rounds.map((round) => [
                String(round.round),
                words[`guidance.${round.guidance}`],
                round.guidance === 'final' ? '–' : figures.percent(round.share, 0),
                figures.count(round.size),
                ...(asksEncoder ? [figures.count(round.distilled ?? 0)] : []),
                figures.count(round.admitted),
                figures.count(round.removed),
                figures.percent(round.guardAccuracy),
                figures.fixed(round.loss, 3),
                round.stopped ?? '',
              ]),
            },
          ],
  };
}
