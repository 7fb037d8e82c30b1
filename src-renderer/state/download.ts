/** Hands a text out as a file, and says how that ended as far as it can be known. */
import { reviveFailure } from '../../src-shared/failure.ts';
import { t } from './language.svelte.ts';

/**
 * In the desktop window a native dialog asks where the file is saved; a browser takes the file and does not say what
 * became of it.
 * @returns what happened, in the words of the page. @throws ExpectedError file-not-saved
 */
export async function download(text: string, name: string, type: string): Promise<string> {
  const desktop = window.coresiftDesktop;
  if (desktop !== undefined) {
    const ended = await desktop.saveFile(name, text);
    switch (ended.state) {
      case 'saved':
        return t().files.saved(ended.name);
      case 'cancelled':
        return t().files.notSaved(name);
      case 'failed':
        throw reviveFailure(ended.failure);
    }
  }
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
  return t().files.handedOut(name);
}
