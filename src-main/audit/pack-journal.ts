/** What a pack says against the journal in it: record, request, results, decisions, files of the audit, masks and sets. */
import { parse } from 'csv-parse/sync';
import type { Check } from '../../src-shared/domain/check.ts';
import { noDeclarations } from '../../src-shared/domain/declarations.ts';
import type { AuditResult } from '../../src-shared/domain/result.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import { reportJson } from '../report/json.ts';
import { journalName } from '../report/pack.ts';
import type { ReportRecord } from '../report/record.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import { columnDigest, factOf, readExcerpt, rowsIn, sameFact, workDigest, type Excerpt } from '../store/excerpt.ts';
import { committedResult } from './audit-result.ts';
import { digestBytes } from './files.ts';
import { reportIdOf, uuidOf } from './outputs.ts';
import type { PackFiles } from './verify-pack.ts';

/** Files whose digests the journal knows from the audit itself; reports may be written again with another marking. */
const fromAudit = ['sanitized.onnx', 'sanitized.safetensors', 'channel-masks.json', 'sifted-set.csv'];

export interface JournalFindings {
  readonly checks: readonly Check[];
  /** Whether the record is the run's, but for what was declared, decided and compared since. */
  readonly recordStands: boolean;
  /** SHA-256 of every file that the run wrote, as the journal says; the last row of a name counts. */
  readonly exported: ReadonlyMap<string, string>;
}

export async function journalChecks(pack: PackFiles, record: ReportRecord): Promise<JournalFindings> {
  const { names, read, digest } = pack;
  const excerpt = readExcerpt(read(journalName));
  if (excerpt === null) {
    const checks = [{ what: journalName, ok: false, detail: 'It is not the excerpt of a journal.' }];
    return { checks, recordStands: false, exported: new Map() };
  }
  const checks: Check[] = [...excerpt.checks];
  const check = (what: string, ok: boolean, good: string, bad: string): void =>
    void checks.push({ what: `journal: ${what}`, ok, detail: ok ? good : bad });
  const { journal } = record;
  check(
    'project and run',
    excerpt.project === journal.projectId && excerpt.run === record.run.id,
    'Those of the report.',
    'The journal is of another project or run than the report.',
  );
  const head = excerpt.entries.find((entry) => entry.seq === journal.head.seq);
  check(
    `entry ${journal.head.seq}`,
    head?.hash === journal.head.hash,
    'It has the hash that the report names.',
    'The report names another hash here, or the entry is missing: the journal was cut or rewritten.',
  );
  const steps = rowsIn(excerpt, 'step').map((row) => String(row['digest']));
  check(
    'digest of the work',
    workDigest(steps) === journal.runDigest,
    `${steps.length} steps give it.`,
    'The steps in the journal do not give the digest that the report names.',
  );
  const finished = rowsIn(excerpt, 'run_state').filter((row) => row['state'] === 'finished');
  check(
    'verdict',
    sameFact(finished.at(-1)?.['verdict'], fact(record.verdict)),
    'The report says what was committed.',
    'The report gives another verdict than the one that was committed.',
  );
  check(
    'results',
    resultsOf(record).some((result) => sameFact(finished.at(-1)?.['result'], fact(result))),
    'Subjects, sifting, channels, rounds, outcome and parameters are the committed ones.',
    'The report gives other subjects, sifting, channels, rounds, outcome or parameters than those that were committed.',
  );
  const [started] = rowsIn(excerpt, 'run');
  check(
    'request',
    sameFact(started?.['request'], fact(record.method.request)) && started?.['started_at'] === record.run.startedAt,
    'The report names what was asked for, and when.',
    'The report names another request or start than the ones that were committed.',
  );
  checks.push(decisionCheck(excerpt, record));
  const exported = new Map(rowsIn(excerpt, 'export').map((row) => [String(row['path']), String(row['sha256'])]));
  const recordStands = originalRecord(excerpt, record) === exported.get('report.json');
  check(
    'record',
    recordStands,
    'It is the record that the run wrote, but for what was declared, decided and compared since.',
    'Beside what may be declared, decided and compared later, it is not the record that the run wrote.',
  );
  for (const name of fromAudit.filter((one) => names.includes(one) || exported.has(one))) {
    const met = names.includes(name) ? await digest(name) : 'no such file';
    check(
      name,
      exported.get(name) === met,
      'It is as the run wrote it.',
      `The run wrote ${exported.get(name) ?? 'none'}, the pack has ${met}.`,
    );
  }
  if (names.includes('channel-masks.json')) checks.push(maskCheck(excerpt, read('channel-masks.json')));
  if (names.includes('sifted-set.csv')) checks.push(setCheck(excerpt, read('sifted-set.csv')));
  return { checks, recordStands, exported };
}

const fact = (value: unknown): Json => factOf(canonicalJson(toJson(value)));

/**
 * What was committed when the run ended, from where it stands in the record. Where there are no second opinions, the
 * run of an earlier version has no place for them at all.
 */
function resultsOf(record: ReportRecord): readonly unknown[] {
  const { guardSamples, probeAccuracy, sanitizedAccuracy } = record.outcome;
  const { sifting, channels, rounds, triggers, verdict } = record;
  const opinions = record.opinions?.map(({ name: _name, source: _source, means: _means, ...opinion }) => opinion);
  const result: AuditResult = {
    ...record.subject,
    sifting,
    channels,
    rounds,
    triggers,
    outcome: { guardSamples, probeAccuracy, sanitizedAccuracy },
    verdict,
    parameters: record.method.parameters,
  };
  const suspects = record.samples.suspects.total;
  const told = committedResult({ ...result, opinions: opinions ?? null }, suspects);
  return opinions === undefined ? [told, committedResult(result, suspects)] : [told];
}

/** Every decision of the journal, and none beside. */
function decisionCheck(excerpt: Excerpt, { decisions }: ReportRecord): Check {
  const what = 'journal: decisions';
  const committed = rowsIn(excerpt, 'decision');
  const differing = committed.findIndex((row, i) => {
    const { subject_key: key, run: _, ...facts } = row;
    const told = Object.entries({ ...facts, key }).map(([name, value]) => {
      const shown: unknown = (decisions[i] as unknown as Record<string, unknown> | undefined)?.[name];
      return typeof shown === 'string' ? sameFact(value, factOf(shown.toWellFormed())) : value === shown;
    });
    return !told.every(Boolean);
  });
  if (committed.length !== decisions.length || differing >= 0) {
    const place = differing >= 0 ? differing : committed.length;
    const detail = `The report tells of ${decisions.length} decisions, the journal of ${committed.length}; number ${place + 1} differs.`;
    return { what, ok: false, detail };
  }
  return { what, ok: true, detail: `The report tells of all ${committed.length}.` };
}

/**
 * SHA-256 of report.json as the run wrote it: without what people declared, without the comparison, with the decisions
 * there were, under its first id. A record that was written again under another id must carry the id of its content.
 */
function originalRecord(excerpt: Excerpt, record: ReportRecord): string | null {
  const since = new Set(
    excerpt.entries
      .filter((entry) => entry.seq > record.journal.head.seq)
      .flatMap(({ body }) => (Array.isArray(body['decision']) ? body['decision'] : []))
      .map((row) => (row as { id?: unknown }).id),
  );
  const original: ReportRecord = {
    ...record,
    reportId: reportIdOf(record.run.id, record.journal.runDigest),
    declarations: noDeclarations,
    decisions: record.decisions.filter((one) => !since.has(one.id)),
    baseline: null,
  };
  const text = reportJson(original);
  if (text !== reportJson(record)) {
    const own = uuidOf(canonicalJson(toJson({ ...record, reportId: '' })));
    if (record.reportId !== own) return null;
  }
  return digestBytes(text);
}

/** Every layer's mask and choice of channels, as committed. */
function maskCheck(excerpt: Excerpt, text: string): Check {
  const what = 'journal: channel masks';
  const committed = new Map(rowsIn(excerpt, 'channel_mask').map((row) => [String(row['layer']), row]));
  let layers: { id: string; mask: Json; trusted: Json }[];
  try {
    ({ layers } = JSON.parse(text) as { layers: typeof layers });
    const wrong = layers.filter(({ id, mask, trusted }) => {
      const row = committed.get(id);
      return (
        !sameFact(row?.['mask'], factOf(canonicalJson(mask))) ||
        !sameFact(row?.['trusted'], factOf(canonicalJson(trusted)))
      );
    });
    if (wrong.length > 0 || layers.length !== committed.size) {
      const names = wrong.map((layer) => visibleName(layer.id)).join(', ');
      return { what, ok: false, detail: `They are not the committed ones${names === '' ? '' : ` in ${names}`}.` };
    }
  } catch {
    return { what, ok: false, detail: 'channel-masks.json cannot be read.' };
  }
  return { what, ok: true, detail: `${layers.length} layers are as they were committed.` };
}

/** Seeds and rounds of admission, as committed, sample by sample. */
function setCheck(excerpt: Excerpt, text: string): Check {
  const what = 'journal: sifted set';
  const entry = excerpt.entries.find(({ body }) =>
    rowsNamed(body['sifted_set']).some((row) => row['label'] === 'final'),
  );
  const committed = new Map(
    rowsNamed(entry?.body['sifted_column']).map((row) => [String(row['name']), String(row['blob'])]),
  );
  try {
    const rows = parse(text, { columns: true, bom: false }) as Record<string, string>[];
    const columns = {
      index: Int32Array.from(rows, (row) => Number(row['index'])),
      seed: Uint8Array.from(rows, (row) => Number(row['in_seed_set'])),
      admittedRound: Int32Array.from(rows, (row) =>
        row['round_admitted'] === '' ? -1 : Number(row['round_admitted']),
      ),
    };
    const wrong = Object.entries(columns).filter(([name, data]) => committed.get(name) !== columnDigest(data));
    const names = wrong.map(([name]) => name).join(', ');
    if (wrong.length > 0) return { what, ok: false, detail: `It is not the committed one: ${names}.` };
    return { what, ok: true, detail: `${rows.length} samples have the seeds and rounds that were committed.` };
  } catch {
    return { what, ok: false, detail: 'sifted-set.csv cannot be read.' };
  }
}

function rowsNamed(rows: Json | undefined): readonly Readonly<Record<string, Json>>[] {
  return Array.isArray(rows) ? (rows as Readonly<Record<string, Json>>[]) : [];
}
