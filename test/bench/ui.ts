/**
 * How quick the page is in Chromium: `npm run bench:ui` (after `npm run build`). Prints each number beside what it should
 * be; asserts nothing. The samples are a recorded audit's, repeated with other places; what is measured is the page, not
 * the audit. `--cpu N` slows the browser's processor N times.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser, type Page } from 'playwright';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import type { App, SampleTable } from '../../src-shared/contract.ts';
import { browserPath } from '../find-browser.mjs';
import { recordedApp, recordedTable } from '../support/recorded-app.ts';

const root = new URL('../..', import.meta.url).pathname;
const { values: flags } = parseArgs({ options: { cpu: { type: 'string', default: '1' } } });

function enlarged(samples: number): SampleTable {
  const { classNames, columns } = recordedTable();
  const known = columns.label.length;
  const grown = Object.fromEntries(
    Object.entries(columns).map(([name, values]) => {
      const Kind = values.constructor as typeof Float32Array;
      const spread = name === 'scatterX' || name === 'scatterY' ? 1 : 0;
      return [
        name,
        Kind.from({ length: samples }, (_, row) =>
          name === 'index' ? row : values[row % known] + spread * Math.sin(row * 12.9898 + name.length),
        ),
      ];
    }),
  );
  return { classNames, columns: grown as unknown as SampleTable['columns'], complete: true };
}

declare global {
  interface Window {
    /** When the map was painted, ms since the page began. */
    painted: number[];
    longTasks: number[];
  }
}

const line = (what: string, value: number, unit: string, bound: string): void =>
  console.log(`${what.padEnd(62)} ${value.toFixed(value < 10 ? 1 : 0).padStart(7)} ${unit.padEnd(6)} (${bound})`);

async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 860 } });
  await page.addInitScript(() => {
    window.painted = [];
    window.longTasks = [];
    const paint = CanvasRenderingContext2D.prototype.putImageData;
    CanvasRenderingContext2D.prototype.putImageData = function (this: CanvasRenderingContext2D, ...rest: unknown[]) {
      (paint as (...all: unknown[]) => void).apply(this, rest);
      window.painted.push(performance.now());
    } as typeof paint;
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((one) => one.duration))).observe({
      type: 'longtask',
    });
  });
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: Number(flags.cpu) });
  return page;
}

async function withPage(browser: Browser, app: App, act: (page: Page, url: string) => Promise<void>): Promise<void> {
  const server = await createLoopback(app, { rendererDir: join(root, 'out', 'renderer') });
  const page = await newPage(browser);
  try {
    await act(page, server.url);
  } finally {
    await page.close();
    await server.close();
    await app.close();
  }
}

/** From the request of the page to a button that answers. */
async function shell(browser: Browser): Promise<void> {
  await withPage(browser, recordedApp(), async (page, url) => {
    const start = performance.now();
    await page.goto(url);
    await page.getByRole('button', { name: 'Run the sample audit' }).waitFor();
    line('shell interactive', performance.now() - start, 'ms', 'below 1,000');
  });
}

/** A run that streams an event every few milliseconds for some seconds. */
async function streaming(browser: Browser): Promise<void> {
  await withPage(browser, recordedApp({ pace: 15 }), async (page, url) => {
    await page.goto(url);
    await page.getByRole('button', { name: 'Run the sample audit' }).click();
    await page.getByRole('heading', { level: 1, name: /run #1/i }).waitFor();
    await page.evaluate(() => void (window.longTasks.length = 0));
    await page.getByRole('link', { name: 'See the result' }).waitFor({ timeout: 120_000 });
    const longest = await page.evaluate(() => Math.max(0, ...window.longTasks));
    line('longest task while a run streams, 2,000 samples', longest, 'ms', 'at most 100');
  });
}

async function map(browser: Browser, samples: number): Promise<void> {
  const base = recordedApp();
  const table = enlarged(samples);
  const app: App = { ...base, handlers: { ...base.handlers, 'run.columns': () => Promise.resolve(table) } };
  await withPage(browser, app, async (page, url) => {
    await page.goto(url);
    await page.getByRole('button', { name: 'Run the sample audit' }).click();
    await page.getByRole('link', { name: 'See the result' }).click();
    // The map's data have come: from here on it is the page's own work.
    await page.waitForTimeout(1000);
    const first = await page.evaluate(async () => {
      window.painted.length = 0;
      const from = performance.now();
      location.hash = location.hash.replace(/[a-z]+$/, 'sifting');
      while (window.painted.length === 0) await new Promise((next) => requestAnimationFrame(next));
      return window.painted[0] - from;
    });
    await page.getByRole('radio', { name: 'Move', exact: true }).press('Space');
    for (let at = 0; at < 4; at++) await page.getByRole('button', { name: 'Zoom in' }).click();
    const box = await page.getByRole('application', { name: /trusted seeds/ }).boundingBox();
    if (box === null) throw new Error('the map has no place');
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.evaluate(() => void (window.painted.length = 0));
    const until = performance.now() + 2000;
    for (let at = 0; performance.now() < until; at++)
      await page.mouse.move(x + 120 * Math.sin(at / 9), y + 60 * Math.cos(at / 9));
    await page.mouse.up();
    const { frames, seconds } = await page.evaluate(() => ({
      frames: window.painted.length,
      seconds: ((window.painted.at(-1) ?? 0) - (window.painted[0] ?? 0)) / 1000,
    }));
    const name = samples.toLocaleString('en-US');
    line(`map of ${name} samples, first drawn`, first, 'ms', samples === 50_000 ? 'below 150' : 'no bound');
    line(`map of ${name} samples, panned`, frames / seconds, 'fps', samples === 50_000 ? '60' : 'usable');
  });
}

const assets = join(root, 'out', 'renderer', 'assets');
const bytes = readdirSync(assets)
  .filter((name) => name.endsWith('.js'))
  .reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0);
line('JavaScript of the page, gzip', bytes / 1000, 'kB', 'below 400');

const executablePath = browserPath();
const browser = await chromium.launch({
  ...(executablePath === null ? {} : { executablePath }),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
try {
  await shell(browser);
  await streaming(browser);
  for (const samples of [2_000, 50_000, 200_000]) await map(browser, samples);
} finally {
  await browser.close();
}
