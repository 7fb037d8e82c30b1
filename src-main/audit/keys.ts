/** Signing keys: Ed25519 or ECDSA P-256, kept as encrypted PKCS#8 (PEM) with their public half beside them. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../../src-shared/failure.ts';
import { keyId, publicPem } from '../report/dsse.ts';
import { systemFailure } from '../formats/system.ts';
import { writeWhole } from './files.ts';

export type KeyKind = 'ed25519' | 'p256';

export interface KeyFacts {
  readonly name: string;
  readonly kind: KeyKind;
  /** SHA-256 of the public key's PEM. */
  readonly id: string;
  /** File of the public key. */
  readonly publicFile: string;
}

/** Where keys lie unless a person says otherwise. */
export function keyFolder(): string {
  const base = process.env['XDG_CONFIG_HOME'] ?? process.env['APPDATA'] ?? join(homedir(), '.config');
  return join(base, 'coresift', 'keys');
}

const privateFile = (dir: string, name: string): string => join(dir, `${name}.key.pem`);
const publicFile = (dir: string, name: string): string => join(dir, `${name}.pub.pem`);

/** @throws ExpectedError usage (name), key-exists, key-unusable (no passphrase), no-space */
export function createKey(dir: string, name: string, kind: KeyKind, passphrase: string): KeyFacts {
  const { privateKey } =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return keepKey(dir, name, privateKey, passphrase);
}

/**
 * Takes over a private key in PEM (PKCS#8, or SEC 1 for P-256), encrypted with `given` or not at all.
 * @throws ExpectedError as `createKey`; key-unusable for another kind of key or a wrong passphrase
 */
export function importKey(dir: string, name: string, pem: string, given: string | null, passphrase: string): KeyFacts {
  return keepKey(dir, name, readPrivate(pem, given), passphrase);
}

function keepKey(dir: string, name: string, key: KeyObject, passphrase: string): KeyFacts {
  requireName(name);
  if (passphrase === '')
    throw new ExpectedError('key-unusable', 'A private key is kept with a passphrase; none was given.');
  const file = privateFile(dir, name);
  if (existsSync(file)) throw new ExpectedError('key-exists', file);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw systemFailure(error, dir);
  }
  const pem = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }) as string;
  writeWhole(file, pem);
  writeWhole(publicFile(dir, name), publicPem(key));
  return factsOf(dir, name, createPublicKey(key));
}

/** @throws ExpectedError file-missing, key-unusable */
export function openKey(dir: string, name: string, passphrase: string): KeyObject {
  requireName(name);
  return readPrivate(readText(privateFile(dir, name)), passphrase);
}

/** The private half as it is kept, encrypted, or the public half, in PEM. @throws ExpectedError file-missing */
export function exportKey(dir: string, name: string, half: 'private' | 'public'): string {
  requireName(name);
  return readText(half === 'private' ? privateFile(dir, name) : publicFile(dir, name));
}

export function listKeys(dir: string): KeyFacts[] {
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir).flatMap((file) => /^([A-Za-z0-9._-]+)\.pub\.pem$/.exec(file)?.[1] ?? []);
  return names.sort().map((name) => factsOf(dir, name, readPublic(readText(publicFile(dir, name)))));
}

/** @throws ExpectedError key-unusable */
export function readPublic(pem: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    kindOf(key);
    return key;
  } catch (error) {
    throw unusable(error, 'It is not a public key of Ed25519 or ECDSA P-256 in PEM.');
  }
}

function readPrivate(pem: string, passphrase: string | null): KeyObject {
  try {
    const key = createPrivateKey({ key: pem, ...(passphrase === null ? {} : { passphrase }) });
    kindOf(key);
    return key;
  } catch (error) {
    throw unusable(
      error,
      'It does not open: the passphrase is another, or it is no key of Ed25519 or ECDSA P-256 in PEM.',
    );
  }
}

function unusable(error: unknown, detail: string): Error {
  return error instanceof ExpectedError ? error : new ExpectedError('key-unusable', detail, { cause: error });
}

function kindOf(key: KeyObject): KeyKind {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'p256';
  throw new ExpectedError('key-unusable', `It is a key of kind ${key.asymmetricKeyType ?? 'unknown'}.`);
}

function factsOf(dir: string, name: string, key: KeyObject): KeyFacts {
  return { name, kind: kindOf(key), id: keyId(key), publicFile: publicFile(dir, name) };
}

function requireName(name: string): void {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new ExpectedError(
      'usage',
      `A key's name is made of letters, digits, dot, dash and underscore, met ${JSON.stringify(name)}.`,
    );
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw systemFailure(error, file);
  }
}
