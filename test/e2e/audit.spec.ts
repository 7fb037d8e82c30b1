/** The real thing in a real browser: a stranger's whole way through the sample, with only what is visible. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sampleImages, writeIdx } from '../support/small-dataset.ts';
import { writeTinyEncoder } from '../support/tiny-encoder.ts';
import type { Page } from '@playwright/test';
import { expect, expectAccessible, fillInputs, open, serveProject, stagesOf, step, test } from './page.ts';

/** For a whole audit: what hangs fails all the same, and a slow machine does not. */
const patient = { timeout: 30 * 60_000 };

const sheetOf = (page: Page) => page.getByRole('complementary', { name: 'Selected sample' });

test('a stranger audits the sample, finds the trigger, overrides a sample, compares two runs, exports a report', async ({
  page,
  folder,
}) => {
  test.setTimeout(60 * 60_000);
  const server = await serveProject(folder);
  // Other tests ask for stillness; here everything moves as it does for a stranger.
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await page.goto(server.url);
  expect(new URL(page.url()).hash, 'the key is taken out of the address').toBe('#/');
  await expect(page.getByText('No run yet')).toBeVisible();
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(stagesOf(page).getByRole('listitem').filter({ hasText: 'Preflight' })).toContainText('done', patient);
  await expect(page.getByRole('progressbar').first()).toBeVisible();

  await expect(stagesOf(page).getByRole('listitem').filter({ hasText: 'Probe' })).toContainText(/at work|done/);
  await page.getByRole('button', { name: 'Pause run' }).click();
  await expect(page.getByText('Paused: nothing is computed')).toBeVisible();
  await page.reload();
  await expect(stagesOf(page)).toContainText('paused');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Continue run' }).click();
  await expect(stagesOf(page)).toContainText('at work');

  // Cancelled in the middle, it can go on where it was.
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await expect(page.getByText('This run was cancelled.')).toBeVisible();
  await page.getByRole('button', { name: 'Resume run' }).click();
  await expect(page.getByRole('button', { name: 'Cancel run' })).toBeVisible();

  // The map comes as soon as the samples are sifted, and is walked by keyboard; a reload in the middle loses nothing.
  const map = page.getByRole('application', { name: /trusted seeds/ });
  await expect(map).toBeVisible(patient);
  await map.focus();
  await page.keyboard.press('ArrowRight');
  const picture = sheetOf(page)
    .getByRole('img', { name: /^Sample \d+, labelled/ })
    .first();
  await expect(picture).toBeVisible();
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  await page.reload();
  await expect(stagesOf(page).getByRole('listitem').filter({ hasText: 'Sift' }).first()).toContainText(
    /done|taken over/,
  );

  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible(patient);
  await page.getByRole('link', { name: 'See the result' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('both suspicious');
  for (const subject of ['Encoder', 'Dataset']) {
    const finding = page.getByRole('region', { name: subject, exact: true });
    await expect(finding.getByRole('heading', { name: 'What would change this verdict' })).toBeVisible();
  }
  await expect(page.getByRole('heading', { name: 'What was not examined' })).toBeVisible();
  await expectAccessible(page);
  await expectFilesAsShown(page);

  await page.getByRole('link', { name: 'See the suspects' }).click();
  const trigger = page.getByRole('region', { name: 'Recovered trigger' });
  await expect(trigger.getByRole('img', { name: /^Square of \d+ pixels/ })).toBeVisible();
  await expect(
    page.getByRole('region', { name: 'What the refused samples share' }).getByRole('img').first(),
  ).toBeVisible();
  await page.getByRole('list', { name: 'Suspects, most suspicious first' }).getByRole('button').first().click();
  const sheet = sheetOf(page);
  await expect(sheet.getByRole('img', { name: /labelled/ }).nth(3)).toBeVisible();
  await sheet.getByLabel('Reason').fill('Supplier confirmed the square is a print.');
  await sheet.getByRole('button', { name: 'Override the verdict' }).click();
  await expect(sheet.getByRole('list', { name: 'Decisions that stand' })).toContainText('judged trusted');

  // UMAP is made when it is asked for, in an engine process, and is there at once the second time.
  await open(page, 'Sifting');
  await page.getByRole('radio', { name: 'UMAP' }).press('Space');
  await expect(page.getByText(/UMAP at .*, seed 7/)).toBeVisible(patient);
  expect(readdirSync(join(server.project, 'cache')).filter((name) => name.startsWith('umap-'))).toHaveLength(1);

  // Another audit, of files of one's own, beside it.
  const encoder = writeTinyEncoder(join(folder, 'encoder.onnx'));
  const dataset = writeIdx(join(folder, 'images'), sampleImages(24, 4));
  await fillInputs(page, encoder, dataset);
  await step(page, 'Plan').click();
  await page.getByRole('radio', { name: 'Quick', exact: true }).press('Space');
  await step(page, 'Run').click();
  await page.getByRole('button', { name: 'Start audit' }).click();
  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible(patient);
  await open(page, 'Compare');
  const runs = page.getByRole('group', { name: 'Runs to compare' }).getByRole('checkbox');
  await expect(runs).toHaveCount(2);
  for (const run of await runs.all()) await run.check();
  await expect(page.getByRole('heading', { name: /lines differ/ })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Runs side by side' })).toContainText('Encoder, SHA-256');

  await page.getByLabel('Run', { exact: true }).selectOption({ label: 'Run #1 · Standard · seed 7' });
  await open(page, 'History');
  await expect(page.getByRole('region', { name: 'Decisions of analysts' })).toContainText('Supplier confirmed');
  await open(page, 'Report');
  const report = page.frameLocator('iframe[title="Audit report"]');
  await expect(report.locator('body')).toContainText(/suspicious/i);
  // No script runs in the frame, the check's own included, so the report is checked as a page by itself.
  const source = (await page.locator('iframe').getAttribute('src')) ?? '';
  const html = await (await page.request.get(new URL(source, page.url()).href)).text();
  expect(html).not.toMatch(/<script/i);
  const alone = await page.context().newPage();
  await alone.setContent(html);
  await expectAccessible(alone);
  await alone.close();

  // Written anew as a pack and a PDF, beside what the audit wrote by itself.
  await page.getByText('Write reports, or a signed pack').click();
  const order = page.getByRole('form', { name: 'Write reports' });
  await order.getByRole('checkbox', { name: 'PDF' }).check();
  await order.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(order.getByText('2 files were written to')).toBeVisible();
  const exported = readdirSync(server.project, { recursive: true }).map(String);
  for (const name of ['report.pdf', 'pack.zip'])
    expect(
      exported.some((file) => file.startsWith('reports') && file.endsWith(name)),
      name,
    ).toBe(true);
  expect(await server.stop()).toBe(0);
});

/** What the page says was written is on disk, byte by byte. */
async function expectFilesAsShown(page: Page): Promise<void> {
  const written = page.getByRole('region', { name: 'What was written' }).first();
  const folder = (await written.locator('.folder').textContent()) ?? '';
  const rows = (await written.getByRole('row').allTextContents()).slice(1);
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) {
    const name = readdirSync(folder).find((one) => row.trimStart().startsWith(one)) ?? '';
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    expect(row, name).toContain(digest);
  }
}
