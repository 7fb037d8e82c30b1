/** Members of an archive that is to be changed; null where an earlier change broke it. */
import { openZip } from '../../src-main/formats/encoders/zip.ts';
import { ExpectedError } from '../../src-shared/failure.ts';

export function zipOf(bytes: Uint8Array): { readonly names: readonly string[]; read(name: string): Uint8Array } | null {
  try {
    const zip = openZip(bytes);
    const members = new Map([...zip.entries.keys()].map((name) => [name, zip.read(name)] as const));
    return { names: [...members.keys()], read: (name) => members.get(name) ?? new Uint8Array(0) };
  } catch (error) {
    if (error instanceof ExpectedError) return null;
    throw error;
  }
}
