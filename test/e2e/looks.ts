/**
 * Whether a view still looks as it did: both pictures brought down to a coarse grid of colours, so that a font or a pixel of
 * another machine makes no difference, and a panel that is gone, empty, or in the wrong colours does.
 * UPDATE_LOOKS=1 writes the pictures anew.
 */
import { expect, type Page } from '@playwright/test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import sharp from 'sharp';

const folder = new URL('looks/', import.meta.url);
const grid = { width: 68, height: 43 };
/** Of 255: the mean difference, and how much a cell may differ before it counts. */
const most = { mean: 9, cell: 60, share: 0.05 };

/** Looks again until a minute is over: maps are painted in parts, and small pictures come one after the other. */
export async function expectLooks(page: Page, name: string): Promise<void> {
  if (process.env.UPDATE_LOOKS === '1') await setTimeout(5000);
  await expect(() => looksAlike(page, name)).toPass({ timeout: 60_000 });
}

async function looksAlike(page: Page, name: string): Promise<void> {
  const shot = await page.screenshot();
  const small = sharp(shot)
    .removeAlpha()
    .resize({ ...grid, fit: 'fill', kernel: 'linear' });
  const file = new URL(`${name}.png`, folder);
  if (process.env.UPDATE_LOOKS === '1') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, await small.png().toBuffer());
    return;
  }
  if (!existsSync(file)) throw new Error(`there is no picture of "${name}" yet: UPDATE_LOOKS=1 makes it`);
  const now = await small.toColourspace('srgb').raw().toBuffer();
  const before = await sharp(readFileSync(file)).removeAlpha().toColourspace('srgb').raw().toBuffer();
  expect(before.length, `${name}: values of the coarse picture`).toBe(now.length);
  /** Per cell, the channel that differs most: a hue counts as much as a shade. */
  const differences = Array.from({ length: now.length / 3 }, (_, cell) =>
    Math.max(...[0, 1, 2].map((channel) => Math.abs(now[3 * cell + channel] - before[3 * cell + channel]))),
  );
  const mean = differences.reduce((sum, one) => sum + one, 0) / differences.length;
  const share = differences.filter((one) => one > most.cell).length / differences.length;
  expect(mean, `${name}: mean difference of the coarse picture`).toBeLessThan(most.mean);
  expect(share, `${name}: share of the coarse picture that differs`).toBeLessThan(most.share);
}
