/** The main job as a stranger does it: open the page, run the sample, watch it, cancel and resume it, read result and report. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, expectAccessible, test } from './page.ts';

test('the sample audit runs from the page to its report', async ({ page, served }) => {
  test.setTimeout(20 * 60_000);

  await page.goto(served.url);
  expect(new URL(page.url()).hash, 'the token is taken out of the address').toBe('#/');
  await expect(page.getByText('No run yet')).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  const stages = page.getByRole('list', { name: 'Stages of the audit' });
  await expect(stages.getByRole('listitem').filter({ hasText: 'Preflight' })).toContainText('done');
  await expect(page.getByRole('progressbar').first()).toBeVisible();

  // Cancelled in the middle, it can go on where it was.
  await expect(stages.getByRole('listitem').filter({ hasText: 'Probe' })).toContainText(/at work|done/);
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await expect(page.getByText('This run was cancelled.')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Resume run' }).click();
  await expect(page.getByRole('button', { name: 'Cancel run' })).toBeVisible();

  // The scatter comes as soon as the samples are sifted, and is walked by keyboard.
  const plot = page.getByRole('application', { name: /trusted seeds/ });
  await expect(plot).toBeVisible({ timeout: 4 * 60_000 });
  await plot.focus();
  await page.keyboard.press('ArrowRight');
  const sample = page.getByRole('complementary', { name: 'Selected sample' });
  await expect(sample.getByRole('heading')).toContainText(/^Sample \d+$/);
  const picture = sample.getByRole('img', { name: /^Sample \d+$/ });
  await expect(picture).toBeVisible();
  expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  await expectAccessible(page);

  // A reload in the middle loses nothing.
  await page.reload();
  await expect(stages.getByRole('listitem').filter({ hasText: 'Sift' }).first()).toContainText(/done|taken over/);

  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible({ timeout: 15 * 60_000 });
  await expect(page.getByRole('heading', { name: /After round \d+ the clean pool holds/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: /training loss/ })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('link', { name: 'See the result' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/suspicious/);
  for (const subject of ['Encoder', 'Dataset']) {
    const finding = page.getByRole('region', { name: subject, exact: true });
    await expect(finding).toContainText('suspicious');
    await expect(finding.getByRole('heading', { name: 'What would change this verdict' })).toBeVisible();
    await expect(finding.getByRole('definition').first()).toBeVisible();
  }
  await expect(page.getByRole('heading', { name: 'What was not examined' })).toBeVisible();
  await expectAccessible(page);

  // Every picture has a table that says the same.
  const tables = page.getByRole('button', { name: 'Table' });
  for (let at = 0; at < (await tables.count()); at++) await tables.nth(at).click();
  await expectAccessible(page);

  // What the page says was written is on disk, byte by byte.
  const written = page.getByRole('region', { name: 'What was written' }).first();
  const folder = (await written.locator('.folder').textContent()) ?? '';
  const rows = written.getByRole('row');
  const count = await rows.count();
  expect(count).toBeGreaterThan(5);
  for (let at = 1; at < count; at++) {
    const name = (await rows.nth(at).getByRole('cell').first().textContent()) ?? '';
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    await expect(rows.nth(at)).toContainText(digest);
  }

  await page.getByRole('link', { name: 'Open the report' }).click();
  const report = page.frameLocator('iframe[title="Audit report"]');
  await expect(report.getByRole('heading').first()).toBeVisible();
  await expect(report.locator('body')).toContainText(/suspicious/i);
  // No script runs in the frame, the check's own included, so the report is checked as a page by itself.
  const source = (await page.locator('iframe').getAttribute('src')) ?? '';
  const html = await (await page.request.get(new URL(source, page.url()).href)).text();
  expect(html).not.toMatch(/<script/i);
  const alone = await page.context().newPage();
  await alone.setContent(html);
  await expectAccessible(alone);
  await alone.close();

  // The run is kept and found again from the start page.
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Start' }).click();
  await expect(page.getByRole('table').getByRole('row', { name: /#1/ })).toContainText('suspicious');
  await expectAccessible(page);
});
