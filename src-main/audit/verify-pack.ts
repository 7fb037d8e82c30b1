/** `coresift verify PACK`: everything a pack says, against itself and a public key, offline and without a project. */
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createHash, type KeyObject } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Check } from '../../src-shared/domain/check.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import { manifestName, manifestText, parseManifest } from '../report/manifest.ts';
import { firstDifference, journalName, signatureFolder } from '../report/pack.ts';
import type { ReportRecord } from '../report/record.ts';
import schema from '../report/schemas/report.schema.json' with { type: 'json' };
import { unpack } from '../report/unpack.ts';
import { verifyFolder } from '../report/verify.ts';
import { journalChecks } from './pack-journal.ts';
import { reportChecks } from './pack-reports.ts';
import { signatureChecks } from './pack-signatures.ts';

/** A pack taken apart. */
export interface PackFiles {
  readonly names: readonly string[];
  /** Text of a file that is there. */
  readonly read: (name: string) => string;
  /** SHA-256 of a file that is there. */
  readonly digest: (name: string) => Promise<string>;
}

/** Files that a pack must have; without one of them something could not be verified. */
const needed = [manifestName, 'report.json', journalName, 'channel-masks.json', 'sifted-set.csv', 'sanitized.onnx'];
/**
 * @param key the public key that must have signed; without it the one in the pack is used, which proves no origin
 * @throws ExpectedError file-missing, pack-malformed, key-unusable
 */
export async function verifyPack(path: string, key: KeyObject | null): Promise<Check[]> {
  const folder = mkdtempSync(join(tmpdir(), 'coresift-pack-'));
  try {
    const { names, faults } = await unpack(path, folder);
    const missing = needed.filter((name) => !names.includes(name));
    const checks: Check[] = [
      ...faults,
      ...missing.map((name) => ({ what: name, ok: false, detail: 'It is missing from the pack.' })),
    ];
    if (missing.includes(manifestName)) return checks;
    const outside = new Set(names.filter((name) => name.startsWith(signatureFolder)));
    checks.push(...verifyFolder(folder, { outside, journalElsewhere: true }));
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    const files: PackFiles = { names, read, digest: (name) => digestOf(join(folder, name)) };
    const lines = parseManifest(read(manifestName)).filter((line) => line.kind === 'entry');
    if (manifestText(lines) !== read(manifestName))
      checks.push({
        what: manifestName,
        ok: false,
        detail: 'It is not written as it was: its lines are in another form or order.',
      });
    const record = recordOf(names, read, checks);
    if (record !== null) {
      checks.push(...(await archiveChecks(path, folder, names, record.createdAt)));
      if (names.includes(journalName)) {
        const journal = await journalChecks(files, record);
        const said = new Map(lines.map((line) => [line.path, line.sha256]));
        checks.push(...journal.checks);
        // What is made of a record that is not the run's proves nothing.
        if (journal.recordStands)
          checks.push(...(await reportChecks(files, record, { exported: journal.exported, said })));
      }
    }
    checks.push(...signatureChecks(files, key));
    return checks;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Made when first needed: compiling a schema takes longer than a small pack. */
let validator: ValidateFunction | null = null;

function recordOf(names: readonly string[], read: (name: string) => string, checks: Check[]): ReportRecord | null {
  if (!names.includes('report.json')) return null;
  const what = 'report.json: schema';
  let value: Json;
  try {
    value = JSON.parse(read('report.json')) as Json;
  } catch {
    checks.push({ what, ok: false, detail: 'It is not JSON.' });
    return null;
  }
  const valid = (validator ??= new Ajv2020({ strict: false }).compile(schema));
  if (!valid(value)) {
    const error = valid.errors?.[0];
    checks.push({ what, ok: false, detail: `${visibleName(error?.instancePath ?? '')} ${error?.message ?? ''}.` });
    return null;
  }
  checks.push({ what, ok: true, detail: schema.$id });
  return value as unknown as ReportRecord;
}

/** The archive made anew from its files must be the archive, byte for byte. */
async function archiveChecks(
  path: string,
  folder: string,
  names: readonly string[],
  createdAt: string,
): Promise<Check[]> {
  const entries = names.map((name) => ({ name, content: { file: join(folder, name) } }));
  const at = await firstDifference(path, entries, createdAt);
  const detail =
    at === null
      ? 'Byte for byte what its files make.'
      : `From byte ${at} it is not what its files make: it was packed anew, or something was changed or put between them.`;
  return [{ what: 'archive', ok: at === null, detail }];
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
