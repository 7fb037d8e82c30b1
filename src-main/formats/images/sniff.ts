/* eslint-disable no-control-regex -- magic numbers are made of control characters */
/** What a file is by its first bytes. Names and extensions are not asked. */

export type ReadableFormat = 'png' | 'jpeg' | 'webp' | 'bmp' | 'tiff' | 'pnm';

export type Sniffed =
  | { readonly kind: 'readable'; readonly format: ReadableFormat }
  /** An image or container that is known but not read; `name` for the message. */
  | { readonly kind: 'unsupported'; readonly name: string }
  | { readonly kind: 'unknown' };

/** Bytes that `sniff` looks at. */
export const SNIFF_BYTES = 32;

const readable: readonly (readonly [ReadableFormat, RegExp])[] = [
  ['png', /^\x89PNG\r\n\x1a\n/],
  ['jpeg', /^\xff\xd8\xff/],
  ['webp', /^RIFF[^]{4}WEBP/],
  // Two letters alone would take any text that starts with "BM": the DIB header's length must be one that exists.
  ['bmp', /^BM[^]{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0/],
  ['tiff', /^(?:II[*+]\0|MM\0[*+])/],
  // A digit or a comment must follow: two characters and a blank also start many a text.
  ['pnm', /^P[1-6]\s*(?:#|\s\d)/],
];

const unsupported: readonly (readonly [string, RegExp])[] = [
  ['GIF', /^GIF8[79]a/],
  ['PAM', /^P7\s/],
  ['PFM', /^P[Ff]\s/],
  ['HEIF/AVIF', /^[^]{4}ftyp(?:heic|heix|hevc|mif1|msf1|avif|avis)/],
  ['JPEG 2000', /^(?:\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/],
  ['JPEG XL', /^(?:\xff\x0a|\0\0\0\x0cJXL )/],
  ['ICO', /^\0\0[\x01\x02]\0[^]\0/],
  ['Photoshop', /^8BPS/],
  ['OpenEXR', /^\x76\x2f\x31\x01/],
  ['SVG or other markup', /^(?:\xef\xbb\xbf)?\s*<(?:\?xml|svg|!DOCTYPE|html)/i],
  ['PDF', /^%PDF-/],
  ['zip archive', /^PK\x03\x04/],
  ['gzip', /^\x1f\x8b/],
  ['video (Matroska)', /^\x1a\x45\xdf\xa3/],
];

export function sniff(bytes: Uint8Array): Sniffed {
  const head = String.fromCharCode(...bytes.subarray(0, SNIFF_BYTES));
  for (const [format, magic] of readable) if (magic.test(head)) return { kind: 'readable', format };
  for (const [name, magic] of unsupported) if (magic.test(head)) return { kind: 'unsupported', name };
  return { kind: 'unknown' };
}
