/** docs/formats.md holds exactly the rows that the conformance tests declare in `table/*.json` (see `table.ts`). */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { TableRow } from './table.ts';

const folder = new URL('table/', import.meta.url);
const page = new URL('../../docs/formats.md', import.meta.url);
const start = '<!-- rows -->\n';
const end = '<!-- end of rows -->';

function rows(): TableRow[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as TableRow[])
    .sort((a, b) => (a.format < b.format ? -1 : a.format > b.format ? 1 : a.feature < b.feature ? -1 : 1));
}

/** As prettier would align it. */
function table(list: readonly TableRow[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s+/g, ' ');
  const lines = list.map(({ format, feature, result }) => [format, feature, result].map(cell));
  const header = ['format', 'feature', 'result'];
  const widths = header.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at].length)));
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((text, at) => text.padEnd(widths[at])).join(' | ')} |`;
  return [row(header), row(widths.map((width) => '-'.repeat(width))), ...lines.map(row)].join('\n');
}

it('the page of formats says what the conformance tests saw', () => {
  const text = readFileSync(page, 'utf8');
  const [before, rest] = text.split(start);
  const made = `${before}${start}\n${table(rows())}\n\n${rest.slice(rest.indexOf(end))}`;
  if (process.env['UPDATE_TABLE'] === '1') writeFileSync(page, made);
  expect(readFileSync(page, 'utf8'), 'run the conformance tests with UPDATE_TABLE=1').toBe(made);
});
