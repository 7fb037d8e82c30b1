/** Files dropped anywhere on the window: what each is taken for, and what the host gives for it. */
import type { ViewName } from './route.svelte.ts';

export interface DroppedFile {
  readonly name: string;
  readonly folder: boolean;
  /** What stands for its path. */
  readonly token: string;
}

/** Where it goes; a new audit sorts its own into encoder and dataset. */
export type DropPlace = 'audit' | 'pack' | 'key';

/**
 * A pack goes to verification by its ending, or as pack.zip; any other archive is a dataset unless verification is
 * what is shown. There a PEM file is the signer's key.
 */
export function placeOf(name: string, folder: boolean, view: ViewName): DropPlace {
  if (folder) return 'audit';
  if (/\.coresiftpack$|^pack[^/]*\.zip$/i.test(name)) return 'pack';
  if (view !== 'history') return 'audit';
  return /\.(pem|pub|key)$/i.test(name) ? 'key' : /\.zip$/i.test(name) ? 'pack' : 'audit';
}

/** Whether files are dragged, not a text or a picture of the page; a field for files takes them itself. */
export function bringsFiles(event: DragEvent): boolean {
  const ownField = event.target instanceof HTMLInputElement && event.target.type === 'file';
  return !ownField && event.dataTransfer?.types.includes('Files') === true;
}

/** Must run within the event: what was dropped is gone when it is over. */
export function readDrop(event: DragEvent): readonly { readonly file: File; readonly folder: boolean }[] {
  return Array.from(event.dataTransfer?.items ?? []).flatMap((item) => {
    const file = item.getAsFile();
    return file === null ? [] : [{ file, folder: item.webkitGetAsEntry()?.isDirectory === true }];
  });
}
