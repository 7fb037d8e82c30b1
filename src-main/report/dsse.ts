/** DSSE v1 envelopes (secure-systems-lab/dsse, protocol.md) with Ed25519 or ECDSA P-256 over SHA-256. */
import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { Json } from '../../src-shared/json.ts';

export const inTotoPayload = 'application/vnd.in-toto+json';
/** MANIFEST.sha256 as it stands. */
export const manifestPayload = 'application/vnd.coresift.manifest';

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** Pre-authentication encoding: "DSSEv1", lengths in bytes, type and payload, one blank between. */
export function preAuthentication(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `, 'utf8'),
    type,
    Buffer.from(` ${payload.length} `, 'utf8'),
    payload,
  ]);
}

/** SHA-256 of the PEM text of the public key (SubjectPublicKeyInfo): how a key is named everywhere. */
export function keyId(key: KeyObject): string {
  return createHash('sha256').update(publicPem(key)).digest('hex');
}

export function publicPem(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'pem' }) as string;
}

/** Raw signature: 64 bytes for Ed25519, ASN.1 DER for ECDSA. @throws TypeError for a key of another kind */
export function signBytes(bytes: Uint8Array, key: KeyObject): Buffer {
  return sign(hashOf(key), bytes, key);
}

export function sealEnvelope(payloadType: string, payload: Uint8Array, key: KeyObject): Envelope {
  const sig = signBytes(preAuthentication(payloadType, payload), key).toString('base64');
  return { payloadType, payload: Buffer.from(payload).toString('base64'), signatures: [{ keyid: keyId(key), sig }] };
}

/** True when a signature of the envelope is by `key` over its type and payload. */
export function isSignedBy(envelope: Envelope, key: KeyObject): boolean {
  const bytes = preAuthentication(envelope.payloadType, Buffer.from(envelope.payload, 'base64'));
  return envelope.signatures.some(({ sig }) => verify(hashOf(key), bytes, key, Buffer.from(sig, 'base64')));
}

export function envelopeJson(envelope: Envelope): string {
  return `${JSON.stringify(envelope, null, 2)}\n`;
}

/** An envelope with strictly formed base64, or null for anything else. */
export function parseEnvelope(text: string): Envelope | null {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object' || !('payload' in value)) return null;
  const { payloadType, payload, signatures } = value as Partial<Record<keyof Envelope, unknown>>;
  if (typeof payloadType !== 'string' || !isBase64(payload) || !Array.isArray(signatures)) return null;
  const good = signatures.every((one: unknown) => {
    const { keyid, sig } = (one ?? {}) as { keyid?: unknown; sig?: unknown };
    return (keyid === undefined || typeof keyid === 'string') && isBase64(sig);
  });
  return good && signatures.length > 0 ? (value as unknown as Envelope) : null;
}

function isBase64(text: unknown): text is string {
  return typeof text === 'string' && Buffer.from(text, 'base64').toString('base64') === text;
}

function hashOf(key: KeyObject): 'sha256' | null {
  if (key.asymmetricKeyType === 'ed25519') return null;
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'sha256';
  throw new TypeError(`key must be Ed25519 or ECDSA P-256, met ${key.asymmetricKeyType ?? key.type}`);
}
