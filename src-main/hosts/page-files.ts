/** The files of the built page, served by name to loopback and app:// alike. Paths from outside never become paths on disk unchecked. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { extname, resolve, sep } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Reads the file a request path names below `root`; null when there is none to give. `requestPath` is the path as it
 * was sent, still percent-encoded: it is decoded once, and only names of letters, digits, dot, dash and underscore pass.
 */
export async function readPageFile(root: string, requestPath: string): Promise<PageFile | null> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(requestPath);
  } catch {
    return null;
  }
  const path = decoded === '/' ? '/index.html' : decoded;
  if (!/^(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$/.test(path)) return null;
  const type = types[extname(path)];
  if (type === undefined) return null;
  try {
    const base = await realpath(root);
    const file = await realpath(resolve(base, `.${path}`));
    if (!file.startsWith(base + sep) || !(await stat(file)).isFile()) return null;
    return { type, bytes: new Uint8Array(await readFile(file)) };
  } catch {
    return null;
  }
}

const common = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), usb=(), serial=(), hid=(), display-capture=()',
  'Cache-Control': 'no-store',
} as const;

/** Headers of the page and its parts. `connect` = sources the page may connect to. */
export function pageHeaders(connect: readonly string[]): Readonly<Record<string, string>> {
  return {
    ...common,
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' blob: data:",
      "font-src 'self'",
      `connect-src ${connect.join(' ') || "'none'"}`,
      "frame-src 'self'",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      'trusted-types svelte-trusted-html',
    ].join('; '),
  };
}

/** Headers of a report: a page without script, shown in a frame of ours or on its own, in an origin of its own. */
export const reportHeaders: Readonly<Record<string, string>> = {
  ...common,
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
};
