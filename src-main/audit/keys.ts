/**
 * Signing keys: Ed25519 or ECDSA P-256, each with its public half beside it. The private half is an encrypted PKCS#8
 * (PEM) under a passphrase, or, where a host has the key store of the operating system, a file that only that opens.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { KeyInfo, KeyKind } from '../../src-shared/domain/signing-key.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { keyId, publicPem } from '../report/dsse.ts';
import { systemFailure } from '../formats/system.ts';
import { writeWhole } from './files.ts';

export type { KeyKind };

/** The key store of the operating system, as a host offers it: what it seals, only this user on this machine opens. */
export interface Vault {
  seal(text: string): Uint8Array;
  /** @throws when the bytes are damaged or were sealed by another user or machine */
  open(bytes: Uint8Array): string;
}

/** What guards a private key: a passphrase, or the key store of the operating system. */
export type Guard = string | Vault;

export interface KeyFacts extends KeyInfo {
  /** File of the public key. */
  readonly publicFile: string;
}

/** Where keys lie unless a person says otherwise. */
export function keyFolder(): string {
  const base = process.env['XDG_CONFIG_HOME'] ?? process.env['APPDATA'] ?? join(homedir(), '.config');
  return join(base, 'coresift', 'keys');
}

const privateFile = (dir: string, name: string): string => join(dir, `${name}.key.pem`);
const sealedFile = (dir: string, name: string): string => join(dir, `${name}.key.sealed`);
const publicFile = (dir: string, name: string): string => join(dir, `${name}.pub.pem`);

/** @throws ExpectedError usage (name), key-exists, key-unusable (no passphrase), no-space */
export function createKey(dir: string, name: string, kind: KeyKind, guard: Guard): KeyFacts {
  const { privateKey } =
    kind === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return keepKey(dir, name, privateKey, guard);
}

/**
 * Takes over a private key in PEM (PKCS#8, or SEC 1 for P-256), encrypted with `given` or not at all.
 * @throws ExpectedError as `createKey`; key-unusable for another kind of key or a wrong passphrase
 */
export function importKey(dir: string, name: string, pem: string, given: string | null, guard: Guard): KeyFacts {
  return keepKey(dir, name, readPrivate(pem, given), guard);
}

function keepKey(dir: string, name: string, key: KeyObject, guard: Guard): KeyFacts {
  requireName(name);
  if ([privateFile, sealedFile, publicFile].some((file) => existsSync(file(dir, name))))
    throw new ExpectedError('key-exists', join(dir, name));
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw systemFailure(error, dir);
  }
  if (typeof guard === 'string') writeWhole(privateFile(dir, name), encrypted(key, guard));
  else writeWhole(sealedFile(dir, name), guard.seal(key.export({ type: 'pkcs8', format: 'pem' }) as string));
  writeWhole(publicFile(dir, name), publicPem(key));
  return factsOf(dir, name, createPublicKey(key));
}

function encrypted(key: KeyObject, passphrase: string): string {
  if (passphrase === '') {
    throw new ExpectedError('key-unusable', 'A private key is kept with a passphrase; none was given.');
  }
  return key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }) as string;
}

/**
 * @param guard what the key is kept with: the passphrase, or the vault for a key that lies in it
 * @throws ExpectedError file-missing, key-unusable
 */
export function openKey(dir: string, name: string, guard: Guard): KeyObject {
  requireName(name);
  if (!isSealed(dir, name)) {
    if (typeof guard !== 'string') throw new ExpectedError('key-unusable', `${name} is kept with a passphrase.`);
    return readPrivate(readText(privateFile(dir, name)), guard);
  }
  if (typeof guard === 'string') {
    throw new ExpectedError(
      'key-unusable',
      `${name} is kept in the key store of the operating system, which only the desktop application opens.`,
    );
  }
  return readPrivate(unsealed(readBytes(sealedFile(dir, name)), guard), null);
}

function unsealed(bytes: Uint8Array, vault: Vault): string {
  try {
    return vault.open(bytes);
  } catch (error) {
    throw new ExpectedError('key-unusable', 'The key store of the operating system does not open it.', {
      cause: error,
    });
  }
}

/** The private half as it is kept, encrypted, or the public half, in PEM. @throws ExpectedError file-missing, key-unusable */
export function exportKey(dir: string, name: string, half: 'private' | 'public'): string {
  requireName(name);
  if (half === 'public') return readText(publicFile(dir, name));
  if (isSealed(dir, name)) {
    throw new ExpectedError('key-unusable', `${name} lies in the key store: it leaves it under a new passphrase only.`);
  }
  return readText(privateFile(dir, name));
}

/** The private half encrypted anew. @throws ExpectedError as `openKey`; key-unusable for an empty passphrase */
export function exportEncrypted(dir: string, name: string, guard: Guard, passphrase: string): string {
  return encrypted(openKey(dir, name, guard), passphrase);
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

/** Whether the key lies in the operating system's key store. */
export function isSealed(dir: string, name: string): boolean {
  return existsSync(sealedFile(dir, name));
}

function factsOf(dir: string, name: string, key: KeyObject): KeyFacts {
  const keptBy = isSealed(dir, name) ? 'key-store' : 'passphrase';
  return { name, kind: kindOf(key), id: keyId(key), keptBy, publicFile: publicFile(dir, name) };
}

function requireName(name: string): void {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new ExpectedError(
      'usage',
      `A key's name is made of letters, digits, dot, dash and underscore, met ${JSON.stringify(name)}.`,
    );
}

function readText(file: string): string {
  return readBytes(file).toString('utf8');
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw systemFailure(error, file);
  }
}
