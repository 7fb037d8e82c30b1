/**
 * The journal of one run as it travels in a pack: every entry of the run whole, of every other entry its number, the hash
 * before it and its own. So the chain can be followed from the first entry to the last without what is others'.
 */
import type { Check } from '../../src-shared/domain/check.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import { canonicalJson, digestJson, sha256 } from './canonical.ts';
import { encodeColumn, type ColumnData } from './columns.ts';
import { entryHash, genesisHash, type EntryRow, type Facts } from './entries.ts';

const format = 'coresift-journal-excerpt';
type Members = Readonly<Record<string, Json>>;

export function excerptText(entries: readonly EntryRow[], project: string, run: string): string {
  const lines: Json[] = [{ format, version: 1, project, run }];
  for (const { seq, run: of, kind, at, body, prev_hash: prev, hash } of entries) {
    const shared = of === run || of === null;
    lines.push(shared ? { seq, run: of, kind, at, body: JSON.parse(body) as Json, prev, hash } : { seq, prev, hash });
  }
  return lines.map((line) => `${canonicalJson(line)}\n`).join('');
}

export interface Excerpt {
  readonly project: string;
  readonly run: string;
  readonly entries: readonly {
    readonly seq: number;
    readonly kind: string | null;
    readonly hash: string;
    readonly body: Members;
  }[];
  readonly checks: readonly Check[];
}

/** Follows the chain; what does not fit is a check that is not ok. Null when the text is no excerpt at all. */
export function readExcerpt(text: string): Excerpt | null {
  const lines = text.split('\n');
  if (lines.pop() !== '') return null;
  const parsed = lines.map((line) => parse(line));
  const head = parsed[0];
  if (head?.['format'] !== format || typeof head['project'] !== 'string' || typeof head['run'] !== 'string')
    return null;
  const { project, run } = head as { project: string; run: string };
  const checks: Check[] = [];
  const fault = (what: string, detail: string): void =>
    void checks.push({ what: `journal: ${what}`, ok: false, detail });
  const entries: Excerpt['entries'][number][] = [];
  let prev = genesisHash(project);
  let seq = 0;
  parsed.slice(1).forEach((entry, i) => {
    if (entry === null || canonicalJson(entry) !== lines[i + 1]) {
      fault(`line ${i + 2}`, 'It is not the canonical JSON it was written as.');
      return;
    }
    const number = Number(entry['seq']);
    const what = `entry ${number}${typeof entry['kind'] === 'string' ? ` (${visibleName(entry['kind'])})` : ''}`;
    if (number !== seq + 1) fault(what, `It stands after entry ${seq}: one is missing, doubled or moved.`);
    if (entry['prev'] !== prev)
      fault(what, 'It does not follow the entry before it: that one or this one was changed.');
    const body = entry['body'];
    if (body !== undefined && body !== null && typeof body === 'object' && !Array.isArray(body)) {
      const { at, kind, run: of } = entry;
      const fields = {
        seq: number,
        run: of as string | null,
        kind: String(kind),
        at: String(at),
        prev_hash: String(entry['prev']),
      };
      if (entryHash(fields, body) !== entry['hash'])
        fault(what, 'Its hash does not fit what it says: one of them was changed.');
      entries.push({ seq: number, kind: String(kind), hash: String(entry['hash']), body: body as Members });
    } else entries.push({ seq: number, kind: null, hash: String(entry['hash']), body: {} });
    prev = String(entry['hash']);
    seq = number;
  });
  if (checks.length === 0) {
    checks.push({
      what: 'journal',
      ok: true,
      detail: `${entries.length} entries follow each other; the last is ${prev}.`,
    });
  }
  return { project, run, entries, checks };
}

/** Rows of a table that the excerpt's entries speak for, in the order they were written. */
export function rowsIn(excerpt: Excerpt, table: string): Facts[] {
  return excerpt.entries.flatMap(({ body }) => {
    const rows = body[table];
    return Array.isArray(rows) ? (rows as Facts[]) : [];
  });
}

/** What an entry says of a text: itself, or its digest where it is longer than 64 characters. */
export function factOf(text: string): Json {
  return text.length > 64 ? { sha256: sha256(text) } : text;
}

export function sameFact(a: Json | undefined, b: Json): boolean {
  return a !== undefined && canonicalJson(a) === canonicalJson(b);
}

export function columnDigest(data: ColumnData): string {
  return sha256(encodeColumn(data));
}

export function workDigest(steps: readonly string[]): string {
  return digestJson(steps);
}

function parse(line: string): Members | null {
  try {
    const value = JSON.parse(line) as Json;
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Members) : null;
  } catch {
    return null;
  }
}
