/**
 * The one place for addresses outside: nothing is ever opened. The address is shown as text, to be copied to where there
 * is a network; `shell` of Electron is used nowhere.
 */
import type { Clipboard, Dialog } from 'electron';
import type { NativeWords } from '../../../src-shared/messages/native.ts';

const longest = 500;

/** @returns the address as it would be shown; null for anything but https, or with a name and password in it */
export function shownAddress(address: string): string | null {
  try {
    const url = new URL(address);
    if (url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.href.length > longest)
      return null;
    return url.href;
  } catch {
    return null;
  }
}

export async function showAddress(
  address: string,
  words: NativeWords,
  {
    dialog,
    clipboard,
  }: { readonly dialog: Pick<Dialog, 'showMessageBox'>; readonly clipboard: Pick<Clipboard, 'writeText'> },
): Promise<void> {
  const shown = shownAddress(address);
  if (shown === null) return;
  const { response } = await dialog.showMessageBox({
    type: 'info',
    message: words.link.title,
    detail: `${words.link.detail}\n\n${shown}`,
    buttons: [words.link.copy, words.page.close],
    defaultId: 1,
    cancelId: 1,
    noLink: true,
  });
  if (response === 0) await clipboard.writeText(shown);
}
