/** Names that a stranger wrote into a manifest or an archive. */

const device = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)/i;

/** What is wrong with a path that is to lie below a folder, or null: only plain names are opened. */
export function pathTrick(path: string): string | null {
  if (path.startsWith('/') || path.startsWith('\\') || /^[A-Za-z]:/.test(path)) return 'an absolute path';
  if (path.includes('\0')) return 'a path with a NUL character';
  if (path.includes('\\')) return 'a path with a backslash';
  const parts = path.split('/');
  if (parts.includes('..')) return 'a path that leaves the folder';
  if (parts.includes('.') || parts.includes('')) return 'a path that is not in its plain form';
  // Windows opens a stream, another file or a device by these, wherever they were written.
  if (path.includes(':')) return 'a stream beside a file';
  if (parts.some((part) => /[. ]$/.test(part))) return 'a path that Windows shortens';
  if (parts.some((part) => device.test(part))) return 'a device of Windows';
  return null;
}
