/** Keys that sign audit packs, as a page lists them. */

export const keyKinds = ['ed25519', 'p256'] as const;
export type KeyKind = (typeof keyKinds)[number];

/** What guards the private half: the key store of the operating system, or a passphrase over an encrypted file. */
export type KeyGuard = 'key-store' | 'passphrase';

export interface KeyInfo {
  readonly name: string;
  readonly kind: KeyKind;
  /** SHA-256 of the public key's PEM. */
  readonly id: string;
  readonly keptBy: KeyGuard;
}

export interface KeyRing {
  /** How a key that is made now will be kept. */
  readonly keeps: KeyGuard;
  readonly keys: readonly KeyInfo[];
}
