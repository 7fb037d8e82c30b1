/**
 * The page as the desktop window shows it, in a real browser: the real desktop host answers it behind the stand-in of
 * Electron, and what the preload would carry is carried here. What needs Electron itself is in electron*.spec.ts.
 */
import type { Page } from '@playwright/test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDesktop } from '../../src-main/hosts/electron/desktop.ts';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import type { AuditRequest } from '../../src-shared/domain/run.ts';
import { electronStandIn } from '../support/electron-stand-in.ts';
import { recordedApp } from '../support/recorded-app.ts';
import { expect, expectAccessible, root, step, test as base, watchPage } from './page.ts';

interface Desktop {
  readonly page: Page;
  readonly electron: ReturnType<typeof electronStandIn>;
  /** What reached the use cases. */
  readonly started: { readonly request: AuditRequest; readonly out: string | null }[];
  readonly verified: { readonly path: string; readonly key: string | null }[];
  readonly opened: string[];
  /** What a run that is asked for waits for before the host answers. */
  readonly gate: { open: Promise<unknown> };
}

/** Stands in for the preload: the port's messages and the three calls of the bridge go through functions of the test. */
function bridge(): void {
  const outside = window as unknown as Record<'toHost' | 'invoke', (...rest: unknown[]) => Promise<unknown>> & {
    fromHost: (message: unknown) => void;
  };
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = ({ data }) => void outside.toHost(data);
  outside.fromHost = (message) => port2.postMessage(message);
  Object.defineProperty(window, 'coresiftDesktop', {
    value: Object.freeze({
      requestPort: () =>
        void outside
          .invoke('coresift:connect')
          .then(() => window.postMessage('coresift:port', location.origin, [port1])),
      onCommand: () => () => undefined,
      takeFile: (file: File) => outside.invoke('coresift:take', file.name === 'nowhere' ? '' : `/data/${file.name}`),
      chooseFile: (kind: string) => outside.invoke('coresift:choose', kind),
      saveFile: (name: string, text: string) => outside.invoke('coresift:save', name, text),
    }),
  });
}

const test = base.extend<{ readonly desktop: Desktop }>({
  desktop: async ({ browser, folder }, use) => {
    const electron = electronStandIn();
    const app = recordedApp();
    const started: Desktop['started'] = [];
    const verified: Desktop['verified'] = [];
    const opened: string[] = [];
    const gate: Desktop['gate'] = { open: Promise.resolve() };
    const { handlers } = app;
    await startDesktop(electron.parts, {
      rendererDir: join(root, 'out/renderer'),
      kept: join(folder, 'desktop.json'),
      argv: ['coresift'],
      cwd: folder,
      platform: 'linux',
      createApp: () =>
        Promise.resolve({
          ...app,
          handlers: {
            ...handlers,
            'run.start': async (asked, context) => {
              started.push(asked);
              await gate.open;
              return handlers['run.start'](asked, context);
            },
            'pack.verify': (asked, context) => (verified.push(asked), handlers['pack.verify'](asked, context)),
            // The recorded app has one project, in a folder of nobody's.
            'project.open': async (asked, context) => {
              if (asked.folder !== null) opened.push(asked.folder);
              return { ...(await handlers['project.open']({ folder: null }, context)), folder };
            },
          },
        }),
      report: (error) => {
        throw error;
      },
    });
    const server = await createLoopback(app, { rendererDir: join(root, 'out/renderer') });
    const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const seen = watchPage(page);
    const { webContents } = electron.windows[0]!;
    await page.exposeFunction('invoke', async (channel: string, ...rest: unknown[]) => {
      const answer: unknown = await electron.handled.get(channel)!(
        { sender: webContents, senderFrame: webContents.mainFrame },
        ...rest,
      );
      if (channel === 'coresift:connect') {
        const [port] = webContents.mainFrame.posted.at(-1)!.ports;
        port!.node.on('message', (message) => {
          const told = page.evaluate(
            (given) => (window as unknown as { fromHost: (given: unknown) => void }).fromHost(given),
            message,
          );
          // A run goes on telling of itself when the test is over.
          told.catch((error: unknown) => {
            if (!page.isClosed()) throw error;
          });
        });
      }
      return answer;
    });
    await page.exposeFunction('toHost', (message: unknown) =>
      webContents.mainFrame.posted.at(-1)!.ports[0]!.node.postMessage(message),
    );
    await page.addInitScript(bridge);
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await expect(page.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
    await use({ page, electron, started, verified, opened, gate });
    expect(seen).toEqual([]);
    electron.end();
    await context.close();
    await server.close();
    await app.close();
  },
});

/** Drops files and folders on the middle of the window, as far as a page can be made to believe it. */
async function drop(
  page: Page,
  things: readonly { readonly name: string; readonly folder?: boolean }[],
): Promise<void> {
  await page.evaluate((all) => {
    const data = new DataTransfer();
    for (const { name } of all) data.items.add(new File(['x'], name));
    // What a script puts there is no entry of a disk; a folder that is dropped is one.
    const entries = DataTransferItem.prototype.webkitGetAsEntry;
    DataTransferItem.prototype.webkitGetAsEntry = function (this: DataTransferItem) {
      const name = this.getAsFile()?.name;
      return { isDirectory: all.find((one) => one.name === name)?.folder === true } as FileSystemEntry;
    };
    const target = document.elementFromPoint(innerWidth / 2, innerHeight / 2) ?? document.body;
    for (const type of ['dragover', 'drop']) {
      const event = new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
      target.dispatchEvent(event);
      if (!event.defaultPrevented) throw new Error(`${type} was left to the browser`);
    }
    DataTransferItem.prototype.webkitGetAsEntry = entries;
  }, things);
}

test('an audit is put together with Browse alone, and the host alone knows the paths', async ({ desktop }) => {
  const { page, electron, started } = desktop;
  await page.getByRole('link', { name: 'New audit' }).first().click();
  const encoder = page.getByLabel('Encoder', { exact: true });
  await expect(encoder).toHaveAttribute('readonly', '');
  // A dialog that is left changes nothing.
  await page.getByRole('button', { name: 'Browse… (Encoder)' }).click();
  await expect(encoder).toHaveValue('');
  electron.answers.files.push(['/data/strange/net.onnx']);
  await page.getByRole('button', { name: 'Browse… (Encoder)' }).click();
  await expect(encoder).toHaveValue('net.onnx');
  await expectAccessible(page);
  await step(page, 'Data').click();
  electron.answers.files.push(['/data/images']);
  await page.getByRole('button', { name: 'Browse folder… (Dataset)' }).click();
  await expect(page.getByLabel('Dataset', { exact: true })).toHaveValue('images');
  await step(page, 'Plan').click();
  electron.answers.files.push(['/data/out'], ['/data/other']);
  await page.getByRole('button', { name: 'Browse… (Output folder)' }).click();
  await page.getByRole('button', { name: 'Clear (Output folder)' }).click();
  await expect(page.getByLabel('Output folder')).toHaveValue('');
  await page.getByRole('button', { name: 'Browse… (Output folder)' }).click();
  await step(page, 'Run').click();
  const summary = page.getByRole('form', { name: 'Run' });
  for (const name of ['net.onnx', 'images', 'other']) await expect(summary).toContainText(name);
  expect(await page.content()).not.toMatch(/given:|\/data\//);
  await page.getByRole('button', { name: 'Start audit' }).click();
  await expect.poll(() => started).toHaveLength(1);
  expect(started[0]).toMatchObject({
    request: { encoder: '/data/strange/net.onnx', dataset: '/data/images' },
    out: '/data/other',
  });
  expect(electron.shown.map(({ options }) => options.properties[0])).toEqual([
    ...['openFile', 'openFile', 'openDirectory', 'openDirectory', 'openDirectory'],
  ]);
});

test('files dropped anywhere go where they belong', async ({ desktop }) => {
  const { page, verified, started, gate } = desktop;
  // On Start: an encoder and a folder make a new audit.
  await drop(page, [{ name: 'net.onnx' }, { name: 'images', folder: true }]);
  await expect(page.getByText('Dropped here: net.onnx and images')).toBeVisible();
  await expect(page.getByLabel('Encoder', { exact: true })).toHaveValue('net.onnx');
  await step(page, 'Run').click();
  const slow = Promise.withResolvers<undefined>();
  gate.open = slow.promise;
  await page.getByRole('button', { name: 'Start audit' }).click();
  await expect.poll(() => started).toHaveLength(1);
  expect(started[0]?.request).toMatchObject({ encoder: '/data/net.onnx', dataset: '/data/images' });
  // A pack goes to verification from anywhere; the signer's key where that is shown.
  await drop(page, [{ name: 'theirs.coresiftpack' }]);
  const pack = page.getByRole('region', { name: 'Verify a pack', exact: true });
  await expect(pack.getByLabel('Pack')).toHaveValue('theirs.coresiftpack');
  // The run that was asked for starts only now: it is listed, and takes nobody from where they went meanwhile.
  slow.resolve(undefined);
  await expect(page.getByRole('banner').getByRole('combobox')).toBeVisible();
  await expect(pack).toBeVisible();
  await drop(page, [{ name: 'signer.pem' }]);
  await expect(pack.getByLabel('Public key of the signer')).toHaveValue('signer.pem');
  await expect(pack.getByLabel('Pack')).toHaveValue('theirs.coresiftpack');
  await pack.getByRole('button', { name: 'Verify the pack' }).click();
  await expect(pack.getByRole('grid')).toBeVisible();
  expect(verified).toEqual([{ path: '/data/theirs.coresiftpack', key: '/data/signer.pem' }]);
  // What lies on no disk is said not to be taken.
  await drop(page, [{ name: 'nowhere' }]);
  await expect(page.getByText(/^What was dropped could not be taken/)).toBeVisible();
});

test('a project is opened by its dialog, and a key is saved where the user says', async ({ desktop, folder }) => {
  const { page, electron, opened } = desktop;
  electron.answers.files.push(['/data/lab']);
  await page.getByRole('button', { name: 'Browse… (Project folder)' }).click();
  await expect(page.getByLabel('Project folder')).toHaveValue('lab');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await expect.poll(() => opened).toEqual(['/data/lab']);

  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Settings', exact: true }).click();
  const keys = page.getByRole('region', { name: 'Signing keys' });
  await keys.locator('summary', { hasText: 'Make a key' }).click();
  const form = keys.locator('details').first();
  await form.getByLabel('Name of the key').fill('lab');
  await form.getByLabel('Passphrase it is kept under').fill('a passphrase');
  await form.getByRole('button', { name: 'Make a key' }).click();
  await keys.getByRole('button', { name: 'Public half' }).click();
  await expect(keys.getByText('lab.pub.pem was not saved: the dialog was closed.')).toBeVisible();
  const path = join(folder, 'signer.pem');
  electron.answers.files.push([path]);
  await keys.getByRole('button', { name: 'Public half' }).click();
  await expect(keys.getByText('signer.pem was saved.')).toBeVisible();
  expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  expect(electron.shown.at(-1)?.options.defaultPath).toBe('lab.pub.pem');
  expect(existsSync(join(folder, 'lab.pub.pem'))).toBe(false);
});
