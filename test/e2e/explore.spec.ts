/** What an analyst does in the views that explore a run, on a recorded audit. */
import type { Page } from '@playwright/test';
import { expect, expectAccessible, open, test } from './page.ts';

async function runSample(page: Page, number: number): Promise<void> {
  await open(page, 'Start');
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { name: `Run #${number}` })).toBeVisible();
}

test('a sample is tagged, the tag taken back, and a selection of suspects tagged at once', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await open(page, 'Suspects');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('50 samples on the suspect list');
  const cards = page.getByRole('list', { name: 'Suspects, most suspicious first' });
  await cards.getByRole('button').first().click();
  const sheet = page.getByRole('complementary', { name: 'Selected sample' });
  await expect(sheet.getByRole('heading', { name: 'Sample 1800' })).toBeVisible();
  await expect(sheet).toContainText('refused in 9 of 9 rounds');
  await sheet.getByRole('button', { name: 'Override the verdict' }).click();
  await expect(sheet.getByText('An override needs a reason.')).toBeVisible();
  await sheet.getByLabel('Tag').fill('ask supplier');
  await sheet.getByRole('button', { name: 'Add tag' }).click();
  await sheet.getByRole('button', { name: 'Undo: tagged "ask supplier"' }).click();
  await expect(sheet.getByText('Taken back; the journal keeps both.')).toBeVisible();
  await expectAccessible(page);
  await sheet.getByRole('button', { name: 'Hide the sample sheet' }).click();

  await cards.getByRole('checkbox').first().check();
  await cards.getByRole('checkbox').nth(2).check();
  await page.getByRole('button', { name: 'Add tag' }).click();
  await expect(page.getByText('A tag needs 1 to 60 characters.')).toBeVisible();
  await page.getByRole('textbox', { name: 'Tag 2 selected samples' }).fill('same print');
  await page.getByRole('button', { name: 'Add tag' }).click();
  await expect(page.getByText('"same print" on 2 samples, in the journal.')).toBeVisible();
  await expect(cards.getByText('tagged "same print"')).toHaveCount(2);
  await page.getByRole('button', { name: 'Select all shown' }).click();
  await expect(page.getByText('50 of 50 selected')).toBeVisible();
  await open(page, 'Report');
  await expect(page.getByText(/\d decisions were made after this report was written/)).toBeVisible();
});

test('two equal runs do not differ, and every line can be read', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await runSample(page, 2);
  await open(page, 'Compare');
  const runs = page.getByRole('group', { name: 'Runs to compare' }).getByRole('checkbox');
  await expect(runs).toHaveCount(2);
  for (const run of await runs.all()) await run.check();
  await expect(page.getByRole('heading', { name: 'These runs do not differ' })).toBeVisible();
  await page.getByLabel('Differences only').uncheck();
  await expect(page.getByRole('region', { name: 'Runs side by side' })).toContainText('Encoder, SHA-256');
  await expect(page.getByText('50 suspects in both; 0 only in run')).toBeVisible();
  await expectAccessible(page);
});

test('the map of another tap, and UMAP, take the place of the first; the note says what is shown', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await open(page, 'Sifting');
  await page.getByRole('radio', { name: 'stem', exact: true }).press('Space');
  await expect(page.getByText('Places: first two principal components at stem.')).toBeVisible();
  await page.getByRole('radio', { name: 'UMAP' }).press('Space');
  await expect(page.getByText('Places: UMAP at stem, seed 7')).toBeVisible();
  await page.getByRole('button', { name: 'Table' }).first().click();
  await page.getByRole('button', { name: 'Show sample 1800' }).click();
  await expect(page.getByRole('complementary', { name: 'Selected sample' })).toContainText('Sample 1800');
});

test('the network is walked layer by layer, and both rows of a layer are zoomed together', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await runSample(page, 1);
  await open(page, 'Channels');
  const layers = page.getByRole('list', { name: 'Layers of the encoder' });
  await layers.getByRole('button', { name: 'block 1: 3 of 4 kept' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(layers.getByRole('button', { name: 'block 2: 2 of 4 kept' })).toBeFocused();
  await expect(page.getByRole('heading', { name: /^block 2: mean mask/ })).toBeVisible();
  const strip = page.getByRole('application', { name: /^Original beside sanitized/ });
  await strip.focus();
  await page.keyboard.press('ArrowRight');
  await expect(page.getByText('Channel 0: mask 0.1, made anew')).toBeVisible();
});

test('attacks are chosen, what does not fit is said, and a matrix is read with its intervals', async ({
  page,
  recorded,
}) => {
  const { url } = await recorded();
  await page.goto(url);
  await open(page, 'Planted attacks');
  await expect(page.getByRole('heading', { name: /4 planted triggers work.*0 of them still/ })).toBeVisible();
  const matrix = page.getByRole('list', { name: 'Planted attacks, cell by cell' });
  await expect(matrix.getByRole('listitem').filter({ hasText: 'badencoder + badnets' })).toContainText('void');
  await expect(matrix).toContainText('98 % (96 %–99 %)');
  await expect(page.getByText('badencoder + blended, seed 1, failed')).toBeVisible();
  await page.getByRole('button', { name: 'Table' }).click();
  await expect(page.getByRole('grid').getByRole('row')).toHaveCount(7);

  const form = page.getByRole('form', { name: 'Choose and plant' });
  await form.getByRole('checkbox', { name: /^Blended/ }).uncheck();
  await form.getByRole('checkbox', { name: /own trigger/ }).check();
  await expect(form.getByText('that go together')).toBeVisible();
  await form.getByRole('button', { name: 'Plant and measure' }).click();
  await expect(form.getByRole('checkbox').first()).toBeFocused();
  await form.getByRole('checkbox', { name: 'BadEncoder A square' }).check();
  await form.getByLabel('Seeds').fill('1, 2');
  await expect(form.getByText('2 cells will be planted and audited.')).toBeVisible();
  await form.getByLabel('Samples of each cell').fill('99');
  await form.getByRole('button', { name: 'Plant and measure' }).click();
  await expect(form.getByText('A whole number from 100 to 6,000.')).toBeVisible();
  await expectAccessible(page);
  await form.getByLabel('Samples of each cell').fill('1500');
  await form.getByRole('button', { name: 'Plant and measure' }).click();
  await expect(page.getByRole('button', { name: /^Matrix #2/ })).toHaveAttribute('aria-pressed', 'true');
});

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
  // What chooses the layer stands above the map and comes after it.
  await expect(page.getByRole('radio', { name: 'UMAP' })).toBeVisible();
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
