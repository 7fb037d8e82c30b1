/** What the committed steps of a run say beyond its columns: scores per tap, neighbours per tap, who was in which pool. */
import type { JournalPage, Neighbours, OpinionTable, PoolMembers, TapScores } from '../../src-shared/contract.ts';
import type { Opinion } from '../../src-shared/domain/opinion.ts';
import type { SiftingFacts } from '../../src-shared/domain/result.ts';
import type { PoolRound } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { readRawSafetensors, type RawTensor } from '../formats/models-out/safetensors.ts';
import type { ProjectReader, StepRecord } from '../store/reader.ts';

/** Views of a step's bytes: what is not asked for is not copied. */
type Tensors = ReadonlyMap<string, RawTensor>;

/** Parsed steps, the last few: a page asks for one sample after the other of the same run. */
export interface StepCache {
  tensors(reader: ProjectReader, run: string, step: StepRecord): Promise<Tensors | null>;
  clear(): void;
}

const mostSteps = 2;

export function stepCache(): StepCache {
  const kept = new Map<string, Promise<Tensors | null>>();
  return {
    tensors(reader, run, step) {
      const key = `${run} ${step.digest}`;
      const known = kept.get(key);
      if (known !== undefined) return known;
      const reading = tensorsOf(reader, step);
      kept.set(key, reading);
      // What could not be read is looked for again the next time.
      reading.then(
        (found) => found === null && kept.delete(key),
        () => kept.delete(key),
      );
      const [oldest] = kept.keys();
      if (kept.size > mostSteps) kept.delete(oldest);
      return reading;
    },
    clear: () => kept.clear(),
  };
}

async function tensorsOf(reader: ProjectReader, step: StepRecord): Promise<Tensors | null> {
  const bytes = await reader.stepTensorsInParts(step);
  return bytes === null ? null : readRawSafetensors(bytes).tensors;
}

/** Own copies of a tensor's values, or of a part of them; null where there is none of that type. */
export function floats(tensor: RawTensor | undefined): Float32Array | null {
  return tensor?.type === 'F32' ? new Float32Array(tensor.bytes.slice().buffer) : null;
}
function ints(tensor: RawTensor | undefined, from = 0, to = Infinity): Int32Array | null {
  return tensor?.type === 'I32' ? new Int32Array(tensor.bytes.slice(4 * from, 4 * to).buffer) : null;
}
const lengthOf = (tensor: RawTensor | undefined): number => tensor?.dims.reduce((all, dim) => all * dim, 1) ?? 0;

interface Sifted {
  readonly facts: SiftingFacts;
  readonly tensors: Tensors;
}

async function sifted(reader: ProjectReader, run: string, cache: StepCache): Promise<Sifted | null> {
  const step = reader.step(run, 'sift');
  const tensors = step === null ? null : await cache.tensors(reader, run, step);
  return step === null || tensors === null
    ? null
    : { facts: (step.data as unknown as { facts: SiftingFacts }).facts, tensors };
}

/** @returns null before the sift stage is committed @throws ExpectedError project-corrupt */
export async function tapScores(reader: ProjectReader, run: string, cache: StepCache): Promise<TapScores | null> {
  const found = await sifted(reader, run, cache);
  if (found === null) return null;
  const rows = found.facts.taps.flatMap(({ id, label, used }) => {
    const data = floats(found.tensors.get(`consistency/${id}`));
    return data !== null ? [{ tap: { id, label, used }, data }] : [];
  });
  const samples = rows[0]?.data.length ?? 0;
  const consistency = new Float32Array(rows.length * samples);
  rows.forEach(({ data }, t) => consistency.set(data, t * samples));
  return { taps: rows.map(({ tap }) => tap), consistency };
}

/** @throws ExpectedError request-invalid, project-corrupt */
export async function neighboursOf(
  reader: ProjectReader,
  run: string,
  index: number,
  cache: StepCache,
): Promise<Neighbours> {
  const found = await sifted(reader, run, cache);
  if (found === null) return { taps: [] };
  const samples = lengthOf(found.tensors.get('majority'));
  if (index >= samples) throw new ExpectedError('request-invalid', `index: sample ${index} of ${samples}.`);
  const taps = found.facts.taps
    .filter((tap) => tap.used)
    .flatMap(({ id, label }) => {
      const peers = found.tensors.get(`peers/${id}`);
      const each = lengthOf(peers) / samples;
      const list = ints(peers, index * each, (index + 1) * each);
      return list === null ? [] : [{ id, label, samples: list.filter((sample) => sample >= 0) }];
    });
  return { taps };
}

/** Steps that commit a pool, in the order of the rounds. */
const poolStep = /^(warm-up|grow|final)(\/|$)/;

/** @throws ExpectedError project-corrupt */
export async function poolMembers(reader: ProjectReader, run: string): Promise<PoolMembers> {
  const count = reader.column(run, 'label', 'sift')?.length ?? 0;
  const rounds: number[] = [];
  const rows: Uint8Array[] = [];
  for (const step of reader.steps(run)) {
    if (!poolStep.test(step.name)) continue;
    const pool = ints((await tensorsOf(reader, step))?.get('pool'));
    if (pool === null) continue;
    const row = new Uint8Array(count);
    for (const sample of pool) row[sample] = 1;
    rounds.push((step.data as unknown as PoolRound).round);
    rows.push(row);
  }
  const member = new Uint8Array(rows.length * count);
  rows.forEach((row, r) => member.set(row, r * count));
  return { rounds, member };
}

/** @returns null before the opinions stage is committed, and where none was asked for @throws ExpectedError project-corrupt */
export async function opinionTable(reader: ProjectReader, run: string): Promise<OpinionTable | null> {
  const step = reader.step(run, 'opinions');
  if (step === null) return null;
  const tensors: Tensors = (await tensorsOf(reader, step)) ?? new Map();
  const { opinions } = step.data as unknown as { readonly opinions: readonly Opinion[] };
  const found = opinions.flatMap(({ id }) => {
    const score = floats(tensors.get(`score/${id}`));
    const flagged = tensors.get(`flagged/${id}`);
    return score !== null && flagged?.type === 'U8' ? [{ id, score, flagged: flagged.bytes }] : [];
  });
  const samples = found[0]?.score.length ?? 0;
  const score = new Float32Array(found.length * samples);
  const flagged = new Uint8Array(found.length * samples);
  found.forEach((one, row) => {
    score.set(one.score, row * samples);
    flagged.set(one.flagged, row * samples);
  });
  return { opinions, rows: found.map(({ id }) => id), score, flagged };
}

/** @param before number of the entry above the first one given; 0 = from the newest */
export function journalPage(reader: ProjectReader, before: number, limit: number): JournalPage {
  const numbers = new Map(reader.listRuns().map((run) => [run.id, run.number]));
  const entries = reader.entriesBefore(before === 0 ? Number.MAX_SAFE_INTEGER : before, limit);
  return {
    total: reader.head()?.seq ?? 0,
    entries: entries.map(({ seq, run, kind, at, body, hash }) => ({
      seq,
      runNumber: run === null ? null : (numbers.get(run) ?? null),
      kind,
      at,
      what: contentOf(body),
      hash,
    })),
  };
}

/** "step: grow/3", "sifted_column: 13 rows", from an entry's body. */
function contentOf(body: string): string {
  const tables = JSON.parse(body) as Readonly<Record<string, unknown>>;
  return Object.entries(tables)
    .map(([table, rows]) => {
      if (!Array.isArray(rows)) return table;
      const first = (rows[0] ?? {}) as Readonly<Record<string, unknown>>;
      const name = first['name'] ?? first['act'] ?? first['state'] ?? first['path'] ?? first['round'] ?? first['label'];
      const told = typeof name === 'string' || typeof name === 'number' ? String(name) : '';
      if (rows.length > 1) return `${table}: ${rows.length}`;
      return told === '' ? table : `${table}: ${told}`;
    })
    .join(', ');
}
