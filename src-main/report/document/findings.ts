/** The sections that say what was found: sifting, channels, bootstrapping, suspects, pattern, outcome, classes, files. */
import { histogram } from '../../../src-shared/charts/histogram.ts';
import type { Block, Section, Table } from './blocks.ts';
import { evidenceText, findingBlock, type Writing } from './writing.ts';

/** Rows listed in a table before it refers to the file that has them all. */
const tableRows = 60;
const classRows = 40;

export function siftingSection({ record, words, figures }: Writing): Section {
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
              rows: sifting.warnings.map((warning) => [warning.className, warning.code, warning.message]),
            },
          ]),
    ],
  };
}

export function channelSection({ record, words, figures }: Writing): Section {
  const { channels } = record;
  const total = channels.layers.reduce((sum, layer) => sum + layer.channels, 0);
  const kept = channels.layers.reduce((sum, layer) => sum + layer.kept, 0);
  if (!channels.used && total > 0) {
    return {
      id: 'channels',
      name: words['section.channels'],
      claim: words['channels.unused-claim']({ total: figures.count(total) }),
      blocks: [{ kind: 'text', text: words['channels.unused'] }],
    };
  }
  const claim = words['channels.claim']({
    kept: figures.count(kept),
    total: figures.count(total),
    rest: figures.count(total - kept),
    count: total,
  });
  const masks = histogram(channels.layers.flatMap((layer) => layer.mask).filter(Number.isFinite), [0, 1], 20);
  return {
    id: 'channels',
    name: words['section.channels'],
    claim,
    blocks:
      total === 0
        ? []
        : [
            {
              kind: 'chart',
              chart: {
                kind: 'bars',
                rows: channels.layers.map((layer) => ({
                  label: layer.label,
                  parts: [layer.kept, layer.channels - layer.kept],
                  note: words['channels.kept-of']({
                    kept: figures.count(layer.kept),
                    of: figures.count(layer.channels),
                  }),
                })),
              },
              alt: claim,
              caption: words['channels.caption'],
            },
            {
              kind: 'text',
              text: words['channels.accuracy']({
                unlearned: figures.percent(channels.unlearnedAccuracy),
                recovered: figures.percent(channels.recoveredAccuracy),
                saturated: figures.percent(channels.saturatedAtOne),
              }),
            },
            {
              kind: 'chart',
              chart: {
                kind: 'columns',
                columns: masks.map((bin) => ({ label: figures.fixed(bin.from, 2), value: bin.count })),
                axis: words['axis.mask'],
              },
              alt: words['channels.histogram'],
              caption: words['channels.histogram'],
            },
            {
              kind: 'table',
              caption: words['table.masks'],
              heads: [
                { name: words['column.layer'] },
                { name: words['column.channels'], kind: 'number' },
                { name: words['column.kept'], kind: 'number' },
                { name: words['column.lowest'], kind: 'number' },
                { name: words['column.mean'], kind: 'number' },
                { name: words['column.lowest-kept'], kind: 'number' },
              ],
              rows: channels.layers.map((layer) => [
                layer.label,
                figures.count(layer.channels),
                figures.count(layer.kept),
                figures.fixed(least(layer.mask), 3),
                figures.fixed(mean(layer.mask), 3),
                figures.fixed(least(layer.mask.filter((_, i) => layer.trusted[i])), 3),
              ]),
            },
          ],
  };
}

export function bootstrappingSection({ record, words, figures }: Writing): Section {
  const { rounds, curves, samples } = record;
  const first = rounds.at(0);
  const last = rounds.at(-1);
  const outside = samples.byVerdict.suspicious + samples.byVerdict.inconclusive;
  const claim = words['bootstrapping.claim']({
    n: rounds.length,
    first: figures.count(first?.size ?? 0),
    last: figures.count(last?.size ?? 0),
    rounds: figures.count(rounds.length),
    outside: figures.count(outside),
  });
  const guidance = [...new Set(rounds.map((round) => round.guidance))].map((name) => words[`guidance.${name}`]);
  const loss = curves.filter(
    (point) => ['warm-up', 'grow', 'final'].includes(point.stage) && point.name === 'training loss',
  );
  const byRound = rounds.map((round) => [round.round, round.loss] as const);
  const points =
    loss.length > 1 ? loss.map((point) => [point.at, point.value] as const).toSorted((a, b) => a[0] - b[0]) : byRound;
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

export function suspectSection(writing: Writing): Section {
  const { record, words, figures } = writing;
  const { listed, total } = record.samples.suspects;
  const pictures = new Map(record.pictures.suspects.map((one) => [one.index, one.png]));
  const shown = listed.filter((suspect) => pictures.has(suspect.index));
  const rows = listed.slice(0, tableRows);
  return {
    id: 'suspects',
    name: words['section.suspects'],
    claim: suspectClaim(writing),
    blocks:
      total === 0
        ? []
        : [
            ...(shown.length === 0
              ? []
              : [
                  {
                    kind: 'pictures' as const,
                    items: shown.map((suspect) => ({
                      png: pictures.get(suspect.index) ?? '',
                      alt: words['suspects.alt']({ index: String(suspect.index), name: suspect.className }),
                      caption: words['suspects.caption']({
                        rank: String(suspect.rank),
                        name: suspect.className,
                        index: String(suspect.index),
                      }),
                    })),
                  },
                ]),
            { kind: 'pair', blocks: [...lossChart(writing), seenTable(writing)] },
            {
              kind: 'table',
              caption: words['table.suspects'],
              heads: [
                { name: words['column.rank'], kind: 'number' },
                { name: words['column.sample'] },
                { name: words['column.label'] },
                { name: words['column.says'] },
                { name: words['column.majority'], kind: 'number' },
                { name: words['column.consistency'], kind: 'number' },
                { name: words['column.probe-loss'], kind: 'number' },
                { name: words['column.final-loss'], kind: 'number' },
                { name: words['column.admitted'], kind: 'word' },
              ],
              rows: rows.map((suspect) => [
                String(suspect.rank),
                suspect.name,
                suspect.className,
                suspect.predictedClass,
                figures.fixed(suspect.majority, 2),
                figures.fixed(suspect.consistency, 2),
                figures.fixed(suspect.probeLoss, 3),
                figures.fixed(suspect.finalLoss, 3),
                suspect.admittedRound === null
                  ? words.never
                  : words['round.n']({ round: String(suspect.admittedRound) }),
              ]),
            },
            ...rest(total, rows.length, 'sifted-set.csv', writing),
          ],
  };
}

function suspectClaim({ record, words, figures }: Writing): string {
  const { samples, subject, rounds } = record;
  const { total, byClass } = samples.suspects;
  if (total === 0 && rounds.length === 0) return words['suspects.none-grown'];
  if (total === 0) return words['suspects.none']({ samples: figures.count(samples.total) });
  const most = byClass.indexOf(Math.max(...byClass));
  return words['suspects.claim']({
    suspects: figures.count(total),
    samples: figures.count(samples.total),
    share: figures.percent(byClass[most] / total, 0),
    name: subject.dataset.classes[most]?.name ?? String(most),
  });
}

/** What the sanitized model says of the listed suspects: a hidden trigger shows as many true classes behind one label. */
function seenTable({ record, words, figures }: Writing): Table {
  const { listed } = record.samples.suspects;
  const pairs = Map.groupBy(listed, (one) => JSON.stringify([one.className, one.predictedClass]));
  const rows = [...pairs.values()].toSorted((a, b) => b.length - a.length).slice(0, 10);
  return {
    kind: 'table',
    caption: words['table.seen']({ n: figures.count(listed.length) }),
    heads: [
      { name: words['column.given'] },
      { name: words['column.seen'] },
      { name: words['column.suspects'], kind: 'number' },
    ],
    rows: rows.map((group) => [group[0].className, group[0].predictedClass, figures.count(group.length)]),
  };
}

/** Where the losses of suspects lie and where those of all others. */
function lossChart({ record, words, figures }: Writing): Block[] {
  const { finalLoss, suspects, total } = record.samples;
  if (finalLoss === null || suspects.total === 0) return [];
  const steps = (counts: readonly number[]): (readonly [number, number])[] => {
    const sum = counts.reduce((all, one) => all + one, 0);
    return counts.flatMap((one, k): [number, number][] => [
      [finalLoss.edges[k], sum === 0 ? 0 : one / sum],
      [finalLoss.edges[k + 1], sum === 0 ? 0 : one / sum],
    ]);
  };
  return [
    {
      kind: 'chart',
      chart: {
        kind: 'lines',
        series: [
          {
            name: words['series.suspects']({ n: figures.count(suspects.total) }),
            points: steps(finalLoss.suspects),
          },
          {
            name: words['series.others']({ n: figures.count(total - suspects.total) }),
            points: steps(finalLoss.others),
          },
        ],
        axis: words['axis.loss'],
        percent: true,
      },
      alt: words['suspects.spread'],
      caption: words['suspects.spread-caption'],
    },
  ];
}

export function triggerSection({ record, words, figures }: Writing): Section {
  const { evidence } = record.verdict.encoder;
  const number = (name: string): number | null => {
    const value = evidence[name];
    return typeof value === 'number' ? value : null;
  };
  const size = number('patchSize');
  const { patch } = record.pictures;
  return {
    id: 'trigger',
    name: words['section.trigger'],
    claim:
      size === null
        ? words['trigger.none']
        : words['trigger.claim']({
            size: figures.count(size),
            row: figures.count(number('patchRow') ?? NaN),
            column: figures.count(number('patchColumn') ?? NaN),
            undefended: figures.percent(number('flippedUndefended')),
            sanitized: figures.percent(number('flippedSanitized')),
            target: String(evidence['flippedTo'] ?? '–'),
          }),
    blocks:
      size === null
        ? []
        : [
            ...(patch === null
              ? []
              : [
                  {
                    kind: 'pictures' as const,
                    items: [
                      { png: patch.bare, alt: words['trigger.bare']({ index: String(patch.index) }) },
                      { png: patch.stamped, alt: words['trigger.stamped']({ index: String(patch.index) }) },
                    ].map((one) => ({ ...one, caption: one.alt })),
                  },
                ]),
            { kind: 'text', text: words['trigger.note'], quiet: true },
          ],
  };
}

export function outcomeSection({ record, words, figures }: Writing): Section {
  const { outcome, rounds } = record;
  const n = figures.count(outcome.guardSamples);
  const measured = outcome.guardSamples > 0 && outcome.sanitizedAccuracy !== null;
  const claim = measured
    ? words['outcome.claim']({
        n,
        sanitized: figures.percent(outcome.sanitizedAccuracy),
        probe: figures.percent(outcome.probeAccuracy),
      })
    : words['outcome.none'];
  const accuracy = rounds.map((round) => [round.round, round.guardAccuracy ?? NaN] as const);
  return {
    id: 'outcome',
    name: words['section.outcome'],
    claim,
    blocks: [
      {
        kind: 'pair',
        blocks: [
          {
            kind: 'table',
            caption: words['table.outcome'],
            heads: [
              { name: words['column.model'] },
              { name: words['column.accuracy'], kind: 'number' },
              { name: words['column.interval'], kind: 'number' },
              { name: words['column.n'], kind: 'number' },
            ],
            rows: [
              [
                words['model.probe'],
                figures.percent(outcome.probeAccuracy),
                figures.interval(outcome.probeInterval),
                n,
              ],
              [
                words['model.sanitized'],
                figures.percent(outcome.sanitizedAccuracy),
                figures.interval(outcome.sanitizedInterval),
                n,
              ],
            ],
          },
          {
            kind: 'chart',
            chart: {
              kind: 'lines',
              series: [{ name: words['series.accuracy'], points: accuracy }],
              axis: words['axis.round'],
              y: [0, 1],
              percent: true,
            },
            alt: claim,
            caption: words['outcome.caption'],
          },
        ],
      },
      { kind: 'text', text: words['outcome.note'], quiet: true },
    ],
  };
}

export function classSection(writing: Writing): Section {
  const { record, words, figures, language } = writing;
  const { classes } = record.verdict;
  const open = classes.filter((finding) => finding.verdict !== 'trusted').length;
  return {
    id: 'classes',
    name: words['section.classes'],
    claim:
      classes.length === 0
        ? words['classes.none']
        : words['classes.claim']({ n: open, open: figures.count(open), all: figures.count(classes.length) }),
    blocks:
      classes.length === 0
        ? []
        : [
            {
              kind: 'table',
              caption: words['table.classes'],
              heads: [
                { name: words['column.class'] },
                { name: words['column.verdict'], kind: 'word' },
                { name: words['column.claim'] },
                { name: words['column.rests'] },
                { name: words['column.change'] },
              ],
              rows: classes.map((finding) => {
                const said = findingBlock(finding, '', writing);
                return [
                  finding.name ?? '',
                  { verdict: finding.verdict, word: said.word },
                  said.claim,
                  evidenceText(finding, language),
                  said.lines[1][1],
                ];
              }),
            },
          ],
  };
}

export function fileSection({ record, words, figures }: Writing): Section {
  const { fileFindings } = record;
  const rows = fileFindings.slice(0, tableRows);
  return {
    id: 'files',
    name: words['section.files'],
    claim: words['files.claim']({ n: fileFindings.length, count: figures.count(fileFindings.length) }),
    blocks:
      rows.length === 0
        ? []
        : [
            {
              kind: 'table',
              caption: words['table.files'],
              heads: [
                { name: words['column.file'] },
                { name: words['column.rule'], kind: 'word' },
                { name: words['column.severity'], kind: 'word' },
                { name: words['column.offset'], kind: 'number' },
                { name: words['column.detail'] },
              ],
              rows: rows.map((one) => [
                one.file,
                one.rule,
                one.severity,
                one.offset === null ? '–' : figures.count(one.offset),
                one.detail,
              ]),
            },
            ...rest(fileFindings.length, rows.length, 'report.json', { words, figures }),
          ],
  };
}

function rest(
  total: number,
  shown: number,
  where: string,
  { words, figures }: Pick<Writing, 'words' | 'figures'>,
): Block[] {
  if (total <= shown) return [];
  const text = words['rest.of']({ shown: figures.count(shown), total: figures.count(total), where });
  return [{ kind: 'text', text, quiet: true }];
}

function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((low, value) => (value < low ? value : low), Infinity);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
