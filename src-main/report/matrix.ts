/** The matrix of a bench as CSV, JSON and a page without scripts. */
import type { BenchOutcome, BenchResult, BenchRow, Count, Rates, RecoveredRow } from '../../src-shared/domain/bench.ts';
import type { Json } from '../../src-shared/json.ts';
import { binomialInterval } from '../../src-shared/statistics.ts';
import { html, trusted, type Content, type Markup } from './html/markup.ts';
import { style } from './html/style.ts';
import { plainJson } from './plain-json.ts';

export interface Matrix {
  readonly plan: string;
  readonly domain: string;
  readonly samples: number;
  readonly version: string;
  /** Cells of the plan; `outcomes` holds those that are finished. */
  readonly cells: number;
  readonly outcomes: readonly BenchOutcome[];
}

const percent = ({ hits, of }: Count): number | null => (of === 0 ? null : (100 * hits) / of);
const interval = ({ hits, of }: Count): readonly [number, number] | null => {
  const found = binomialInterval(of === 0 ? null : hits / of, of);
  return found && [100 * found[0], 100 * found[1]];
};
const fixed = (value: number | null): string => (value === null ? '' : value.toFixed(1));

/** Columns of one rate: the value and its 95 % interval. */
const rateColumns = (name: string): string[] => [name, `${name} low`, `${name} high`];
const rateCells = (count: Count): string[] => {
  const bounds = interval(count);
  return [fixed(percent(count)), fixed(bounds?.[0] ?? null), fixed(bounds?.[1] ?? null)];
};
const ratesCells = ({ acc, asr, control }: Rates): string[] => [
  ...rateCells(acc),
  ...rateCells(asr),
  ...rateCells(control),
];
const ratesColumns = (of: string): string[] =>
  ['ACC', 'ASR', 'control'].flatMap((name) => rateColumns(`${of} ${name}`));

const first = ['encoder', 'dataset', 'seed', 'preset', 'mode', 'trigger', 'state'];

/** One line per cell and trigger; percent with a point; intervals are Wilson's, 95 %. RFC 4180. */
export function matrixCsv(matrix: Matrix): string {
  const controls = controlsOf(matrix);
  const header = [
    ...first,
    ...ratesColumns('no defense'),
    ...ratesColumns('sanitized'),
    ...controls.flatMap(ratesColumns),
    'poison planted',
    'poison in seeds',
    'poison in first pool',
    'poison ever admitted',
    'poison taught in the last growth',
    'growths',
    'enrichment',
    'top moved channels kept',
    'suspects',
    'poison among suspects',
    'encoder verdict',
    'dataset verdict',
    'recovered by',
    'announced',
    'likeness measure',
    'likeness',
    'recovered flips undefended',
    'recovered flips sanitized',
    'random pattern flips undefended',
    'seconds',
    'peak MB',
    'error',
  ];
  const lines = matrix.outcomes.flatMap((outcome) => csvLines(outcome, controls, header.length));
  return [header, ...lines].map((line) => `${line.map(csvField).join(',')}\r\n`).join('');
}

function csvLines(outcome: BenchOutcome, controls: readonly string[], width: number): string[][] {
  const { encoder, dataset, seed, preset, mode } = outcome.cell;
  const cell = [encoder, dataset, String(seed), preset, mode];
  if (outcome.state === 'failed') {
    const line = [...cell, '', 'failed'];
    return [[...line, ...new Array<string>(width - line.length - 1).fill(''), `${outcome.code}: ${outcome.message}`]];
  }
  const { leaks, enrichment, suspects, verdict, seconds, peakBytes } = outcome;
  return outcome.rows.map((row) => [
    ...cell,
    row.trigger,
    row.state,
    ...ratesCells(row.undefended),
    ...ratesCells(row.sanitized),
    ...controls.flatMap((name) =>
      Object.hasOwn(row.controls, name) ? ratesCells(row.controls[name]) : new Array<string>(9).fill(''),
    ),
    String(leaks.of),
    String(leaks.seeds),
    String(leaks.pool),
    String(leaks.admitted),
    String(leaks.taught ?? ''),
    String(outcome.growths ?? ''),
    enrichment === null ? '' : enrichment.toFixed(3),
    fixed(percent(row.movedChannelsKept)),
    String(suspects.of),
    String(suspects.hits),
    verdict.encoder,
    verdict.dataset,
    ...recoveredCells(row),
    seconds.toFixed(1),
    (peakBytes / 1e6).toFixed(0),
    '',
  ]);
}

/** The first of what was recovered; empty where nothing was, or in a cell of a version that did not look. */
function recoveredCells({ recovered = [] }: BenchRow): string[] {
  if (recovered.length === 0) return new Array<string>(7).fill('');
  const [{ by, form, announced, measure, likeness, flippedUndefended, flippedSanitized, flippedControl }] = recovered;
  return [
    `${by} (${form})`,
    announced ? 'yes' : 'no',
    measure,
    likeness.toFixed(2),
    fixed(100 * flippedUndefended),
    fixed(100 * flippedSanitized),
    fixed(flippedControl === null ? null : 100 * flippedControl),
  ];
}

/** A field that a spreadsheet would take for a formula is written as text. */
function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function controlsOf({ outcomes }: Matrix): readonly string[] {
  const names = new Set<string>();
  for (const outcome of outcomes) {
    if (outcome.state === 'done')
      for (const row of outcome.rows) for (const name of Object.keys(row.controls)) names.add(name);
  }
  return [...names];
}

export function matrixJson(matrix: Matrix): string {
  return plainJson(matrix as unknown as Json);
}

/** Thirteen columns: words stay whole, pictures side by side, and the table scrolls where the window is narrow. */
const tableStyle = `body{max-width:1760px}
td,th{overflow-wrap:normal}
td:nth-child(1){min-width:9em}
td:nth-child(2){min-width:186px}
td:nth-child(n+4):nth-child(-n+6){white-space:nowrap}
.shots{white-space:nowrap}
.shots img{width:56px;height:56px;image-rendering:pixelated;margin-right:4px}
.plain li{min-width:15em}`;

/** Self-contained: pictures are data URIs, text is escaped, nothing is loaded and nothing runs. */
export function matrixHtml(matrix: Matrix): string {
  const done = matrix.outcomes.filter((outcome) => outcome.state === 'done');
  const failed = matrix.outcomes.filter((outcome) => outcome.state === 'failed');
  const rows = done.flatMap((outcome) => outcome.rows.map((row) => ({ outcome, row })));
  const controls = controlsOf(matrix);
  const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Bench ${matrix.plan}</title>
        ${trusted(`<style>${style}\n${tableStyle}</style>`)}
      </head>
      <body>
        <h1>Bench ${matrix.plan}</h1>
        <p class="quiet">
          Domain ${matrix.domain}, ${matrix.samples} samples a cell; ${matrix.outcomes.length} of ${matrix.cells} cells
          finished; Coresift ${matrix.version}.
        </p>
        <p>
          ${summary(
            rows.map(({ row }) => row),
            failed.length,
          )}
        </p>
        <p>
          ACC is accuracy on held-back images, ASR the share of triggered images of attacked classes that are called the
          target, control the same without the trigger; percent, with 95 % intervals. A row is void where the attack
          does not work on the undefended model (ASR below 60, or below control + 50): it says nothing of the defence.
          Leaks count poison among seeds and in the first pool as sifted, ever admitted by any growth, and taught to the
          sanitized model. Kept: share of the channels that the trigger moves most (5 % of each layer) that were kept as
          trusted. Recovered: the pattern that the audit found without knowing the trigger, and how like the planted one
          it is: a patch by the overlap of the pixels (intersection over union), a change of the whole image by the
          correlation of the mean changes.
        </p>
        <div class="scroll">
          <table>
            <thead>
              <tr>
                ${[
                  'Cell',
                  'Trigger',
                  'State',
                  'No Defense ACC / ASR / control',
                  'Sanitized ACC / ASR / control',
                  ...controls.map((name) => `${name} ACC / ASR`),
                  'Leaks seeds / pool / admitted / taught of planted',
                  'Enrichment',
                  'Kept',
                  'Recovered',
                  'Encoder, dataset',
                  's',
                  'MB',
                ].map((name) => html`<th scope="col">${name}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${rows.map(({ outcome, row }) => tableRow(outcome, row, controls))}
            </tbody>
          </table>
        </div>
        ${failed.length === 0 ? null : failures(failed)}
      </body>
    </html>`;
  return `${page.markup}\n`;
}

function summary(rows: readonly BenchRow[], failed: number): string {
  const counted = rows.filter((row) => row.state === 'counted');
  const excess = counted
    .map((row) => (percent(row.sanitized.asr) ?? 0) - (percent(row.sanitized.control) ?? 0))
    .sort((a, b) => a - b);
  const voids = rows.filter((row) => row.state === 'void').length;
  const middle = excess.length === 0 ? null : (excess[(excess.length - 1) >> 1] + excess[excess.length >> 1]) / 2;
  const found =
    middle === null
      ? ''
      : `, sanitized ASR minus control: median ${fixed(middle)}, worst ${fixed(excess[excess.length - 1])}`;
  return `${counted.length} rows counted, ${voids} void, ${failed} cells failed${found}.`;
}

function rateText(count: Count): string {
  const bounds = interval(count);
  return bounds === null ? '–' : `${fixed(percent(count))} (${fixed(bounds[0])}–${fixed(bounds[1])})`;
}

const all = ({ acc, asr, control }: Rates): Markup =>
  html`${rateText(acc)}<br />${rateText(asr)}<br />${rateText(control)}`;

function tableRow(outcome: BenchResult, row: BenchRow, controls: readonly string[]): Markup {
  const { cell } = outcome;
  const cells: Content[] = [
    html`${cell.encoder} + ${cell.dataset}<br /><span class="quiet"
        >seed ${cell.seed}, ${cell.preset}, ${cell.mode}</span
      >`,
    html`<div class="shots">${row.pictures.map((picture) => image(picture))}</div>
      ${row.trigger}: ${row.about}`,
    row.state,
    all(row.undefended),
    all(row.sanitized),
    ...controls.map((name) =>
      Object.hasOwn(row.controls, name)
        ? html`${rateText(row.controls[name].acc)}<br />${rateText(row.controls[name].asr)}`
        : '–',
    ),
    leaksText(outcome),
    outcome.enrichment === null ? '–' : outcome.enrichment.toFixed(2),
    rateOnly(row.movedChannelsKept),
    html`${(row.recovered ?? []).map(recoveredItem)}`,
    `${outcome.verdict.encoder}, ${outcome.verdict.dataset}`,
    outcome.seconds.toFixed(0),
    (outcome.peakBytes / 1e6).toFixed(0),
  ];
  return html`<tr>
    ${cells.map((content) => html`<td>${content}</td>`)}
  </tr>`;
}

/** One recovered pattern: its picture, how like, and what it flips. */
function recoveredItem(item: RecoveredRow): Markup {
  return html`<div class="shots">
    ${image(item.picture)}${recoveredText(item)}${item.announced ? '' : '; not announced'}
  </div>`;
}

/** In the undefended and in the sanitized model, and by a random pattern of its size. */
function recoveredText(item: RecoveredRow): string {
  const { by, measure, likeness, flippedUndefended, flippedSanitized, flippedControl } = item;
  const flips = [flippedUndefended, flippedSanitized, flippedControl]
    .map((rate) => (rate === null ? '–' : fixed(100 * rate)))
    .join(' / ');
  return `${by}: ${measure} ${likeness.toFixed(2)}, flips ${flips}`;
}

const rateOnly = (count: Count): string => (count.of === 0 ? '–' : `${fixed(percent(count))} % of ${count.of}`);

/** Only what is base64 becomes a picture: the bench folder may have been edited. */
function image(base64: string): Markup | null {
  if (!/^[A-Za-z0-9+/]+=*$/.test(base64)) return null;
  return trusted(`<img alt="" src="data:image/png;base64,${base64}">`);
}

function failures(failed: readonly BenchOutcome[]): Markup {
  return html`<h2>Cells that failed</h2>
    <ul class="plain">
      ${failed.map((outcome) =>
        outcome.state === 'failed'
          ? html`<li>
              ${outcome.cell.encoder} + ${outcome.cell.dataset}, seed ${outcome.cell.seed}: ${outcome.message}
            </li>`
          : null,
      )}
    </ul>`;
}

/** Poison in the seeds, in the first pool, ever admitted; and in what the model was taught, where that is known. */
function leaksText({ leaks, growths }: BenchResult): string {
  const sifted = [leaks.seeds, leaks.pool, leaks.admitted];
  const all = leaks.taught === undefined ? sifted : [...sifted, leaks.taught];
  return `${all.join(' / ')} of ${leaks.of}${(growths ?? 1) > 1 ? `, grown ${growths} times` : ''}`;
}

/** The same on a terminal: one line per row. */
export function matrixLines(outcome: BenchOutcome): readonly string[] {
  const { encoder, dataset, seed, preset, mode } = outcome.cell;
  const name = `${encoder} + ${dataset}, seed ${seed}, ${preset}, ${mode}`;
  if (outcome.state === 'failed') return [`${name}: failed (${outcome.code}) ${outcome.message}`];
  const { verdict } = outcome;
  const three = ({ acc, asr, control }: Rates): string =>
    [acc, asr, control].map((rate) => fixed(percent(rate))).join(' / ');
  return outcome.rows.flatMap((row) => [
    `${name} [${row.trigger}] ${row.state}: No Defense ${three(row.undefended)}; sanitized ${three(row.sanitized)}; ` +
      `leaks ${leaksText(outcome)}; kept ${rateOnly(row.movedChannelsKept)}; ` +
      `${verdict.encoder}, ${verdict.dataset}`,
    ...Object.entries(row.controls).map(([control, rates]) => `  ${control}: ${three(rates)}`),
    ...(row.recovered ?? []).map((item) => `  ${recoveredText(item)}${item.announced ? '' : '; not announced'}`),
  ]);
}
