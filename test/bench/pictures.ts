/**
 * Pictures of every view in both themes: `npm run pictures -- AUDIT` (after `npm run build`), AUDIT being the folder of a
 * finished audit, e.g. sample-audit. They go to docs/pictures; `--out DIR` sends them elsewhere, `--look`
 * adds narrow, high-contrast and German ones, which are for looking at and not for the documentation.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright';
import sharp from 'sharp';
import { createApp } from '../../src-main/audit/app.ts';
import { forkEngine } from '../../src-main/audit/spawn-engine.ts';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import { browserPath } from '../find-browser.mjs';

const root = new URL('../..', import.meta.url).pathname;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: join(root, 'docs', 'pictures') },
    look: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const [given] = positionals;
if (given === undefined) throw new Error('name the folder of a finished audit, e.g. sample-audit');

interface Look {
  readonly name: string;
  readonly theme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
  readonly language: 'en' | 'de';
  readonly contrast: boolean;
}
const plain: Look = { name: 'light', theme: 'light', width: 1360, height: 860, language: 'en', contrast: false };
const looks: readonly Look[] = [
  plain,
  { ...plain, name: 'dark', theme: 'dark' },
  ...(values.look
    ? [
        { ...plain, name: 'narrow', width: 400, height: 860 },
        { ...plain, name: 'contrast', contrast: true },
        { ...plain, name: 'german', language: 'de' as const },
      ]
    : []),
];

/** What is done on a view before it is taken, so that the picture shows what the view is for. */
const acts: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  suspects: async (page) => {
    await page.locator('.grid button').first().click();
    await page.locator('main').evaluate((main) => main.scrollTo(0, 0));
  },
};

/** Has the page name a home folder of nobody's instead of folders of the machine that takes the picture. */
const hidePlaces = (page: Page): Promise<void> =>
  page.evaluate(
    (places) => {
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const node = texts.currentNode as Text;
        for (const place of places)
          if (node.data.includes(place)) node.data = node.data.replaceAll(place, '/home/analyst');
      }
    },
    [join(folder, 'audit'), folder, dirname(resolve(given)), root.slice(0, -1)],
  );

const folder = mkdtempSync(join(tmpdir(), 'coresift-pictures-'));
// A copy: the one that was given stays as it is, and may be open elsewhere.
cpSync(resolve(given), join(folder, 'audit'), { recursive: true });
const app = await createApp({
  project: join(folder, 'audit', 'project'),
  sample: join(root, 'resources', 'samples', 'fashion'),
  settings: join(folder, 'settings.json'),
  spawn: () => forkEngine(join(root, 'out', 'main', 'engine.js')),
});
const server = await createLoopback(app, { rendererDir: join(root, 'out', 'renderer') });
const executablePath = browserPath();
const browser = await chromium.launch({
  ...(executablePath === null ? {} : { executablePath }),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
try {
  const [run] = await app.handlers['runs.list']({}, { signal: new AbortController().signal });
  const views = [
    ...['', 'new', 'compare', 'history', 'help', 'settings', 'attacks'].map((view) => [
      view === '' ? 'start' : view,
      `#/${view}`,
    ]),
    ...['overview', 'run', 'sifting', 'channels', 'bootstrap', 'suspects', 'opinions', 'report'].map((view) => [
      view,
      `#/runs/${encodeURIComponent(run?.id ?? '')}/${view}`,
    ]),
  ].filter(([view]) => values.only === undefined || values.only.split(',').includes(view));
  mkdirSync(values.out, { recursive: true });
  for (const look of looks) {
    const context = await browser.newContext({
      viewport: { width: look.width, height: look.height },
      colorScheme: look.theme,
      reducedMotion: 'reduce',
      ...(look.contrast ? { forcedColors: 'active' as const } : {}),
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error(`${look.name}: ${error.message}`));
    await app.handlers['settings.write'](
      { language: look.language, theme: 'system' },
      { signal: new AbortController().signal },
    );
    await page.goto(server.url);
    await page.locator('main h1').first().waitFor();
    for (const [view, hash] of views) {
      await page.evaluate((to) => (location.hash = to), hash);
      await page.waitForTimeout(1500);
      await acts[view]?.(page).catch(() => undefined);
      await page.waitForTimeout(700);
      const wide = await page.evaluate(() => {
        const main = document.querySelector('main');
        return main === null ? 0 : main.scrollWidth - main.clientWidth;
      });
      if (wide > 0) console.error(`${view} ${look.name}: ${wide} pixels wider than its place`);
      if (values.look) {
        // All of a view, however long it is.
        const high = await page.evaluate(() => document.querySelector('main')?.scrollHeight ?? 0);
        await page.setViewportSize({ width: look.width, height: Math.min(4000, Math.max(look.height, high + 80)) });
        await page.waitForTimeout(300);
      }
      await hidePlaces(page);
      const png = await page.screenshot();
      await page.setViewportSize({ width: look.width, height: look.height });
      writeFileSync(
        join(values.out, `${view}-${look.name}.png`),
        await sharp(png).png({ palette: true, quality: 90, effort: 8 }).toBuffer(),
      );
    }
    await context.close();
    console.log(`${look.name}: ${views.length} views`);
  }
} finally {
  await browser.close();
  await server.close();
  await app.close();
  rmSync(folder, { recursive: true, force: true });
}
