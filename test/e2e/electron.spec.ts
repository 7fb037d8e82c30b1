/** The desktop application with the real Electron: its window, bridge, dialogs and menu. */
import { expect, needsElectron, test } from './electron-app.ts';

needsElectron();

test('the window shows the start page over app://', async ({ desktop }) => {
  await expect(desktop.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  expect(desktop.url()).toMatch(/^app:\/\/coresift\//);
});

test('the page has no Node, no Electron, and one frozen bridge', async ({ desktop }) => {
  const seen = await desktop.evaluate(() => ({
    process: typeof (globalThis as { process?: unknown }).process,
    require: typeof (globalThis as { require?: unknown }).require,
    bridge: Object.keys(window.coresiftDesktop ?? {}),
    frozen: Object.isFrozen(window.coresiftDesktop),
  }));
  expect(seen).toEqual({
    process: 'undefined',
    require: 'undefined',
    bridge: ['requestPort', 'onCommand', 'takeFile', 'chooseFile', 'saveFile'],
    frozen: true,
  });
});

test('the page cannot fetch, navigate, open windows or evaluate text', async ({ desktop }) => {
  const tried = await desktop.evaluate(async () => {
    const fetched = await fetch('https://example.org/').then(
      () => 'answered',
      () => 'refused',
    );
    let evaluated = 'refused';
    try {
      evaluated = String((0, eval)('1 + 1'));
    } catch {
      // What the policy is for.
    }
    return { fetched, evaluated, opened: window.open('https://example.org/') === null };
  });
  expect(tried).toEqual({ fetched: 'refused', evaluated: 'refused', opened: true });
  await desktop.evaluate(() => (location.href = 'https://example.org/'));
  expect(desktop.url()).toMatch(/^app:\/\/coresift\//);
});

test('a file is chosen and saved by native dialogs; the page holds names, and a path it makes up is refused', async ({
  app,
  desktop,
}) => {
  await app.evaluate(({ dialog }) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: ['/data/strange/net.onnx'] });
    dialog.showSaveDialog = () => Promise.resolve({ canceled: true, filePath: '' });
  });
  await desktop.getByRole('link', { name: 'New audit' }).first().click();
  await desktop.getByRole('button', { name: 'Browse… (Encoder)' }).click();
  await expect(desktop.getByLabel('Encoder', { exact: true })).toHaveValue('net.onnx');
  expect(await desktop.content()).not.toContain('/data/strange');
  expect(await desktop.evaluate(() => window.coresiftDesktop?.saveFile('a.csv', '1'))).toEqual({ state: 'cancelled' });
  const made = await desktop.evaluate(() => window.coresiftDesktop?.takeFile(new File(['x'], 'passwd')).catch(String));
  expect(made).toContain('lies on no disk');
});

test('the sample audit can be started and cancelled', async ({ desktop }) => {
  await desktop.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(desktop.getByRole('list', { name: 'Stages of the audit' })).toContainText('at work');
  await desktop.getByRole('button', { name: 'Cancel run' }).click();
  await expect(desktop.getByText('This run was cancelled.')).toBeVisible();
});

test('the native menu has our keys, no developer tools, and its commands reach the page', async ({ app, desktop }) => {
  await expect(desktop.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  const items = await app.evaluate(({ Menu }) =>
    (Menu.getApplicationMenu()?.items ?? []).flatMap(({ submenu }) =>
      (submenu?.items ?? []).map(({ accelerator, role }) => ({ accelerator: accelerator ?? '', role: role ?? '' })),
    ),
  );
  expect(items.map(({ accelerator }) => accelerator)).toContain('CmdOrCtrl+N');
  expect(items.map(({ role }) => role.toLowerCase())).not.toContain('toggledevtools');
  await app.evaluate(({ Menu }) =>
    Menu.getApplicationMenu()
      ?.items.flatMap(({ submenu }) => submenu?.items ?? [])
      .find(({ accelerator }) => accelerator === 'CmdOrCtrl+,')
      ?.click(),
  );
  await expect(desktop.getByRole('heading', { name: 'Settings', level: 1 })).toBeVisible();
});

test('developer tools do not open', async ({ app }) => {
  const opened = await app.evaluate(({ BrowserWindow }) => {
    const [window] = BrowserWindow.getAllWindows();
    window?.webContents.openDevTools();
    return window?.webContents.isDevToolsOpened();
  });
  expect(opened).toBe(false);
});
