/** MANIFEST.sha256: the digests of a folder in the form that `sha256sum --check` reads. */

export const manifestName = 'MANIFEST.sha256';

export interface ManifestEntry {
  /** Name below the folder, with forward slashes. */
  readonly path: string;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/**
 * One line per file, sorted by name: digest, blank, `*` for binary, name. A name with a backslash or line break is
 * escaped and its line starts with a backslash (GNU coreutils manual, "cksum output modes").
 */
export function manifestText(entries: readonly ManifestEntry[]): string {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return sorted.map(({ path, sha256 }) => `${escaped(path)[0]}${sha256} *${escaped(path)[1]}\n`).join('');
}

function escaped(path: string): [mark: string, path: string] {
  if (!/[\\\n\r]/.test(path)) return ['', path];
  return ['\\', path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')];
}

export type ManifestLine =
  | ({ readonly kind: 'entry' } & ManifestEntry)
  /** A line of another form; `line` counts from 1. */
  | { readonly kind: 'unreadable'; readonly line: number };

export function parseManifest(text: string): ManifestLine[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, i) => {
    const match = /^(\\?)([0-9a-fA-F]{64}) [ *](.+)$/.exec(line);
    if (match === null) return { kind: 'unreadable', line: i + 1 };
    const [, mark, digest, name] = match;
    const path =
      mark === '' ? name : name.replace(/\\([\\nr])/g, (_, c: string) => (c === 'n' ? '\n' : c === 'r' ? '\r' : '\\'));
    return { kind: 'entry', path, sha256: digest.toLowerCase() };
  });
}
