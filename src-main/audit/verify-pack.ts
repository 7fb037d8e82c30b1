/** `coresift verify PACK`: everything a pack says, against itself and a public key, offline and without a project. */
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'csv-parse/sync';
import type { Check } from '../../src-shared/domain/check.ts';
import type { Json } from '../../src-shared/json.ts';
import { visibleName } from '../../src-shared/text.ts';
import {
  envelopeJson,
  inTotoPayload,
  isSignedBy,
  keyId,
  manifestPayload,
  parseEnvelope,
  publicPem,
} from '../report/dsse.ts';
import { manifestName, manifestText, parseManifest } from '../report/manifest.ts';
import { modelStatement } from '../report/model-signing.ts';
import { firstDifference, journalName, publicKeyName, signatureFolder, signatureNames } from '../report/pack.ts';
import type { ReportRecord } from '../report/record.ts';
import schema from '../report/schemas/report.schema.json' with { type: 'json' };
import { unpack } from '../report/unpack.ts';
import { verifyFolder } from '../report/verify.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import { columnDigest, factOf, readExcerpt, rowsIn, sameFact, workDigest, type Excerpt } from '../store/excerpt.ts';
import { readPublic } from './keys.ts';

/** Files that a pack must have; without one of them something could not be verified. */
const needed = [manifestName, 'report.json', journalName, 'channel-masks.json', 'sifted-set.csv', 'sanitized.onnx'];
/** Files whose digests the journal knows from the audit itself; reports may be written again with another marking. */
const fromAudit = ['sanitized.onnx', 'sanitized.safetensors', 'channel-masks.json', 'sifted-set.csv'];

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
      if (names.includes(journalName)) checks.push(...(await journalChecks(read, folder, names, record)));
    }
    checks.push(...signatureChecks(names, read, key));
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

async function journalChecks(
  read: (name: string) => string,
  folder: string,
  names: readonly string[],
  record: ReportRecord,
): Promise<Check[]> {
  const excerpt = readExcerpt(read(journalName));
  if (excerpt === null) return [{ what: journalName, ok: false, detail: 'It is not the excerpt of a journal.' }];
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
  const verdicts = rowsIn(excerpt, 'run_state').filter((row) => row['state'] === 'finished');
  const verdict = canonicalJson(toJson(record.verdict));
  check(
    'verdict',
    sameFact(verdicts.at(-1)?.['verdict'], factOf(verdict)),
    'The report says what was committed.',
    'The report gives another verdict than the one that was committed.',
  );
  const exported = new Map(rowsIn(excerpt, 'export').map((row) => [String(row['path']), String(row['sha256'])]));
  for (const name of fromAudit.filter((one) => names.includes(one) || exported.has(one))) {
    const met = existsSync(join(folder, name)) ? await digestOf(join(folder, name)) : 'no such file';
    check(
      name,
      exported.get(name) === met,
      'It is as the run wrote it.',
      `The run wrote ${exported.get(name) ?? 'none'}, the pack has ${met}.`,
    );
  }
  if (names.includes('channel-masks.json')) checks.push(maskCheck(excerpt, read('channel-masks.json')));
  if (names.includes('sifted-set.csv')) checks.push(setCheck(excerpt, read('sifted-set.csv')));
  return checks;
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

function signatureChecks(names: readonly string[], read: (name: string) => string, given: KeyObject | null): Check[] {
  const checks: Check[] = [];
  const known = new Set<string>([publicKeyName, ...Object.values(signatureNames)]);
  for (const name of names.filter((one) => one.startsWith(signatureFolder) && !known.has(one)))
    checks.push({ what: visibleName(name), ok: false, detail: 'It is among the signatures, but is none.' });
  const signed = names.some((name) => name.startsWith(signatureFolder));
  if (!signed) {
    const detail = 'The pack is not signed: whoever changed all of it together would not be noticed.';
    checks.push(
      given === null
        ? { what: 'signature', ok: false, kind: 'not-examined', detail }
        : {
            what: 'signature',
            ok: false,
            detail: 'The pack is not signed, but a key was given that should have signed it.',
          },
    );
    return checks;
  }
  let enclosed: KeyObject | null = null;
  try {
    enclosed = readPublic(read(publicKeyName));
    if (read(publicKeyName) !== publicPem(enclosed))
      checks.push({ what: publicKeyName, ok: false, detail: 'Something stands beside the key.' });
  } catch {
    checks.push({ what: publicKeyName, ok: false, detail: 'It is missing or no public key.' });
  }
  const key = given ?? enclosed;
  if (key === null) return checks;
  if (given !== null && enclosed !== null && keyId(given) !== keyId(enclosed)) {
    checks.push({
      what: publicKeyName,
      ok: false,
      detail: `The pack was signed with another key: ${keyId(enclosed)}.`,
    });
  }
  const expected = [
    [signatureNames.manifest, manifestPayload, manifestName],
    [signatureNames.provenance, inTotoPayload, 'statement.intoto.json'],
    [signatureNames.verification, inTotoPayload, 'verification.intoto.json'],
  ] as const;
  for (const [name, type, about] of expected) {
    const fault = (detail: string): void => void checks.push({ what: name, ok: false, detail });
    if (!names.includes(name)) fault('The signature is missing.');
    else {
      const envelope = parseEnvelope(read(name));
      if (envelope === null) fault('It is not a DSSE envelope.');
      else if (read(name) !== envelopeJson(envelope))
        fault('It is not written as an envelope of ours: something stands beside it.');
      else if (envelope.payloadType !== type) fault(`It signs ${visibleName(envelope.payloadType)}, not ${type}.`);
      else if (!names.includes(about) || Buffer.from(envelope.payload, 'base64').toString('utf8') !== read(about))
        fault(`It signs another text than ${about}.`);
      else if (!isSignedBy(envelope, key)) fault(`It is not a signature of key ${keyId(key)}.`);
      else if (envelope.signatures.length !== 1 || envelope.signatures[0].keyid !== keyId(key))
        fault('It names another key than the one that signed.');
      else checks.push({ what: name, ok: true, detail: `Signed with key ${keyId(key)}.` });
    }
  }
  if (names.includes(signatureNames.model)) checks.push(modelCheck(names, read, key));
  else if (key.asymmetricKeyType === 'ec')
    checks.push({ what: signatureNames.model, ok: false, detail: 'The signature is missing.' });
  if (given === null) {
    const detail = `No key was given: the signatures fit the key in the pack, ${keyId(key)}. Compare that with the signer.`;
    checks.push({ what: 'signature', ok: true, kind: 'note', detail });
  }
  return checks;
}

function modelCheck(names: readonly string[], read: (name: string) => string, key: KeyObject): Check {
  const what = signatureNames.model;
  try {
    const bundle = JSON.parse(read(what)) as {
      dsseEnvelope: Json;
      verificationMaterial: { publicKey: { hint: string } };
    };
    const envelope = parseEnvelope(JSON.stringify(bundle.dsseEnvelope));
    const { resources } = (
      JSON.parse(Buffer.from(envelope?.payload ?? '', 'base64').toString('utf8')) as {
        predicate: { resources: { name: string; digest: string }[] };
      }
    ).predicate;
    const files = resources.map((one) => ({ path: one.name, sha256: one.digest }));
    const manifest = read(manifestName);
    const covered = files.every(
      (file) => names.includes(file.path) && manifest.includes(`${file.sha256} *${file.path}\n`),
    );
    const whole = Buffer.from(modelStatement('sanitized', files), 'utf8').toString('base64') === envelope?.payload;
    if (
      envelope !== null &&
      covered &&
      whole &&
      isSignedBy(envelope, key) &&
      bundle.verificationMaterial.publicKey.hint === keyId(key) &&
      canonicalBundle(read(what), bundle)
    )
      return { what, ok: true, detail: `Signs ${files.length} files with key ${keyId(key)}.` };
  } catch {
    return { what, ok: false, detail: 'It is not a model signature.' };
  }
  return { what, ok: false, detail: `It is not a signature of key ${keyId(key)} over the models of this pack.` };
}

/** Written as we write it: nothing stands beside what was looked at. */
function canonicalBundle(text: string, bundle: unknown): boolean {
  return text === `${JSON.stringify(bundle, null, 2)}\n`;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
