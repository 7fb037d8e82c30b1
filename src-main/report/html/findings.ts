/** The sections that say what was found: sifting, channels, bootstrapping, suspects, outcome. */
import type { ReportRecord } from '../record.ts';
import { bootstrapClaim, channelClaim, outcomeClaim, siftingClaim, suspectClaim } from './claims.ts';
import { html, type Content, type Markup } from './markup.ts';
import { count, counted, fixed, percent, percentInterval } from './numbers.ts';
import { barsPicture, columnPicture, linePicture, scatterPicture } from './pictures.ts';
import { table } from './tables.ts';

export interface SectionContent {
  readonly id: string;
  readonly name: string;
  readonly claim: string;
  readonly body: Content;
}

/** Rows listed in a table before it refers to the file that has them all. */
const tableRows = 60;

export function siftingSection(record: ReportRecord): SectionContent {
  const { sifting, samples } = record;
  const { scatter } = samples;
  const thinned =
    scatter.drawn < scatter.of
      ? ` ${count(scatter.drawn)} of ${count(scatter.of)} samples are drawn, evenly chosen.`
      : '';
  const classes = sifting.perClass.slice(0, 40);
  return {
    id: 'sifting',
    name: 'Sifting',
    claim: siftingClaim(record),
    body: html`<figure>
        ${scatterPicture(scatter, `Samples on two principal components. ${suspectClaim(record)}`)}
        <figcaption>
          Two principal components of the last used tap; the axes have no unit.${thinned} Samples far outside are drawn
          on the edge.
        </figcaption>
      </figure>
      <div class="pair">
        <div>
          ${table(
            'Samples, seeds and first pool of each class',
            [
              { name: 'Class' },
              { name: 'Samples', kind: 'number' },
              { name: 'Seeds', kind: 'number' },
              { name: 'First pool', kind: 'number' },
              { name: 'Suspects', kind: 'number' },
            ],
            classes.map((one, k) => [
              one.className,
              count(one.samples),
              count(one.seeds),
              count(one.pool),
              count(samples.suspects.byClass[k] ?? 0),
            ]),
          )}${rest(sifting.perClass.length, classes.length, 'classes', 'report.json')}
        </div>
        <div>
          ${table(
            `Own-class share among the ${count(sifting.k)} nearest neighbours (rule: ${sifting.rule})`,
            [{ name: 'Tap' }, { name: 'Share', kind: 'number' }, { name: 'Chance', kind: 'number' }, { name: 'Used' }],
            sifting.taps.map((tap) => [
              tap.label,
              percent(tap.neighbourShare),
              percent(tap.chance),
              tap.used ? 'yes' : `no${tap.reason === '' ? '' : `: ${tap.reason}`}`,
            ]),
          )}
        </div>
      </div>
      ${
        sifting.warnings.length === 0
          ? null
          : table(
              'Classes that need a second look',
              [{ name: 'Class' }, { name: 'Code', kind: 'word' }, { name: 'What was met' }],
              sifting.warnings.map((warning) => [warning.className, warning.code, warning.message]),
            )
      }`,
  };
}

export function channelSection(record: ReportRecord): SectionContent {
  const { channels } = record;
  const rows = channels.layers.map((layer) => ({
    label: layer.label,
    parts: [layer.kept, layer.channels - layer.kept],
    note: `${count(layer.kept)} of ${count(layer.channels)} kept`,
  }));
  return {
    id: 'channels',
    name: 'Channels',
    claim: channelClaim(record),
    body:
      rows.length === 0
        ? null
        : !channels.used
          ? html`<p>
              In distilled mode no weight of the encoder reaches the sanitized model, so no channel was unlearned,
              recovered or kept, and no mask was computed.
            </p>`
          : html`<figure>
                ${barsPicture(rows, channelClaim(record), true)}
                <figcaption>
                  Share of each layer's channels that was kept (solid) and made anew (pale), in network order.
                </figcaption>
              </figure>
              <p>
                After unlearning the encoder was right on ${percent(channels.unlearnedAccuracy)} of the clean pool,
                after recovering the filters on ${percent(channels.recoveredAccuracy)};
                ${percent(channels.saturatedAtOne)} of the mask values came back to one (0.99 or more).
              </p>
              ${table(
                'Channel masks by layer: 0 = the channel gave way, 1 = it was needed',
                [
                  { name: 'Layer' },
                  { name: 'Channels', kind: 'number' },
                  { name: 'Kept', kind: 'number' },
                  { name: 'Lowest mask', kind: 'number' },
                  { name: 'Mean mask', kind: 'number' },
                  { name: 'Lowest kept', kind: 'number' },
                ],
                channels.layers.map((layer) => [
                  layer.label,
                  count(layer.channels),
                  count(layer.kept),
                  fixed(least(layer.mask), 3),
                  fixed(mean(layer.mask), 3),
                  fixed(least(layer.mask.filter((_, i) => layer.trusted[i])), 3),
                ]),
              )}`,
  };
}

export function bootstrapSection(record: ReportRecord): SectionContent {
  const { rounds, curves, samples } = record;
  const sizes = rounds.map((round) => ({ label: String(round.round), value: round.size }));
  const names = [...new Set(rounds.map((round) => round.guidance))].join(', ');
  const loss = curves.filter(
    (point) => ['warm-up', 'grow', 'final'].includes(point.stage) && point.name === 'training loss',
  );
  const byRound = rounds.map((round) => [round.round, round.loss] as const);
  const lossPoints =
    loss.length > 1 ? loss.map((point) => [point.at, point.value] as const).toSorted((a, b) => a[0] - b[0]) : byRound;
  const lossPicture = linePicture(
    [{ name: 'training loss', points: lossPoints }],
    'round',
    'Training loss over the rounds.',
  );
  return {
    id: 'bootstrapping',
    name: 'Bootstrapping',
    claim: bootstrapClaim(record),
    body:
      rounds.length === 0
        ? null
        : html`<div class="pair">
              <figure>
                ${columnPicture(sizes, 'round', bootstrapClaim(record))}
                <figcaption>
                  Samples in the pool after each round, of ${count(samples.total)}. Guidance: ${names}.
                </figcaption>
              </figure>
              ${
                lossPicture === null
                  ? null
                  : html`<figure>
                      ${lossPicture}
                      <figcaption>Training loss, mean of each epoch.</figcaption>
                    </figure>`
              }
            </div>
            ${table(
              'Rounds',
              [
                { name: 'Round', kind: 'number' },
                { name: 'Guidance', kind: 'word' },
                { name: 'Aimed at', kind: 'number' },
                { name: 'Pool', kind: 'number' },
                { name: 'Admitted', kind: 'number' },
                { name: 'Removed', kind: 'number' },
                { name: 'Held-out accuracy', kind: 'number' },
                { name: 'Loss', kind: 'number' },
                { name: 'Stopped because' },
              ],
              rounds.map((round) => [
                round.round,
                round.guidance,
                round.guidance === 'final' ? '–' : percent(round.share, 0),
                count(round.size),
                count(round.admitted),
                count(round.removed),
                percent(round.guardAccuracy),
                fixed(round.loss, 3),
                round.stopped ?? '',
              ]),
            )}`,
  };
}

export function suspectSection(record: ReportRecord, thumbnails: ReadonlyMap<number, string>): SectionContent {
  const { listed, total } = record.samples.suspects;
  const shown = listed.filter((suspect) => thumbnails.has(suspect.index));
  const rows = listed.slice(0, tableRows);
  return {
    id: 'suspects',
    name: 'Suspects',
    claim: suspectClaim(record),
    body:
      total === 0
        ? null
        : html`${
              shown.length === 0
                ? null
                : html`<div class="suspects">
                    ${shown.map(
                      (suspect) =>
                        html`<figure>
                          ${thumbnail(thumbnails.get(suspect.index) ?? '', `Sample ${suspect.index}, labelled ${suspect.className}`)}
                          <figcaption>
                            <b>${suspect.rank}.</b> ${suspect.className}<br />sample ${suspect.index}
                          </figcaption>
                        </figure>`,
                    )}
                  </div>`
            }
            <div class="pair">${lossFigure(record)}${predictedTable(record)}</div>
            ${table(
              'The suspect list, most suspicious first',
              [
                { name: 'Rank', kind: 'number' },
                { name: 'Sample' },
                { name: 'Label' },
                { name: 'Sanitized model says' },
                { name: 'Majority', kind: 'number' },
                { name: 'Consistency', kind: 'number' },
                { name: 'Probe loss', kind: 'number' },
                { name: 'Final loss', kind: 'number' },
                { name: 'Admitted', kind: 'word' },
              ],
              rows.map((suspect) => [
                suspect.rank,
                suspect.name,
                suspect.className,
                suspect.predictedClass,
                fixed(suspect.majority, 2),
                fixed(suspect.consistency, 2),
                fixed(suspect.probeLoss, 3),
                fixed(suspect.finalLoss, 3),
                suspect.admittedRound === null ? 'never' : `round ${suspect.admittedRound}`,
              ]),
            )}${rest(total, rows.length, 'suspects', 'sifted-set.csv')}`,
  };
}

export function outcomeSection(record: ReportRecord): SectionContent {
  const { outcome, rounds } = record;
  const n = outcome.guardSamples;
  const accuracy = rounds.map((round) => [round.round, round.guardAccuracy ?? NaN] as const);
  const picture = linePicture([{ name: 'accuracy', points: accuracy }], 'round', outcomeClaim(record), {
    y: [0, 1],
    percent: true,
  });
  const numbers = table(
    'Accuracy on held-out samples of the clean pool (95 % Wilson interval)',
    [
      { name: 'Model' },
      { name: 'Accuracy', kind: 'number' },
      { name: 'Interval', kind: 'number' },
      { name: 'n', kind: 'number' },
    ],
    [
      ['Undefended probe', percent(outcome.probeAccuracy), percentInterval(outcome.probeInterval), count(n)],
      ['Sanitized model', percent(outcome.sanitizedAccuracy), percentInterval(outcome.sanitizedInterval), count(n)],
    ],
  );
  return {
    id: 'outcome',
    name: 'Outcome',
    claim: outcomeClaim(record),
    body: html`<div class="pair">
      <div>
        ${numbers}
        <p class="quiet">
          These are the only labels that were examined. No trigger was given, so no attack success rate is stated; how
          often a pattern that was found flips an answer stands with the verdict on the encoder.
        </p>
      </div>
      ${
        picture === null
          ? null
          : html`<figure>
              ${picture}
              <figcaption>Accuracy on the held-out part of the clean pool after each round.</figcaption>
            </figure>`
      }
    </div>`,
  };
}

/** What the sanitized model says of the listed suspects: a hidden trigger shows as many true classes behind one label. */
function predictedTable({ samples }: ReportRecord): Markup {
  const pairs = Map.groupBy(samples.suspects.listed, (one) => JSON.stringify([one.className, one.predictedClass]));
  const rows = [...pairs.values()].toSorted((a, b) => b.length - a.length).slice(0, 10);
  return table(
    `Label given and class the sanitized model sees, of ${counted(samples.suspects.listed.length, 'listed suspect')}`,
    [{ name: 'Label given' }, { name: 'Class seen' }, { name: 'Suspects', kind: 'number' }],
    rows.map((group) => [group[0].className, group[0].predictedClass, count(group.length)]),
  );
}

/** Where the losses of suspects lie and where those of all others. */
function lossFigure({ samples }: ReportRecord): Markup | null {
  const { finalLoss, suspects } = samples;
  if (finalLoss === null || suspects.total === 0) return null;
  const steps = (counts: readonly number[]): (readonly [number, number])[] => {
    const sum = counts.reduce((all, one) => all + one, 0);
    return counts.flatMap((one, k): [number, number][] => [
      [finalLoss.edges[k], sum === 0 ? 0 : one / sum],
      [finalLoss.edges[k + 1], sum === 0 ? 0 : one / sum],
    ]);
  };
  const series = [
    { name: `suspects (${count(suspects.total)})`, points: steps(finalLoss.suspects) },
    { name: `all others (${count(samples.total - suspects.total)})`, points: steps(finalLoss.others) },
  ];
  const label = 'How the final loss is spread among suspects and among all other samples.';
  const picture = linePicture(series, 'loss under the sanitized model', label, { percent: true });
  return picture === null
    ? null
    : html`<figure>
        ${picture}
        <figcaption>
          Share of each group by its loss under the sanitized model; the last step holds what lies beyond.
        </figcaption>
      </figure>`;
}

/** @throws TypeError for anything but a PNG as a data URI: nothing else may stand in an attribute that loads. */
export function thumbnail(source: string, text: string): Markup {
  if (!/^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/.test(source)) {
    throw new TypeError(`a thumbnail must be a PNG data URI, met ${source.slice(0, 40)}`);
  }
  return html`<img src="${source}" alt="${text}" loading="lazy" />`;
}

function rest(total: number, shown: number, what: string, where: string): Markup | null {
  return total > shown
    ? html`<p class="quiet">${count(shown)} of ${count(total)} ${what} are shown; ${where} has them all.</p>`
    : null;
}

function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((low, value) => (value < low ? value : low), Infinity);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
