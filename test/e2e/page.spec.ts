/** States of the page that a real audit cannot be brought into at will; the host plays a recorded one. */
import { recordedEvents } from '../support/recorded-app.ts';
import { expect, expectAccessible, fillInputs, keysOf, step, tabTo, test } from './page.ts';

test('without the key of the address nobody is let in', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(new URL('/', url).href);
  await expect(page.getByRole('heading')).toContainText('needs the address that was printed');
  await expectAccessible(page);
});

test('with a wrong key the page says that it has no connection', async ({ page, recorded }) => {
  const { url } = await recorded();
  // Chromium logs the refused handshake; everything else still counts.
  page.removeAllListeners('console');
  await page.goto(`${new URL('/', url).href}#token=${'A'.repeat(43)}`);
  await expect(page.getByRole('alert')).toContainText('lost its connection');
});

test('a form that is not complete says what is missing and takes the reader there', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await page.getByRole('link', { name: 'New audit' }).first().click();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByLabel('Encoder', { exact: true })).toBeFocused();
  await expect(page.getByText('Name the encoder file.')).toBeVisible();
  await step(page, 'Preview').click();
  await page.getByLabel('Input size').fill('big');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('Height x width in pixels')).toBeVisible();
  await expectAccessible(page);
  await step(page, 'Plan').click();
  await page.getByLabel('Seed').fill('-1');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('A whole number from 0')).toBeVisible();
  await step(page, 'Run').click();
  await page.getByRole('button', { name: 'Start audit' }).click();
  await expect(page.getByLabel('Encoder', { exact: true })).toBeFocused();
  await expectAccessible(page);
});

test('a file that is not there is said in three parts: what, what it means, what to do', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await fillInputs(page, '/data/missing.onnx', '/data/images');
  await step(page, 'Run').click();
  await page.getByRole('button', { name: 'Start audit' }).click();
  const note = page.getByRole('alert');
  await expect(note).toContainText('does not exist');
  await expect(note).toContainText('/data/missing.onnx');
  await expect(note).toContainText('Check the path');
  await expectAccessible(page);
});

test('both inputs are looked at before anything starts: pictures, balance, estimate, and what cannot be read', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await fillInputs(page, '/data/encoder.onnx', '/data/images');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByRole('img', { name: /^Sample \d+, labelled/ })).toHaveCount(23);
  await expect(page.getByRole('img', { name: 'cannot be read: truncated file' })).toBeVisible();
  await expect(page.getByText('Largest class: t-shirt (200)')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Use these as normalisation' }).click();
  await expect(page.getByLabel('Mean per channel')).toHaveValue('0.2860');
  await step(page, 'Plan').click();
  await expect(page.getByText('about 1:20, up to 450 MB')).toBeVisible();
  await page.getByRole('radio', { name: 'Thorough' }).press('Space');
  await expect(page.getByText('about 2:00, up to 500 MB')).toBeVisible();
  const opinions = page.getByRole('group', { name: 'Second opinions' });
  await opinions.getByRole('radio', { name: 'All' }).press('Space');
  await expect(page.getByText('about 3:00, up to 500 MB')).toBeVisible();
  await expectAccessible(page);
  await step(page, 'Model').click();
  await page.getByLabel('Encoder', { exact: true }).fill('/data/missing.onnx');
  await step(page, 'Preview').click();
  await expect(page.getByRole('region', { name: 'What the encoder is' }).getByRole('alert')).toContainText(
    'missing.onnx',
  );
  await expect(page.getByRole('region', { name: 'What the dataset is' })).toContainText('2,000 samples in 10 classes');
});

test('an audit is started, watched, read, judged and reported by keyboard alone', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  const { command, press, type } = keysOf(page);
  await expect(page.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  await command('new audit');
  await expect(page.locator('main')).toBeFocused();
  await type(page.getByLabel('Encoder', { exact: true }), '/data/encoder.onnx');
  await page.keyboard.press('Enter');
  await type(page.getByLabel('Dataset', { exact: true }), '/data/images');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('form', { name: 'Preview' })).toBeVisible();
  await press(page.getByRole('button', { name: 'Next' }));
  await expect(page.getByRole('form', { name: 'Plan' })).toBeVisible();
  const opinions = page.getByRole('group', { name: 'Second opinions' });
  await tabTo(page, opinions.getByRole('radio', { name: 'As the preset' }));
  for (let step = 0; step < 3; step++) await page.keyboard.press('ArrowRight');
  await expect(opinions.getByRole('radio', { name: 'All' })).toBeChecked();
  await press(page.getByRole('button', { name: 'Next' }));
  await expect(page.getByRole('form', { name: 'Run' })).toContainText('Second opinions');
  await press(page.getByRole('button', { name: 'Start audit' }));
  await expect(page.getByRole('heading', { name: 'Run #1' })).toBeVisible();
  await expect(page.locator('main')).toBeFocused();
  await press(page.getByRole('link', { name: 'See the result' }));
  await expect(page.getByRole('heading', { level: 1 })).toContainText('both suspicious');

  await press(page.getByRole('link', { name: 'See the suspects' }));
  await expect(page.getByRole('heading', { level: 1 })).toContainText('50 samples on the suspect list');
  await press(page.getByRole('list', { name: 'Suspects, most suspicious first' }).getByRole('button').first());
  const sheet = page.getByRole('complementary', { name: 'Selected sample' });
  await expect(sheet.getByRole('heading', { name: 'Sample 1800' })).toBeVisible();
  await page.keyboard.press('F6');
  await expect(sheet).toBeFocused();
  await type(sheet.getByLabel('Reason'), 'The supplier confirmed it.');
  await press(sheet.getByRole('button', { name: 'Override the verdict' }));
  await expect(sheet.getByRole('list', { name: 'Decisions that stand' })).toContainText('judged trusted');
  await page.keyboard.press('Escape');

  await command('report');
  await expect(page.getByRole('heading', { level: 1, name: /Report of run/ })).toBeVisible();
  await press(page.locator('summary', { hasText: 'Write reports, or a signed pack' }));
  const order = page.getByRole('form', { name: 'Write reports' });
  await press(order.getByRole('checkbox', { name: 'PDF' }), 'Space');
  await press(order.getByRole('button', { name: 'Write', exact: true }));
  await expect(order.getByText('2 files were written to')).toBeVisible();
});

/** Events of the recorded run up to the third of five epochs of a stage. */
const heldInSift = 24;

test('a running audit shows its stage, its count and its time left', async ({ page, recorded }) => {
  const { url } = await recorded({ heldAt: heldInSift });
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/Sift · run #1/);
  await expect(page.locator('[aria-current="step"]')).toContainText(/\d of 5\s+epochs · 4 a second · 0:0\d left/);
  await expect(page.getByRole('banner')).toContainText('running');
  await expect(page.getByRole('contentinfo')).toContainText(/\d\/5/);
  await expectAccessible(page);
});

test('a run is paused and continued by the palette alone, and says so wherever it is shown', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded({ pace: 120, heldAt: heldInSift });
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/Sift · run #1/);
  const command = async (name: string): Promise<void> => {
    await page.keyboard.press('ControlOrMeta+k');
    await page.keyboard.type(name);
    await page.keyboard.press('Enter');
  };
  await command('pause run');
  await expect(page.getByText('Paused: nothing is computed')).toBeVisible();
  await expect(page.locator('[aria-current="step"]')).toContainText('paused');
  await expect(page.locator('[aria-current="step"]')).not.toContainText('left');
  await expect(page.getByRole('contentinfo')).toContainText('paused');
  await expect(page.getByRole('banner')).toContainText('paused');
  await expect(page.getByRole('button', { name: 'Continue run' })).toBeVisible();
  await expectAccessible(page);
  await command('continue run');
  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible();
  await expect(page.getByText(/finished after/)).toBeVisible();
});

test('a run that failed says why and can be resumed', async ({ page, recorded }) => {
  const tape = recordedEvents().slice(0, 30);
  const { url } = await recorded({
    tape: () => [...tape, { type: 'failed', code: 'engine-died', message: 'The engine process ended: signal 9.' }],
  });
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  const note = page.getByRole('alert');
  await expect(note).toContainText('ended without a word');
  await expect(note).toContainText('signal 9');
  await expect(note).toContainText('--resume');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await note.getByRole('button', { name: 'Copy the details' }).click();
  await expect(note.getByRole('button', { name: 'copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^engine-died: .*\n.*signal 9/);
  await expect(page.getByRole('button', { name: 'Resume run' })).toBeVisible();
  await expect(page.getByRole('list', { name: 'Stages of the audit' })).toContainText('not finished');
  await expectAccessible(page);
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('No verdict yet');
  await expectAccessible(page);
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Report' }).click();
  await expect(page.getByRole('alert')).toContainText('no report yet');
  await expectAccessible(page);
});

test('a server that goes away is noticed, and the page says what that means', async ({ page, recorded }) => {
  const { url, close } = await recorded();
  await page.goto(url);
  await expect(page.getByRole('button', { name: 'Run the sample audit' })).toBeVisible();
  // The views are fetched after the frame stands; here the server goes after that.
  await page.waitForFunction(() =>
    performance.getEntriesByType('resource').some(({ name }) => /views-.*js$/.test(name)),
  );
  await close();
  await expect(page.getByRole('alert')).toContainText('lost its connection');
  await expectAccessible(page);
});

test('an address of a run that is not there says so', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await page.goto(`${new URL('/', url).href}#/runs/run-77/run`);
  await expect(page.getByRole('alert')).toContainText('no such run');
  await expectAccessible(page);
});

test('names of strangers are shown as text, invisible characters included', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  const hostile = '/data/<img src=x onerror=alert(1)>\u202etxt.onnx';
  await fillInputs(page, hostile, '/data/{{7*7}}');
  await step(page, 'Run').click();
  await page.getByRole('button', { name: 'Start audit' }).click();
  await expect(page.getByRole('heading', { name: 'Run #1' })).toBeVisible();
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Start' }).click();
  await expect(page.getByRole('table')).toContainText('<img src=x onerror=alert(1)>\\u{202E}txt.onnx');
  await expect(page.getByRole('table')).toContainText('{{7*7}}');
});

test('the theme is chosen by hand and kept', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(url);
  const surface = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await surface();
  const button = page.getByRole('button', { name: /^Theme/ });
  await button.click();
  await button.click();
  const dark = await surface();
  expect(dark).not.toBe(light);
  await page.reload();
  await expect(page.getByRole('button', { name: /^Theme: dark/ })).toBeVisible();
  expect(await surface()).toBe(dark);
});

test('on a narrow window everything stays reachable and nothing scrolls sideways', async ({ page, recorded }) => {
  await page.setViewportSize({ width: 600, height: 800 });
  const { url } = await recorded();
  await page.goto(url);
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'See the result' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('suspicious');
  await expectAccessible(page);
});

test('classes can be brought forward in the scatter, and its table has every sample', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await page.getByLabel('Colour').selectOption('class');
  const boot = page.getByRole('button', { name: /^ankle boot/ });
  await boot.click();
  await expect(boot).toHaveAttribute('aria-pressed', 'true');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Table' }).first().click();
  await expect(page.getByText('rows 1–25 of 2000')).toBeVisible();
  await expect(page.getByRole('grid').first().getByRole('row').nth(1)).toContainText('suspect');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.getByText('rows 26–50 of 2000')).toBeVisible();
});
