/** The views that explore a run, on a recorded audit; and the whole way of a stranger who uses only what is visible. */
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './page.ts';

const open = (page: Page, view: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view, exact: true }).click();

async function runSample(page: Page, number: number): Promise<void> {
  await open(page, 'Start');
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { name: `Run #${number}` })).toBeVisible();
}

test('a stranger audits the sample, finds the trigger, overrides a sample, compares two runs, opens the report', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await page.getByRole('link', { name: 'See the result' }).click();
  await page.getByRole('link', { name: 'See the suspects' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('50 samples on the suspect list');
  const trigger = page.getByRole('region', { name: 'Recovered trigger' });
  await expect(trigger.getByRole('img', { name: /^Square of 4 pixels/ })).toBeVisible();
  await expect(trigger).toContainText('97 %');

  await page.getByRole('list', { name: 'Suspects, most suspicious first' }).getByRole('button').first().click();
  const sheet = page.getByRole('complementary', { name: 'Selected sample' });
  await expect(sheet.getByRole('heading', { name: 'Sample 1800' })).toBeVisible();
  await expect(sheet).toContainText('refused in 9 of 9 rounds');
  await expect(sheet.getByRole('img', { name: /labelled ankle boot/ }).nth(3)).toBeVisible();
  await sheet.getByRole('button', { name: 'Override the verdict' }).click();
  await expect(sheet.getByText('An override needs a reason.')).toBeVisible();
  await sheet.getByLabel('Reason').fill('Supplier confirmed the square is a print.');
  await sheet.getByRole('button', { name: 'Override the verdict' }).click();
  await expect(sheet.getByRole('list', { name: 'Decisions that stand' })).toContainText('judged trusted');
  await sheet.getByLabel('Tag').fill('ask supplier');
  await sheet.getByRole('button', { name: 'Add tag' }).click();
  await sheet.getByRole('button', { name: 'Undo: tagged "ask supplier"' }).click();
  await expect(sheet.getByText('Taken back; the journal keeps both.')).toBeVisible();
  await expectAccessible(page);

  await runSample(page, 2);
  await open(page, 'Compare');
  for (const box of await page.getByRole('group', { name: 'Runs to compare' }).getByRole('checkbox').all())
    await box.check();
  await expect(page.getByRole('heading', { name: 'These runs do not differ' })).toBeVisible();
  await page.getByLabel('Differences only').uncheck();
  await expect(page.getByRole('region', { name: 'Runs side by side' })).toContainText('Encoder, SHA-256');
  await expect(page.getByText('50 suspects in both; 0 only in run')).toBeVisible();
  await expectAccessible(page);

  await page.getByLabel('Run', { exact: true }).selectOption({ label: 'Run #1 · Standard · seed 7' });
  await open(page, 'History');
  await expect(page.getByRole('region', { name: 'Decisions of analysts' })).toContainText('Supplier confirmed');
  await open(page, 'Report');
  await expect(page.getByText('1 decision was made after this report was written')).toBeVisible();
  await expect(page.frameLocator('iframe[title="Audit report"]').getByRole('heading').first()).toBeVisible();
});

for (const views of [
  ['Sifting', 'Channels', 'Bootstrapping', 'Suspects'],
  ['History', 'Help', 'Settings', 'Compare'],
]) {
  test(`accessible in both themes: ${views.join(', ')}`, async ({ page, recorded }) => {
    const { url } = await recorded();
    await page.goto(url);
    await runSample(page, 1);
    for (const view of views) {
      await open(page, view);
      await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
      await expectAccessible(page);
    }
  });
}

test('a narrow window, the keys and the palette are accessible', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await page.setViewportSize({ width: 960, height: 640 });
  await open(page, 'Sifting');
  await expectAccessible(page);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox', { name: 'Search or command' })).toBeFocused();
  await expectAccessible(page);
});

test('what a lasso takes in the map is shown as pictures and as a table, and is walked by keyboard', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await open(page, 'Sifting');
  const map = page.getByRole('application', { name: /trusted seeds/ });
  const box = (await map.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(box.x + 5, box.y + 5);
  await page.mouse.down();
  for (const [x, y] of [
    [box.width - 5, 5],
    [box.width - 5, box.height - 5],
    [5, box.height - 5],
  ] as const)
    await page.mouse.move(box.x + x, box.y + y, { steps: 4 });
  await page.mouse.up();
  await expect(page.getByRole('heading', { name: '2,000 of 2,000 selected' })).toBeVisible();
  await expect(page.getByRole('list', { name: 'Selected samples' }).getByRole('button')).toHaveCount(60);
  await page.getByRole('button', { name: 'Clear selection' }).click();
  await map.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: '1 of 2,000 selected' })).toBeVisible();
  await expect(page.getByRole('complementary', { name: 'Selected sample' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { name: '0 of 2,000 selected' })).toBeVisible();
  const heat = page.getByRole('application', { name: /At block/ });
  await heat.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('complementary', { name: 'Selected sample' })).toBeVisible();
});

test('the page speaks German, and the choice is kept by the host', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await open(page, 'Settings');
  await page.getByRole('radio', { name: 'Deutsch' }).press('Space');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Einstellungen');
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('de');
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Einstellungen');
  await expectAccessible(page);
});
