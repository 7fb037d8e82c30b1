/** The sections on suspects and on the pattern that the encoder’s own scan found. */
import type { Picture, SearchedTurns } from '../../../src-shared/domain/result.ts';
import type { SearchedFlips } from '../../../src-shared/report-words/en.ts';
import type { Block, Section, Table } from './blocks.ts';
import { picturePng } from './small-picture.ts';
import { rest, tableRows, type Writing } from './writing.ts';

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

export function triggerSection(writing: Writing): Section {
  const { code } = writing.record.verdict.encoder;
  const section = { id: 'trigger', name: writing.words['section.trigger'] } as const;
  if (code === 'encoder.trigger-collapse') return { ...section, claim: writing.words['trigger.shared'], blocks: [] };
  if (code === 'encoder.overlay-collapse') return { ...section, ...overlayFound(writing) };
  if (code === 'encoder.texture-collapse') return { ...section, ...textureFound(writing) };
  return { ...section, ...squareFound(writing) };
}

type Found = Pick<Section, 'claim' | 'blocks'>;

function overlayFound(writing: Writing): Found {
  const { record, words, figures } = writing;
  const { overlay } = record.triggers;
  if (overlay === undefined || overlay === null || overlay.turned === null)
    return { claim: words['trigger.none'], blocks: [] };
  const caption = words['trigger.overlay-picture']({ times: figures.count(overlay.strength) });
  return searchedFound(
    overlay.picture,
    caption,
    words['trigger.overlay']({ budget: figures.percent(overlay.budget), ...flipsOf(writing, overlay.turned) }),
    words['trigger.overlay-note'],
  );
}

function textureFound(writing: Writing): Found {
  const { record, words, figures } = writing;
  const { texture } = record.triggers;
  if (texture === undefined || texture === null || texture.turned === null)
    return { claim: words['trigger.none'], blocks: [] };
  const place = {
    size: figures.count(texture.size),
    row: figures.count(texture.row),
    column: figures.count(texture.column),
  };
  return searchedFound(
    texture.picture,
    words['trigger.texture-picture'],
    words['trigger.texture']({ ...place, ...flipsOf(writing, texture.turned) }),
    words['trigger.texture-note'],
  );
}

function searchedFound(picture: Picture, caption: string, claim: string, note: string): Found {
  return {
    claim,
    blocks: [
      { kind: 'pictures', items: [{ png: picturePng(picture), alt: caption, caption }] },
      { kind: 'text', text: note, quiet: true },
    ],
  };
}

function flipsOf(
  { record, figures }: Writing,
  { target, flippedUndefended, flippedSanitized, n }: SearchedTurns,
): SearchedFlips {
  return {
    undefended: figures.percent(flippedUndefended),
    sanitized: figures.percent(flippedSanitized),
    target: record.subject.dataset.classes[target]?.name ?? String(target),
    n: figures.count(n),
    count: n,
  };
}

function squareFound({ record, words, figures }: Writing): Found {
  const { evidence } = record.verdict.encoder;
  const number = (name: string): number | null => {
    const value = evidence[name];
    return typeof value === 'number' ? value : null;
  };
  const size = number('patchSize');
  const { patch } = record.pictures;
  return {
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
