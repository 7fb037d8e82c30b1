/** The picture that packages carry is the one that the page shows. In a process of its own: readers of images forbid SVG. */
import { readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { expect, it } from 'vitest';
// @ts-expect-error a script without types
import { icon } from '../../resources/write-icon.mjs';

it('is drawn from the same file', async () => {
  const kept = await sharp(readFileSync(new URL('../../resources/icon.png', import.meta.url)))
    .raw()
    .toBuffer();
  const drawn = await sharp(await (icon as () => Sharp)().toBuffer())
    .raw()
    .toBuffer();
  expect(kept.length).toBe(drawn.length);
  // Another machine may draw an edge a shade lighter.
  let most = 0;
  for (let at = 0; at < kept.length; at += 97) most = Math.max(most, Math.abs(kept[at] - drawn[at]));
  expect(most).toBeLessThan(32);
});
