/**
 * How quick the page is in Chromium: `npm run bench:ui` (after `npm run build`). Prints each number beside what it should
 * be; asserts nothing. The samples are a recorded audit's, repeated with other places; what is measured is the page, not
 * the audit. `--cpu N` slows the browser's processor N times; `--part shell,stream,map,host` measures some of it only.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { chromium, type Browser, type Page } from 'playwright';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import type { App, SampleTable } from '../../src-shared/contract.ts';
import { fillBigProject } from './big-project.ts';
import { browserPath } from '../find-browser.mjs';
import { recordedApp, recordedTable } from '../support/recorded-app.ts';

const root = new URL('../..', import.meta.url).pathname;
const { values: flags } = parseArgs({
  options: { cpu: { type: 'string', default: '1' }, part: { type: 'string', default: 'shell,stream,map,host' } },
});
const parts = new Set(flags.part.split(','));

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
    /** When the page could be used first: its first button was on screen; ms since it was asked for. */
    usable: number;
    /** When a painted map was on screen, ms since the page was asked for. */
    painted: number[];
  }
}

/** What the page says on its console when it can be used: asking it would be work for it just then. */
const usableWord = 'the page can be used';

const line = (what: string, value: number, unit: string, bound: string): void =>
  console.log(`${what.padEnd(62)} ${value.toFixed(value < 10 ? 1 : 0).padStart(7)} ${unit.padEnd(6)} (${bound})`);

async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 860 } });
  await page.addInitScript((word) => {
    window.usable = 0;
    window.painted = [];
    /** Calls back in the first task after the next frame was made. */
    const afterFrame = (then: () => void): void => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = then;
        port2.postMessage(null);
      });
    };
    const watch = new MutationObserver(() => {
      if (document.querySelector('main .button.primary') === null) return;
      watch.disconnect();
      afterFrame(() => {
        window.usable = performance.now();
        console.log(word);
      });
    });
    watch.observe(document, { childList: true, subtree: true });
    const paint = CanvasRenderingContext2D.prototype.putImageData;
    CanvasRenderingContext2D.prototype.putImageData = function (this: CanvasRenderingContext2D, ...rest: unknown[]) {
      (paint as (...all: unknown[]) => void).apply(this, rest);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => void window.painted.push(performance.now());
      port2.postMessage(null);
    } as typeof paint;
  }, usableWord);
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

/** From the request of the page to a first button that is on screen and answers. */
async function shell(browser: Browser, when: string): Promise<void> {
  await withPage(browser, recordedApp(), async (page, url) => {
    const told = page.waitForEvent('console', (message) => message.text() === usableWord);
    await page.goto(url);
    await told;
    line(`shell interactive, ${when}`, await page.evaluate(() => window.usable), 'ms', 'below 1,000');
  });
}

/** Waits until the browser's processes have been quiet for half a second: it goes on starting long after it answers. */
async function atRest(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const spent = async (): Promise<number> =>
    (await session.send('SystemInfo.getProcessInfo')).processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
  let before = await spent();
  for (let tries = 0; tries < 60; tries++) {
    await setTimeout(500);
    const now = await spent();
    if (now - before < 0.02) break;
    before = now;
  }
  await session.detach();
}

/** A run that streams an event every few milliseconds for some seconds, from the moment it is asked for. */
async function streaming(browser: Browser): Promise<void> {
  await withPage(browser, recordedApp({ pace: 15 }), async (page, url) => {
    const told = page.waitForEvent('console', (message) => message.text() === usableWord);
    await page.goto(url);
    await told;
    const events = await traced(browser, page, ['disabled-by-default-devtools.timeline', 'blink.user_timing'], () =>
      // Waited for within the page and by cheap means: looking for a role and a name goes through the whole page and lays it
      // out, each time, which would count as tasks of the page.
      page.evaluate(async () => {
        const wait = (ms: number): Promise<unknown> => new Promise((resolve) => window.setTimeout(resolve, ms));
        const until = performance.now() + 120_000;
        performance.mark('asked');
        window.setTimeout(() => document.querySelector<HTMLElement>('main .button.primary')?.click());
        while (!/run #1/i.test(document.querySelector('main h1')?.textContent ?? '')) await wait(10);
        performance.mark('shown');
        while (document.querySelector('main header a.button.primary') === null) {
          if (performance.now() > until) throw new Error('The run did not end.');
          await wait(250);
        }
        performance.mark('ended');
      }),
    );
    const [asked, shown, ended] = ['asked', 'shown', 'ended'].map((name) => {
      const mark = events.find((event) => event.name === name && event.cat === 'blink.user_timing');
      if (mark === undefined) throw new Error(`The trace has no mark "${name}".`);
      return mark;
    });
    const tasks = events.filter(({ name, tid, pid }) => name === 'RunTask' && tid === asked.tid && pid === asked.pid);
    /** Longest of the tasks that began between two marks, and the most processor time that one of them took, ms. */
    const longest = (from: TraceEvent, to: TraceEvent): [number, number] => {
      const between = tasks.filter(({ ts }) => ts >= from.ts && ts < to.ts);
      if (between.length === 0) throw new Error('The trace has no tasks.');
      const most = (of: (task: TraceEvent) => number | undefined): number =>
        Math.max(...between.map((task) => (of(task) ?? NaN) / 1000));
      return [most(({ dur }) => dur), most(({ tdur }) => tdur)];
    };
    const [opening, openingWork] = longest(asked, shown);
    const [streams, streamsWork] = longest(shown, ended);
    line('longest task while the view of a run opens', opening, 'ms', 'at most 100');
    line('most processor time of one of these tasks', openingWork, 'ms', 'little changed by other work here');
    line('longest task while a run streams, 2,000 samples', streams, 'ms', 'at most 100');
    line('most processor time of one of these tasks', streamsWork, 'ms', 'little changed by other work here');
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
    const fps = await framesDrawn(browser, page, async () => {
      // As a mouse does: it reports every 8 ms and waits for nobody.
      const from = performance.now();
      const sent: Promise<void>[] = [];
      for (let ms = 0; ms < 2000; ms = performance.now() - from) {
        sent.push(page.mouse.move(x + 120 * Math.sin(ms / 300), y + 60 * Math.cos(ms / 300)));
        await setTimeout(8);
      }
      await Promise.all(sent);
    });
    await page.mouse.up();
    const name = samples.toLocaleString('en-US');
    line(`map of ${name} samples, first drawn`, first, 'ms', samples === 50_000 ? 'below 150' : 'no bound');
    line(`map of ${name} samples, panned`, fps, 'fps', samples === 50_000 ? '60' : 'usable');
  });
}

/** How long the host stands still while the views of a run of many samples are opened, one after the other. */
async function hostDelay(browser: Browser, samples: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coresift-bench-'));
  const result = await recordedResult();
  fillBigProject(join(folder, 'project'), enlarged(samples), result);
  const host = fork(join(import.meta.dirname, 'host-process.ts'), [join(folder, 'project')]);
  const answer = async (): Promise<{ readonly url: string; readonly longest: number }> =>
    (await once(host, 'message'))[0] as never;
  const page = await newPage(browser);
  try {
    const { url } = await answer();
    await page.goto(url);
    const watched = async (view: string, act: () => Promise<void>): Promise<void> => {
      host.send('begin');
      await act();
      await page.waitForTimeout(2500);
      const told = answer();
      host.send('end');
      const what = `host stands still: ${view}, ${samples.toLocaleString('en-US')} samples`;
      line(what, (await told).longest, 'ms', 'at most 50');
    };
    await watched('a run is opened', () => page.getByRole('link', { name: '#1' }).click());
    const views = page.getByRole('navigation', { name: 'Views' });
    for (const view of ['Overview', 'Sifting', 'Bootstrapping', 'Suspects', 'History'])
      await watched(view, () => views.getByRole('link', { name: view, exact: true }).click());
    await watched('a sample is looked at', () =>
      views
        .getByRole('link', { name: 'Sifting', exact: true })
        .click()
        .then(async () => {
          await page.getByRole('application', { name: /seeds/ }).press('ArrowRight');
        }),
    );
  } finally {
    await page.close();
    host.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a recorded audit found. */
async function recordedResult(): Promise<object> {
  const app = recordedApp();
  const context = { signal: new AbortController().signal };
  const { id: runId } = await app.handlers['sample.open']({}, context);
  const result = await app.handlers['run.result']({ runId }, context);
  await app.close();
  if (result === null) throw new Error('The recorded audit has no result.');
  return result;
}

/** Frames a second that the compositor put on screen while something was done: what was drawn, not what was asked for. */
async function framesDrawn(browser: Browser, page: Page, act: () => Promise<void>): Promise<number> {
  const events = await traced(browser, page, ['disabled-by-default-devtools.timeline.frame'], act);
  const times = events.flatMap(({ name, ts }) => (name === 'DrawFrame' ? [ts] : []));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  return (1e6 * (times.length - 1)) / (last - first);
}

/** As Chromium writes it; times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  /** Processor time of its thread. */
  readonly tdur?: number;
}

/** What the browser wrote of itself while something was done. */
async function traced(
  browser: Browser,
  page: Page,
  categories: string[],
  act: () => Promise<void>,
): Promise<readonly TraceEvent[]> {
  await browser.startTracing(page, { categories });
  await act();
  return (JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] }).traceEvents;
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
  if (parts.has('shell')) await shell(browser, 'browser just started');
  await atRest(browser);
  if (parts.has('shell')) await shell(browser, 'browser at rest');
  if (parts.has('stream')) await streaming(browser);
  if (parts.has('map')) for (const samples of [2_000, 50_000, 200_000]) await map(browser, samples);
  if (parts.has('host')) await hostDelay(browser, 50_000);
} finally {
  await browser.close();
}
