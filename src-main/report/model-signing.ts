/**
 * model.sig as OpenSSF model signing writes it (sigstore/model-transparency, `model_signing` 1.x, key mode): a sigstore
 * bundle v0.3 whose DSSE envelope holds an in-toto statement of predicate type `https://model_signing/signature/v1.0`.
 * Relied on: subject digest = SHA-256 over the raw digests of the resources in the order of their names; serialization
 * method "files"; the hint names the key by the SHA-256 of its PEM; elliptic-curve keys only.
 */
import { createHash, type KeyObject } from 'node:crypto';
import { inTotoPayload, keyId, sealEnvelope } from './dsse.ts';
import { statementType } from './intoto.ts';
import type { ManifestEntry } from './manifest.ts';

export const modelSignatureName = 'model.sig';
export const modelSignatureType = 'https://model_signing/signature/v1.0';
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** What the signature says: these files, under this name. */
export function modelStatement(name: string, files: readonly ManifestEntry[]): string {
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const root = createHash('sha256');
  for (const file of sorted) root.update(Buffer.from(file.sha256, 'hex'));
  return JSON.stringify({
    _type: statementType,
    subject: [{ name, digest: { sha256: root.digest('hex') } }],
    predicateType: modelSignatureType,
    predicate: {
      serialization: {
        method: 'files',
        hash_type: 'sha256',
        allow_symlinks: false,
        ignore_paths: [modelSignatureName],
      },
      resources: sorted.map((file) => ({ name: file.path, algorithm: 'sha256', digest: file.sha256 })),
    },
  });
}

/** @throws TypeError when `key` is not an elliptic-curve key: the format has no other in its key mode */
export function modelSignature(name: string, files: readonly ManifestEntry[], key: KeyObject): string {
  if (key.asymmetricKeyType !== 'ec') throw new TypeError('key must be ECDSA P-256 for a model signature');
  const envelope = sealEnvelope(inTotoPayload, Buffer.from(modelStatement(name, files), 'utf8'), key);
  const bundle = {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: keyId(key) }, tlogEntries: [] },
    dsseEnvelope: { ...envelope, signatures: [{ sig: envelope.signatures[0].sig, keyid: '' }] },
  };
  return `${JSON.stringify(bundle, null, 2)}\n`;
}
