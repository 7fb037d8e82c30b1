/** Every view of a finished audit: accessible in both themes, no wider than its window, and as it looked before. */
import { expect, expectAccessible, expectNoSidewaysScroll, open, sharedTest as test } from './page.ts';
import { expectLooks } from './looks.ts';

/** What a view shows once it is there, and whether its look is kept. */
const views = [
  ['Start', /Can this encoder/, true],
  ['New audit', 'New audit', false],
  ['Overview', /both suspicious/, true],
  ['Run', 'Run #2', false],
  ['Sifting', 'Sifting', true],
  ['Channels', 'Channels', true],
  ['Bootstrapping', 'Bootstrapping', true],
  ['Suspects', /suspect list/, true],
  ['Second opinions', 'Second opinions', true],
  ['Report', /Report of run/, false],
  ['Planted attacks', 'Planted attacks', true],
  ['Compare', 'Compare', false],
  ['History', 'History', false],
  ['Help', 'Help', false],
  ['Settings', 'Settings', false],
] as const;

for (const [view, heading, kept] of views) {
  test(view, async ({ shared: { page } }) => {
    await page.setViewportSize({ width: 1360, height: 860 });
    await open(page, view);
    await expect(page.getByRole('heading', { level: 1, name: heading })).toBeAttached();
    // A report's frame that was just taken away can keep the browser from ever calling its network idle.
    await page.waitForLoadState('networkidle', { timeout: 5_000 }).catch(() => undefined);
    await expectAccessible(page);
    if (kept) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
        await expectLooks(page, `${view.toLowerCase().replace(' ', '-')}-${colorScheme}`);
      }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 400, height: 860 });
    await expectNoSidewaysScroll(page);
    if (['Overview', 'Sifting'].includes(view)) await expectLooks(page, `${view.toLowerCase()}-narrow`);
    const outside = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(outside, 'pixels the page is wider than a narrow window').toBeLessThanOrEqual(0);
  });
}

test('no view falls back to another language than the one that was chosen', async ({ shared: { page } }) => {
  await page.setViewportSize({ width: 1360, height: 860 });
  await open(page, 'Settings');
  await page.getByRole('radio', { name: 'Deutsch' }).press('Space');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Einstellungen');
  for (const link of await page.getByRole('navigation', { name: 'Ansichten' }).getByRole('link').all()) {
    await link.click();
    await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
    await expectNoSidewaysScroll(page);
    // Sentences of the record stand in their own language and say so.
    const text = await page.evaluate(() => {
      const copy = document.querySelector('main')?.cloneNode(true) as HTMLElement;
      for (const foreign of copy.querySelectorAll('[lang="en"], iframe')) foreign.remove();
      return copy.textContent;
    });
    expect(text).not.toMatch(/\b(the|and|of the|samples|channels)\b/);
  }
  const views = page.getByRole('navigation', { name: 'Ansichten' });
  for (const view of ['Überblick', 'Siebung', 'Lauf']) {
    await views.getByRole('link', { name: view, exact: true }).click();
    await expect(page.getByText('zerfällt an den meisten Abgriffen').first(), `${view}: a warning`).toBeVisible();
  }
  await views.getByRole('link', { name: 'Einstellungen' }).click();
  await page.getByRole('radio', { name: 'English' }).press('Space');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Settings');
});

test('a system that asks for high contrast gets its own colours, and nothing is lost', async ({ shared: { page } }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  for (const view of ['Sifting', 'Suspects', 'Channels']) {
    await open(page, view);
    await expect(page.getByRole('heading', { level: 1 })).toBeAttached();
    await expectNoSidewaysScroll(page);
  }
  const border = await page
    .locator('.panel')
    .first()
    .evaluate((panel) => getComputedStyle(panel).borderTopColor);
  expect(border).toBe(await page.evaluate(() => getComputedStyle(document.body).color));
  await page.emulateMedia({ forcedColors: null });
});
