/** The signatures of a pack: every envelope over the text it must sign, by the key that was given or the one enclosed. */
import type { KeyObject } from 'node:crypto';
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
import { manifestName } from '../report/manifest.ts';
import { modelStatement } from '../report/model-signing.ts';
import { publicKeyName, signatureFolder, signatureNames } from '../report/pack.ts';
import { readPublic } from './keys.ts';
import type { PackFiles } from './verify-pack.ts';

export function signatureChecks(pack: PackFiles, given: KeyObject | null): Check[] {
  const { names, read } = pack;
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
  if (names.includes(signatureNames.model)) checks.push(modelCheck(pack, key));
  else if (key.asymmetricKeyType === 'ec')
    checks.push({ what: signatureNames.model, ok: false, detail: 'The signature is missing.' });
  if (given === null) {
    const detail = `No key was given: the signatures fit the key in the pack, ${keyId(key)}. Compare that with the signer.`;
    checks.push({ what: 'signature', ok: true, kind: 'note', detail });
  }
  return checks;
}

function modelCheck({ names, read }: PackFiles, key: KeyObject): Check {
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
