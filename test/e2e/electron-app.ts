/** What the specs of the desktop application share: the real Electron with a profile of its own, and answers to its questions. */
import { _electron as electron, expect, test as base, type ElectronApplication, type Page } from '@playwright/test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findElectron } from '../../src-main/hosts/find-electron.mjs';
import { root } from './page.ts';

const runtime = findElectron();
const required = process.env.REQUIRE_ELECTRON === '1';

/** How the application is started on a profile: by a test, or a second time beside it. */
export const start = (profile: string): { readonly executablePath: string; readonly args: string[] } => ({
  executablePath: runtime ?? '',
  args: [
    join(root, 'out/desktop/electron.js'),
    `--user-data-dir=${profile}`,
    // Chromium's own sandbox cannot start as root.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ],
});

export { expect };

export const test = base.extend<{
  readonly profile: string;
  readonly app: ElectronApplication;
  readonly desktop: Page;
}>({
  // eslint-disable-next-line no-empty-pattern -- the pattern is how Playwright learns what a fixture needs
  profile: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'coresift-desktop-'));
    await use(folder);
    rmSync(folder, { recursive: true, force: true });
  },
  app: async ({ profile }, use) => {
    const app = await electron.launch(start(profile));
    let open = true;
    app.once('close', () => (open = false));
    await use(app);
    // Whatever a test left going on must not ask before it goes.
    if (open) await answer(app, 1);
    await app.close();
  },
  desktop: async ({ app }, use) => use(await app.firstWindow()),
});

/** Called by each spec: skips it, and says so, where the runtime is missing; REQUIRE_ELECTRON=1 makes that a failure. */
export function needsElectron(): void {
  const missing =
    'no Electron runtime on this machine, so the desktop window was not tested (npx install-electron fetches one)';
  if (runtime === null && !required) console.warn(`SKIPPED: ${missing}.`);
  test.beforeAll(() => {
    if (runtime === null) throw new Error(missing);
  });
  test.skip(runtime === null && !required, missing);
}

const asking = 'askedByCoresift';

/** Has message boxes answered with `response` from now on, and noted instead of shown. */
export const answer = (app: ElectronApplication, response: number): Promise<void> =>
  app.evaluate(
    ({ dialog }, [key, chosen]) => {
      const asked = ((globalThis as Record<string, unknown>)[key] ??= []) as unknown[];
      dialog.showMessageBox = (...rest: unknown[]) => {
        asked.push((rest.at(-1) as { readonly message: string }).message);
        return Promise.resolve({ response: chosen, checkboxChecked: false });
      };
    },
    [asking, response] as const,
  );

/** What message boxes have said since `answer`. */
export const asked = (app: ElectronApplication): Promise<unknown> =>
  app.evaluate((_electron, key) => (globalThis as Record<string, unknown>)[key], asking);
