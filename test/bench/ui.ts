/**
 * How quick the page is in Chromium: `npm run bench:ui` (after `npm run build`). Prints; asserts nothing. The samples are
 * a recorded audit's, repeated with other places; what is measured is the page, not the audit.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium, type Page } from 'playwright';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import type { App, SampleTable } from '../../src-shared/contract.ts';
import { browserPath } from '../find-browser.mjs';
import { recordedApp, recordedTable } from '../support/recorded-app.ts';

const root = new URL('../..', import.meta.url).pathname;

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

async function measure(page: Page, samples: number): Promise<void> {
  const base: App = recordedApp();
  const table = enlarged(samples);
  const app: App = { ...base, handlers: { ...base.handlers, 'run.columns': () => Promise.resolve(table) } };
  const server = await createLoopback(app, { rendererDir: join(root, 'out', 'renderer') });
  try {
    const start = performance.now();
    await page.goto(server.url);
    const sample = page.getByRole('button', { name: 'Run the sample audit' });
    await sample.waitFor();
    const shell = performance.now() - start;
    await sample.click();
    await page.getByRole('link', { name: 'See the result' }).waitFor();
    // The map's data have come: from here on it is the page's own work.
    await page.waitForTimeout(500);
    const first = await page.evaluate(async () => {
      window.painted.length = 0;
      const from = performance.now();
      location.hash = location.hash.replace(/[a-z]+$/, 'sifting');
      while (window.painted.length === 0) await new Promise((next) => requestAnimationFrame(next));
      return window.painted[0] - from;
    });
    await page.getByText('Move', { exact: true }).click();
    for (let at = 0; at < 4; at++) await page.getByRole('button', { name: 'Zoom in' }).click();
    const box = await page.getByRole('application', { name: /trusted seeds/ }).boundingBox();
    if (box === null) throw new Error('the map has no place');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.evaluate(() => void (window.painted.length = 0));
    const until = performance.now() + 2000;
    for (let at = 0; performance.now() < until; at++)
      await page.mouse.move(
        box.x + box.width / 2 + 120 * Math.sin(at / 9),
        box.y + box.height / 2 + 60 * Math.cos(at / 9),
      );
    await page.mouse.up();
    const { frames, seconds } = await page.evaluate(() => ({
      frames: window.painted.length,
      seconds: ((window.painted.at(-1) ?? 0) - (window.painted[0] ?? 0)) / 1000,
    }));
    const longest = await page.evaluate(() => Math.max(0, ...window.longTasks));
    console.log(
      `${samples} samples: shell ${shell.toFixed(0)} ms, first draw ${first.toFixed(0)} ms, panned at ${(frames / seconds).toFixed(0)} pictures a second, longest task ${longest.toFixed(0)} ms`,
    );
  } finally {
    await server.close();
    await base.close();
  }
}

const assets = join(root, 'out', 'renderer', 'assets');
const bytes = readdirSync(assets)
  .filter((name) => name.endsWith('.js'))
  .reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0);
console.log(`JavaScript of the page: ${(bytes / 1000).toFixed(0)} kB gzip`);

const executablePath = browserPath();
const browser = await chromium.launch({
  ...(executablePath === null ? {} : { executablePath }),
  args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
try {
  for (const samples of [2_000, 50_000, 200_000]) {
    const page = await browser.newPage({ viewport: { width: 1360, height: 860 } });
    await page.addInitScript(() => {
      window.painted = [];
      window.longTasks = [];
      const paint = CanvasRenderingContext2D.prototype.putImageData;
      CanvasRenderingContext2D.prototype.putImageData = function (this: CanvasRenderingContext2D, ...rest: unknown[]) {
        (paint as (...all: unknown[]) => void).apply(this, rest);
        window.painted.push(performance.now());
      } as typeof paint;
      new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((one) => one.duration))).observe(
        {
          type: 'longtask',
        },
      );
    });
    await measure(page, samples);
    await page.close();
  }
} finally {
  await browser.close();
}
