/** What the desktop application refuses and survives, with the real Electron. */
import type { ElectronApplication, Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { answer, asked, expect, needsElectron, start, test } from './electron-app.ts';
import { root } from './page.ts';

needsElectron();

async function startSample(desktop: Page): Promise<void> {
  await desktop.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(desktop.getByRole('list', { name: 'Stages of the audit' })).toContainText('at work');
}

test('permissions are denied: notices, place, camera', async ({ desktop }) => {
  const got = await desktop.evaluate(async () => ({
    notices: await Notification.requestPermission(),
    place: await new Promise<string>((resolve) =>
      navigator.geolocation.getCurrentPosition(
        () => resolve('given'),
        ({ code, PERMISSION_DENIED }) => resolve(code === PERMISSION_DENIED ? 'denied' : `error ${code}`),
      ),
    ),
    camera: await navigator.mediaDevices.getUserMedia({ video: true }).then(
      () => 'given',
      (error: unknown) => (error as Error).name,
    ),
  }));
  expect(got).toEqual({ notices: 'denied', place: 'denied', camera: 'NotAllowedError' });
});

test('a window that is not ours gets nothing, though it shows our page through our preload', async ({
  app,
  desktop,
}) => {
  await expect(desktop.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  const opened = app.waitForEvent('window');
  await app.evaluate(
    ({ BrowserWindow }, preload) => {
      const stranger = new BrowserWindow({ show: false, webPreferences: { preload, sandbox: true } });
      return stranger.loadURL('app://coresift/');
    },
    join(root, 'out/preload/index.cjs'),
  );
  const stranger = await opened;
  const said = await stranger.evaluate(() =>
    Promise.all([
      window.coresiftDesktop?.chooseFile('file').catch(String),
      window.coresiftDesktop?.saveFile('a.csv', '1').catch(String),
      window.coresiftDesktop?.takeFile(new File(['x'], 'x')).catch(String),
    ]),
  );
  for (const one of said) expect(one).toContain('the sender is not one of our windows');
  await expect(stranger.getByRole('button', { name: 'Run the sample audit' })).toBeHidden();
});

test('app:// gives the page and nothing outside its folder', async ({ app, desktop }) => {
  await desktop.waitForLoadState();
  const status = (url: string, method = 'GET'): Promise<number | 'cancelled'> =>
    app.evaluate(
      ({ session }, [address, how]) =>
        session.defaultSession.fetch(address, { method: how }).then(
          (answered) => answered.status,
          () => 'cancelled' as const,
        ),
      [url, method] as const,
    );
  expect(await status('app://coresift/')).toBe(200);
  expect(await status('app://coresift/', 'POST')).toBe(405);
  for (const path of [
    '../main/engine.js',
    '..%2fmain%2fengine.js',
    '..%5cmain%5cengine.js',
    '%252e%252e/main/engine.js',
  ])
    expect(await status(`app://coresift/${path}`)).toBe(404);
  expect([421, 'cancelled']).toContain(await status('app://elsewhere/index.html'));
  expect(await status('https://example.org/')).toBe('cancelled');
});

test('an engine that is killed is told of, and the run can go on', async ({ app, desktop }) => {
  await startSample(desktop);
  const engines = await app.evaluate(({ app: it }) =>
    it
      .getAppMetrics()
      .filter(({ name }) => name === 'Coresift engine')
      .map(({ pid }) => pid),
  );
  expect(engines).toHaveLength(1);
  for (const pid of engines) process.kill(pid, 'SIGKILL');
  await expect(desktop.getByRole('alert')).toContainText('The engine');
  await desktop.getByRole('button', { name: 'Resume run' }).click();
  await desktop.getByRole('button', { name: 'Cancel run' }).click();
  await expect(desktop.getByText('This run was cancelled.')).toBeVisible();
});

/** Asked of the main process: to Playwright a page that has crashed stays crashed. */
const crash = (app: ElectronApplication, comesBack: boolean): Promise<void> =>
  app.evaluate(
    ({ BrowserWindow }, back) =>
      new Promise<void>((resolve) => {
        const [window] = BrowserWindow.getAllWindows();
        if (back) window?.webContents.once('did-finish-load', () => resolve());
        else window?.webContents.once('render-process-gone', () => resolve());
        window?.webContents.forcefullyCrashRenderer();
      }),
    comesBack,
  );

test('a page that crashes comes back once and finds its run; the second time it is told', async ({ app, desktop }) => {
  await startSample(desktop);
  await answer(app, 0);
  await crash(app, true);
  const text = (): Promise<unknown> =>
    app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.executeJavaScript('document.body.innerText'),
    );
  await expect.poll(text).toContain('Cancel run');
  expect(await asked(app)).toEqual([]);
  await crash(app, false);
  await expect.poll(() => asked(app)).toEqual(['The page ended twice and was not loaded again.']);
});

test('a second instance ends, and the first one keeps its one window', async ({ app, desktop, profile }) => {
  await expect(desktop.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  const met = app.evaluate(
    ({ app: it }) => new Promise<true>((resolve) => it.once('second-instance', () => resolve(true))),
  );
  const { executablePath, args } = start(profile);
  const [code] = (await once(spawn(executablePath, args, { stdio: 'ignore' }), 'exit')) as [number | null];
  expect(code).toBe(0);
  expect(await met).toBe(true);
  expect(app.windows()).toHaveLength(1);
});

test('quitting asks while a run goes on: it stays, or is interrupted', async ({ app, desktop }) => {
  await startSample(desktop);
  await answer(app, 0);
  const quit = (): Promise<void> => app.evaluate(({ app: it }) => it.quit());
  await quit();
  await expect.poll(() => asked(app)).toEqual(['Run 1 is going on. Interrupt it and quit?']);
  await expect(desktop.getByRole('button', { name: 'Cancel run' })).toBeVisible();
  await answer(app, 1);
  const closed = app.waitForEvent('close');
  await quit();
  await closed;
});
