/** What the command line can do, done on the page: settings by name, a scan, other formats, tables, log, commands. */
import type { Page } from '@playwright/test';
import { recordedEvents } from '../support/recorded-app.ts';
import { expect, expectAccessible, expectNoSidewaysScroll, fillInputs, open, step, tabTo, test } from './page.ts';

const sampleRun = async (page: Page, url: string): Promise<void> => {
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Run #1' })).toBeVisible();
};
const command = async (page: Page, name: string): Promise<void> => {
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox', { name: 'Search or command' })).toBeFocused();
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
};

test('single parameters are found by name, refused at their field, told before the start, and reset', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await fillInputs(page, '/data/encoder.onnx', '/data/images');
  await page.getByLabel('Class names').fill('/data/names.txt');
  await step(page, 'Plan').click();
  const form = page.getByRole('form', { name: 'Plan' });
  const advanced = form.locator('summary', { hasText: 'Advanced' });
  await tabTo(page, advanced);
  await page.keyboard.press('Enter');
  await form.getByLabel('Threads').fill('none');
  await form.getByLabel('Memory bound').fill('1K');
  await tabTo(page, form.getByLabel('Search by name'));
  await page.keyboard.type('grow.cap');
  const cap = form.getByRole('textbox', { name: 'grow.cap' });
  await expect(cap).toHaveAttribute('placeholder', '0.9');
  await cap.fill('7');
  await expect(form.getByText('--threads wants a whole number from 1 to 1024, met "none".')).toBeVisible();
  await form.getByLabel('Threads').fill('2');
  await expect(form.getByText('parameter "grow.cap" must be in 0..1, met 7.')).toBeVisible();
  await expect(cap).toHaveAttribute('aria-invalid', 'true');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(cap).toBeFocused();
  await cap.fill('0.6');
  await expect(form.getByText('--memory allows 1 MB')).toBeVisible();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(form.getByLabel('Memory bound')).toBeFocused();
  await form.getByLabel('Memory bound').fill('2G');
  await form.getByLabel('Search by name').fill('maxfiles');
  await form.getByRole('textbox', { name: 'dataset.maxFiles' }).fill('5000');
  await form.getByLabel('Search by name').fill('augment.flip');
  await form.getByRole('combobox', { name: 'augment.flip' }).selectOption('false');
  await form.getByLabel('Device').selectOption('cpu');
  await expect(advanced).toContainText('6 changed');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Next' }).click();
  const summary = page.getByRole('form', { name: 'Run' });
  await expect(summary).toContainText('0.6 instead of 0.9');
  await expect(summary).toContainText('5000 instead of 10000000');
  await expect(summary).toContainText('false instead of true');
  await expect(summary).toContainText('/data/names.txt');
  await expect(summary).toContainText('2G');
  await expectAccessible(page);
  await summary.getByRole('button', { name: 'Reset all of these' }).click();
  await expect(summary).not.toContainText('instead of');
  await page.getByRole('button', { name: 'Start audit' }).click();
  await expect(page.getByRole('heading', { name: 'Run #1' })).toBeVisible();
});

test('a model file is scanned from the preview and by itself, a hostile one without harm', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await fillInputs(page, '/data/encoder.onnx', '/data/images');
  await step(page, 'Preview').click();
  const panel = page.getByRole('region', { name: 'Scan of the file' });
  await panel.getByRole('button', { name: 'Scan this file' }).click();
  await expect(panel).toContainText('Nothing suspicious in the file itself');
  await expect(panel).toContainText('pixels float32 [N,1,28,28]');
  await expectAccessible(page);
  await command(page, 'scan a model');
  await expect(page.getByLabel('Model file')).toBeFocused();
  await page.keyboard.type('/data/stranger.pt');
  await page.keyboard.press('Enter');
  await expect(panel).toContainText('do not load this file with other tools');
  await expect(panel).toContainText('pickle.unsafe-global');
  await expect(panel).toContainText('<img src=x onerror=alert(1)>\\u{202E}');
  await expect(panel).toContainText('What was not looked at');
  await expectAccessible(page);
  await page.getByLabel('Model file').fill('/data/missing.pt');
  await expect(panel).not.toContainText('pickle.unsafe-global');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('does not exist');
});

test('the model of a finished run is written in other formats, and what was refused says why', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await sampleRun(page, url);
  await open(page, 'Report');
  await page.locator('summary', { hasText: 'Write the sanitized model in other formats' }).click();
  const form = page.getByRole('form', { name: 'Write the model' });
  await form.getByRole('checkbox', { name: 'TensorFlow.js' }).check();
  await form.getByRole('checkbox', { name: 'safetensors', exact: true }).check();
  await form.getByRole('button', { name: 'Write the model' }).click();
  await expect(form).toContainText('2 formats were written to');
  await expect(form).toContainText('TensorFlow.js was not written: It has no operator for that.');
  await expectAccessible(page);
});

test('tables are put in order, copied without formulas, and lead to the sheet of a sample', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded({ hostile: true });
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await sampleRun(page, url);
  await open(page, 'Suspects');
  await page
    .locator('section', { has: page.getByRole('heading', { name: 'Suspects, most suspicious first' }) })
    .getByRole('button', { name: 'Table', exact: true })
    .click();
  const table = page.getByRole('grid', { name: 'Suspect list' });
  const header = table.getByRole('columnheader', { name: 'Sanitized loss' });
  await header.getByRole('button').press('Enter');
  await expect(header).toHaveAttribute('aria-sort', 'ascending');
  await header.getByRole('button').press('Enter');
  await expect(header).toHaveAttribute('aria-sort', 'descending');
  const losses = await table.locator('tbody tr td:nth-child(8)').allTextContents();
  const numbers = losses.map(Number);
  expect(numbers.length).toBeGreaterThan(10);
  expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
  await expectAccessible(page);
  await table
    .getByRole('button', { name: /^Show sample/ })
    .first()
    .click();
  await expect(page.getByRole('complementary', { name: 'Selected sample' })).toBeVisible();
  await page.keyboard.press('Escape');

  await open(page, 'Sifting');
  await page
    .locator('section', { has: page.getByText('Rows: taps from input to output') })
    .last()
    .getByRole('button', { name: 'Table', exact: true })
    .click();
  const taps = page.getByRole('region', { name: 'Consistency per sample and tap' });
  await taps
    .getByRole('button', { name: /^Show sample/ })
    .first()
    .click();
  await expect(page.getByRole('complementary', { name: 'Selected sample' })).toBeVisible();

  await open(page, 'New audit');
  await page.getByLabel('Encoder', { exact: true }).fill('/data/encoder.onnx');
  await step(page, 'Data').click();
  await page.getByLabel('Dataset', { exact: true }).fill('/data/images');
  await step(page, 'Preview').click();
  await page.getByRole('button', { name: 'Table' }).click();
  await page.getByRole('button', { name: /^Copy as CSV/ }).click();
  await expect(page.getByRole('button', { name: 'copied', exact: true })).toBeVisible();
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text.replaceAll('\r\n', '\n').split('\n')[1]).toBe(`"'=HYPERLINK(""http://x"",""t"")",200`);
  expect(text).toContain('<img src=x onerror=alert(1)>\\u{202E}ankle,200');
});

test('the log of a run tells when its stages, rounds, pauses and warnings came', async ({ page, recorded }) => {
  const tape = recordedEvents();
  const { url } = await recorded({
    tape: () => [...tape.slice(0, 12), { type: 'paused' }, { type: 'continued' }, ...tape.slice(12)],
  });
  await sampleRun(page, url);
  const log = page.getByRole('region', { name: 'Log of the run' });
  await log.scrollIntoViewIfNeeded();
  await expect(log).toContainText('Preflight began');
  await expect(log).toContainText('Paused');
  await expect(log).toContainText('Continued');
  await expect(log).toContainText(
    /Round 3: pool of 660, aimed at 33.%; 160 admitted, 9 taken out; guard accuracy 77.%/,
  );
  await expect(log).toContainText('Finished');
  await expect(log.locator('time').first()).toHaveText(/^\d{1,2}:\d\d:\d\d/);
  await expectAccessible(page);
  await page.getByRole('checkbox', { name: 'Warnings only' }).check();
  await expect(log.getByRole('listitem')).toHaveCount(2);
  await expect(log).toContainText('two groups of similar size');
});

/** As on a busy machine: the browser says that the address changed when several frames have been drawn. */
function slowAddress(): void {
  const late = new WeakSet<Event>();
  const hold = (event: Event): void => {
    if (late.has(event)) return;
    event.stopImmediatePropagation();
    const again = new Event('hashchange');
    late.add(again);
    setTimeout(() => window.dispatchEvent(again), 500);
  };
  window.addEventListener('hashchange', hold);
}

test('the palette opens a project, verifies a pack, starts the sample, sets the theme and resumes', async ({
  context,
  recorded,
}) => {
  const tape = recordedEvents().slice(0, 30);
  const { url } = await recorded({
    tape: () => [...tape, { type: 'failed', code: 'engine-died', message: 'The engine process ended: signal 9.' }],
  });
  // A page of its own: the script has to be there before the page's own, and would stay for the tests after.
  const page = await context.newPage();
  await page.addInitScript(slowAddress);
  await page.goto(url);
  await expect(page.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  await command(page, 'verify a pack');
  await expect(page.locator('[name="pack-path"]')).toBeFocused();
  await command(page, 'open project');
  await expect(page.getByLabel('Project folder')).toBeFocused();
  await command(page, 'theme dark');
  await expect(page.getByRole('button', { name: /^Theme: dark/ })).toBeVisible();
  await command(page, 'theme system');
  await command(page, 'run the sample');
  await expect(page.getByRole('button', { name: 'Resume run' })).toBeVisible();
  await command(page, 'resume run');
  await expect(page.getByRole('button', { name: 'Resume run' })).toBeHidden();
});

test('every view of an empty project teaches what goes there and leads on', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  for (const view of [
    'Start',
    'New audit',
    'Scan a file',
    'Planted attacks',
    'Compare',
    'History',
    'Help',
    'Settings',
  ]) {
    await open(page, view);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expectAccessible(page);
    await expect(page.getByRole('alert')).toHaveCount(0);
  }
  await open(page, 'History');
  await expect(page.getByRole('heading', { name: 'Every run leaves its trace here' })).toBeVisible();
  await open(page, 'Compare');
  await expect(page.getByRole('heading', { name: 'Two finished runs stand side by side here' })).toBeVisible();
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Run #1' })).toBeVisible();
});

test('hostile names are text in every view', async ({ page, recorded }) => {
  const { url } = await recorded({ hostile: true });
  page.on('dialog', (dialog) => {
    throw new Error(`a name of a stranger opened a dialog: ${dialog.message()}`);
  });
  await sampleRun(page, url);
  const scripts = await page.evaluate(() => document.scripts.length);
  let seen = 0;
  for (const link of await page.getByRole('navigation', { name: 'Views' }).getByRole('link').all()) {
    await link.click();
    await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
    await page.waitForLoadState('networkidle', { timeout: 5_000 }).catch(() => undefined);
    for (const toggle of await page.getByRole('button', { name: 'Table' }).all()) {
      if ((await toggle.getAttribute('aria-pressed')) === 'false') await toggle.click();
    }
    const met = await page.evaluate(() => {
      const texts = [document.title];
      for (const element of document.querySelectorAll('*')) {
        for (const attribute of element.attributes) texts.push(attribute.value);
        for (const node of element.childNodes) if (node.nodeType === Node.TEXT_NODE) texts.push(node.nodeValue ?? '');
      }
      return {
        // eslint-disable-next-line no-control-regex -- control characters are what is looked for
        raw: texts.filter((text) => /[\u0000-\u0008\u200b-\u200f\u2028-\u202e\u2066-\u2069]/.test(text)),
        made: document.querySelectorAll('img[src="x"], svg[onload], [onerror]').length,
        scripts: document.scripts.length,
        shown: texts.filter((text) => text.includes('\\u{202E}')).length,
      };
    });
    const view = await page.getByRole('heading', { level: 1 }).textContent();
    expect(met, String(view)).toMatchObject({ raw: [], made: 0, scripts });
    seen += met.shown;
    await expectNoSidewaysScroll(page);
  }
  expect(seen).toBeGreaterThan(10);
});

test('an audit is replayed from its report, and what differs is said first', async ({ page, recorded }) => {
  const { url } = await recorded({ pace: 30, endlessReplays: 1 });
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible();
  await open(page, 'Report');
  await page.locator('summary', { hasText: 'Replay this audit' }).click();
  await page.getByRole('button', { name: 'Replay the audit' }).click();
  await expect(page.getByText(/^Replaying: /).first()).toBeVisible();
  await page.getByRole('button', { name: 'Cancel the replay' }).click();
  await expect(page.getByText('The replay was cancelled')).toBeVisible();
  await page.getByRole('button', { name: 'Replay the audit' }).click();
  const compared = page.getByRole('grid', { name: 'What was compared of the replay' });
  await expect(compared.getByRole('row').nth(1)).toContainText('model.onnx');
  await expect(page.getByText('1 of 3 checks does not fit.')).toBeVisible();
  await expect(page.getByText('/project/replays/0001-x')).toBeVisible();
  await expectAccessible(page);
});
