/**
 * The rows of the conformance table in docs/formats.md. A conformance test declares its rows while it runs, after what a
 * row claims was seen; they are kept in `table/<test>.json`, and the test fails when the file says something else. With
 * UPDATE_TABLE=1 the file is written instead, and the page with it (`formats-page.test.ts`).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';

export interface TableRow {
  /** Format as people call it: "PyTorch .pth". */
  readonly format: string;
  /** What of it, and written by what. */
  readonly feature: string;
  /** What was seen: "within 1e-4", "read", "refused by name". */
  readonly result: string;
}

const fileOf = (name: string): URL => new URL(`table/${name}.json`, import.meta.url);

const byText = (a: TableRow, b: TableRow): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** The rows in `table/<name>.json`. */
export function rowsIn(name: string): TableRow[] {
  const file = fileOf(name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as TableRow[]) : [];
}

/** One row of a test that is too long to be run as a whole: seen now, and the other rows stay as they are. */
export function seenRow(name: string, row: TableRow): void {
  const others = rowsIn(name).filter(({ format, feature }) => format !== row.format || feature !== row.feature);
  if (process.env['UPDATE_TABLE'] === '1') {
    writeFileSync(fileOf(name), `${JSON.stringify([...others, row].sort(byText), null, 2)}\n`);
  }
  expect(rowsIn(name), `${name}: run its test with UPDATE_TABLE=1`).toContainEqual(row);
}

/** @param name of the test file without ".test.ts" */
export function tableRows(name: string): { row(row: TableRow): void } {
  const file = fileOf(name);
  const rows: TableRow[] = [];
  afterAll(() => {
    const ordered = [...new Map(rows.map((row) => [JSON.stringify(row), row])).values()].sort(byText);
    if (process.env['UPDATE_TABLE'] === '1') writeFileSync(file, `${JSON.stringify(ordered, null, 2)}\n`);
    expect(JSON.parse(readFileSync(file, 'utf8')), `${name}: run its test with UPDATE_TABLE=1`).toEqual(ordered);
  });
  return { row: (row) => void rows.push(row) };
}
