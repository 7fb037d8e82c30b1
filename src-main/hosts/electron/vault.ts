/** The key store of the operating system through Electron's safeStorage: Keychain, DPAPI, or a Linux secret service. */
import type * as Electron from 'electron';
import type { Vault } from '../../audit/keys.ts';

/** The parts of `safeStorage` that are used. */
export type SafeStorage = Pick<
  Electron.SafeStorage,
  'isEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptString' | 'decryptString'
>;

/**
 * Null where there is no such store. On Linux without a secret service Electron would encrypt with a password that stands
 * in its own binary ("basic_text"): that guards nothing, and a passphrase is asked for instead. To be called once
 * Electron is ready; before, the store is unknown.
 */
export function systemVault(safeStorage: SafeStorage, platform: NodeJS.Platform): Vault | null {
  if (!safeStorage.isEncryptionAvailable()) return null;
  if (platform === 'linux' && ['basic_text', 'unknown'].includes(safeStorage.getSelectedStorageBackend())) return null;
  return {
    seal: (text) => safeStorage.encryptString(text),
    open: (bytes) => safeStorage.decryptString(Buffer.from(bytes)),
  };
}
