/** Takes an audit pack apart into a folder: plain names, each once, stored files only, within caps. */
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import type { Check } from '../../src-shared/domain/check.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { visibleName } from '../../src-shared/text.ts';
import { pathTrick } from './paths.ts';

const mostEntries = 1000;
/** Of all files together; a model of 32 GB is beyond what is audited. */
const mostBytes = 32 * 2 ** 30;

/**
 * @returns what is wrong with the archive; empty when it is sound. Files with a trick in their name are not written.
 * @throws ExpectedError pack-malformed when it is no zip or breaks off
 */
export async function unpack(path: string, folder: string): Promise<{ names: string[]; faults: Check[] }> {
  const faults: Check[] = [];
  const fault = (what: string, detail: string): void => void faults.push({ what, ok: false, detail });
  const names: string[] = [];
  const folded = new Set<string>();
  let bytes = 0;
  try {
    const zip = await yauzl.openPromise(path, { lazyEntries: true, decodeStrings: false, validateEntrySizes: true });
    try {
      if (zip.comment.length > 0) fault('archive', 'It carries a comment.');
      for await (const entry of zip.eachEntry()) {
        const raw = entry.fileName as unknown as Buffer;
        const name = raw.toString('utf8');
        const shown = visibleName(name);
        const trick = Buffer.from(name, 'utf8').equals(raw) ? pathTrick(name) : 'a name that is not UTF-8';
        if (names.length >= mostEntries) {
          fault('archive', `It has more than ${mostEntries} entries.`);
          break;
        }
        bytes += entry.uncompressedSize;
        if (trick !== null) fault(shown, `The archive names ${trick}; it was not unpacked.`);
        else if (folded.has(name.toLowerCase())) fault(shown, 'It is in the archive twice.');
        else if (name.endsWith('/')) fault(shown, 'It is a folder; a pack has files only.');
        else if (((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000)
          fault(shown, 'It is a link; it was not unpacked.');
        else if (entry.isEncrypted() || entry.compressionMethod !== 0)
          fault(shown, 'It is encrypted or compressed; a pack stores its files as they are.');
        else if (bytes > mostBytes) fault(shown, 'The archive holds more than 32 GiB; the rest was not unpacked.');
        else {
          const target = join(folder, name);
          mkdirSync(dirname(target), { recursive: true });
          await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { flags: 'wx' }));
          names.push(name);
          folded.add(name.toLowerCase());
        }
      }
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof ExpectedError) throw error;
    throw new ExpectedError('pack-malformed', `${path}: ${(error as Error).message}`, { cause: error });
  }
  return { names, faults };
}
