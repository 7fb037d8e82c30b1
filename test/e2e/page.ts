/** What the page tests share: the real server as a process of its own, the recorded one, and the accessibility check. */
import { test as base, expect, type BrowserContext, type Locator, type Page } from '@playwright/test';
import type axe from 'axe-core';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import { recordedApp, type RecordedOptions } from '../support/recorded-app.ts';
import { amongStrangers } from '../support/strangers.ts';

export const root = new URL('../..', import.meta.url).pathname;

export interface Served {
  readonly url: string;
  readonly project: string;
  readonly pid: number;
  /** Ends it as Ctrl-C would, and says with which exit code. */
  stop(): Promise<number | null>;
  /** As a crash or a power cut would. */
  kill(): Promise<void>;
}

/** `coresift serve` as it ships, with a project in `folder`. */
export async function serveProject(folder: string, port = 0): Promise<Served> {
  const project = join(folder, 'project');
  const cli = join(root, 'out/main/cli.js');
  const server = spawn(process.execPath, [cli, 'serve', '--project', project, '--port', String(port), '--json'], {
    cwd: folder,
    // Settings of a user belong to the user, not to a test.
    env: { ...process.env, XDG_CONFIG_HOME: join(folder, 'config') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  server.stderr.on('data', (data) => (errors += String(data)));
  const ended = new Promise<number | null>((resolve) => server.once('exit', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    server.stdout.on('data', (data) => {
      const found = /"url":"([^"]+)"/.exec(String(data))?.[1];
      if (found !== undefined) resolve(found);
    });
    server.once('exit', (code) => reject(new Error(`coresift serve ended with ${code}: ${errors}`)));
  });
  return {
    url,
    project,
    pid: server.pid ?? 0,
    async stop() {
      server.kill('SIGINT');
      return ended;
    },
    async kill() {
      server.kill('SIGKILL');
      await ended;
    },
  };
}

/** What the page must never do: log an error, break its own policy, ask for anything outside its server. */
export function watchPage(page: Page): string[] {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    // Playwright itself looks into the report's frame, where no script may run: that it is told so is as it should be.
    const sandboxed = /^Blocked script execution in '[^']*\/report\//.test(message.text());
    if (message.type() === 'error' && !sandboxed) problems.push(message.text());
  });
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    const own = ['127.0.0.1', 'localhost'].includes(hostname) || protocol === 'blob:' || protocol === 'data:';
    if (!own) problems.push(`asked for ${request.url()}`);
  });
  return problems;
}

const size = { width: 1360, height: 860 };

interface ServedOptions extends RecordedOptions {
  /** Every name is one that a hostile supplier would choose. */
  readonly hostile?: boolean;
}

/** Serves an app that plays a recorded audit. */
async function serveRecorded(options: ServedOptions = {}): Promise<{ readonly url: string; close(): Promise<void> }> {
  const played = recordedApp(options);
  const app = options.hostile === true ? amongStrangers(played) : played;
  const server = await createLoopback(app, { rendererDir: join(root, 'out/renderer') });
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await app.close();
    },
  };
}

interface Fixtures {
  /** Serves a recorded audit; for states of the page that a real audit cannot be brought into at will. */
  readonly recorded: (options?: ServedOptions) => Promise<{ readonly url: string; close(): Promise<void> }>;
  /** A folder that goes when the test is over. */
  readonly folder: string;
  /** Fails the test when the page did what it must never do. */
  readonly clean: undefined;
}

interface WorkerFixtures {
  /** A page and the context it lives in, for one test after the other: a new one takes longer than most tests. */
  readonly kept: { readonly context: BrowserContext; readonly page: Page };
}

/**
 * The page of a test is that of the test before, left behind as new: servers have ports of their own, so what a page
 * stored for one is not there for the next. After a test that failed the worker, and the page with it, is another.
 */
export const test = base.extend<Fixtures, WorkerFixtures>({
  kept: [
    async ({ browser }, use) => {
      const context = await browser.newContext({ viewport: size, reducedMotion: 'reduce' });
      await use({ context, page: await context.newPage() });
      await context.close();
    },
    { scope: 'worker' },
  ],
  context: async ({ kept }, use) => use(kept.context),
  page: async ({ kept }, use) => {
    const { context, page } = kept;
    await use(page);
    for (const other of context.pages()) if (other !== page) await other.close();
    for (const event of ['pageerror', 'console', 'request'] as const) page.removeAllListeners(event);
    await page.unrouteAll();
    await page.goto('about:blank');
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce', forcedColors: null });
  },
  // eslint-disable-next-line no-empty-pattern -- the pattern is how Playwright learns what a fixture needs
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'coresift-e2e-'));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
  // eslint-disable-next-line no-empty-pattern -- as above
  recorded: async ({}, use) => {
    const closers: (() => Promise<void>)[] = [];
    await use(async (options) => {
      const served = await serveRecorded(options);
      closers.push(served.close);
      return served;
    });
    for (const close of closers) await close();
  },
  clean: [
    // The server outlives this: what is under way at the end of a test is no problem of the page.
    async ({ page, recorded: _ }, use) => {
      const problems = watchPage(page);
      await use(undefined);
      expect(problems).toEqual([]);
    },
    { auto: true },
  ],
});

interface Shared {
  readonly page: Page;
  readonly url: string;
}

/** One server with two finished runs and one page for all tests of a file that only look. */
export const sharedTest = base.extend<object, { readonly shared: Shared }>({
  shared: [
    async ({ browser }, use) => {
      const { url, close } = await serveRecorded();
      const context = await browser.newContext({ viewport: size, reducedMotion: 'reduce' });
      const page = await context.newPage();
      const seen = watchPage(page);
      await page.goto(url);
      for (const number of [1, 2]) {
        await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Start' }).click();
        await page.getByRole('button', { name: 'Run the sample audit' }).click();
        await expect(page.getByRole('heading', { name: `Run #${number}` })).toBeVisible();
      }
      await use({ page, url });
      expect(seen).toEqual([]);
      await context.close();
      await close();
    },
    { scope: 'worker' },
  ],
});

/** The stages of the run that is shown. */
export const stagesOf = (page: Page): Locator => page.getByRole('list', { name: 'Stages of the audit' });

/** Goes to a view, and is back when its address is that view's and something of it is there. */
export async function open(page: Page, view: string): Promise<void> {
  const link = page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view, exact: true });
  await link.click();
  await expect(link).toHaveAttribute('aria-current', 'page');
  await expect(page.locator('main h1')).toBeAttached();
}

declare global {
  interface Window {
    axe?: typeof axe;
  }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const bar = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** What can differ between two themes: a theme changes colours and nothing else. */
const ofColour = ['color-contrast', 'link-in-text-block'];

async function violations(page: Page, only: axe.RunOnly): Promise<readonly string[]> {
  // Once per document; a page that was loaded anew has lost it.
  if (!(await page.evaluate(() => window.axe !== undefined))) await page.evaluate(axeSource);
  return page.evaluate(async (runOnly) => {
    // The report's frame runs no script, the check's own included; the report is checked as a page by itself.
    const found = await window.axe?.run(document, { runOnly, resultTypes: ['violations'], iframes: false });
    if (found === undefined) throw new Error('the check did not load');
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
  }, only);
}

/** No violation of WCAG 2.2 AA in either theme, and nothing that scrolls sideways. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await violations(page, { type: 'rule', values: ofColour }), 'dark').toEqual([]);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await violations(page, { type: 'tag', values: bar }), 'light').toEqual([]);
  await expectNoSidewaysScroll(page);
}

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const wide = await page.evaluate(() => {
    const main = document.querySelector('main');
    return main === null ? 0 : main.scrollWidth - main.clientWidth;
  });
  expect(wide, 'pixels the view is wider than its place').toBe(0);
}

/** A step of the new-audit wizard. */
export function step(page: Page, name: string): Locator {
  return page.getByRole('list', { name: 'Steps of a new audit' }).getByRole('button', { name });
}

/** Presses Tab until `target` has the focus, as a person without a mouse does. */
export async function tabTo(page: Page, target: Locator, most = 40): Promise<void> {
  for (let presses = 0; presses < most; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  await expect(target, `reached within ${most} presses of Tab`).toBeFocused({ timeout: 1 });
}

interface Keys {
  /** Says a command to the palette. */
  command(text: string): Promise<void>;
  /** Goes to `target` by Tab and presses a key there, Enter unless another is named. */
  press(target: Locator, key?: string): Promise<void>;
  type(target: Locator, text: string): Promise<void>;
}

/** What a person without a mouse does. */
export function keysOf(page: Page): Keys {
  return {
    async command(text) {
      await page.keyboard.press('Control+k');
      await expect(page.getByRole('combobox', { name: 'Search or command' })).toBeFocused();
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
    },
    async press(target, key = 'Enter') {
      await tabTo(page, target);
      await page.keyboard.press(key);
    },
    async type(target, text) {
      await tabTo(page, target);
      await page.keyboard.type(text);
    },
  };
}

/** Opens the wizard and names both inputs; the data step is the one that is left on screen. */
export async function fillInputs(page: Page, encoder: string, dataset: string): Promise<void> {
  await page.getByRole('link', { name: 'New audit' }).first().click();
  await page.getByLabel('Encoder', { exact: true }).fill(encoder);
  await step(page, 'Data').click();
  await page.getByLabel('Dataset', { exact: true }).fill(dataset);
}

export { expect };
