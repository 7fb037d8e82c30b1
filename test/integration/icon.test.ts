/** The picture that packages carry is the one that the page shows. Drawn in a process of its own: here readers of images forbid SVG. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { root } from '../support/built.ts';
import { temporaryFolder } from '../support/small-audit.ts';

it('is drawn from the same file', async () => {
  const file = join(temporaryFolder('icon'), 'icon.png');
  execFileSync(process.execPath, [join(root, 'resources/write-icon.mjs'), file]);
  // From memory: where readers of images were loaded, too, the library opens no file by itself.
  const pixels = (of: string): Promise<Buffer> => sharp(readFileSync(of)).raw().toBuffer();
  const [kept, drawn] = await Promise.all([pixels(join(root, 'resources/icon.png')), pixels(file)]);
  expect(kept.length).toBe(drawn.length);
  // Another machine may draw an edge a shade lighter.
  let most = 0;
  for (let at = 0; at < kept.length; at += 97) most = Math.max(most, Math.abs(kept[at] - drawn[at]));
  expect(most).toBeLessThan(32);
});
