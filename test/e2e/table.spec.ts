/** Every list of the page is one table: looked through, walked by keys, its columns made wider. */
import { expect, expectAccessible, open, test } from './page.ts';

test('a table is looked through, walked by keys, and its columns made wider', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Run #1' })).toBeVisible();
  await open(page, 'Sifting');
  await page.getByRole('button', { name: 'Table', exact: true }).first().click();
  const grid = page.getByRole('grid', { name: 'Samples, suspects first' });
  const filter = page.getByRole('searchbox', { name: 'Filter the rows of: Samples, suspects first' });
  const rows = grid.locator('tbody tr');
  const focused = page.locator(':focus');
  await expect(grid).toHaveAttribute('aria-rowcount', '2001');

  await filter.fill('BOOT suspect');
  const count = page.getByRole('status').filter({ hasText: 'of 2,000 rows' });
  await expect(count).toHaveText(/^\d+ of 2,000 rows$/);
  const found = Number((await count.textContent())?.split(' ')[0]);
  expect(found).toBeGreaterThan(3);
  expect(found).toBeLessThan(200);
  await expect(grid).toHaveAttribute('aria-rowcount', String(found + 1));
  for (const text of await rows.allTextContents()) expect(text).toMatch(/ankle boot.*suspect/);
  await filter.fill('nothing is called so');
  await expect(count).toHaveText('0 of 2,000 rows');
  await expect(rows).toHaveText('No row holds this.');
  await expectAccessible(page);
  await filter.fill('');
  await expect(rows).toHaveCount(25);

  // One stop of Tab, arrows within, over the ends of pages; the sheet of a sample and the order by Enter.
  await page.keyboard.press('Tab');
  await expect(focused).toHaveText('Sample');
  await page.keyboard.press('ArrowDown');
  await expect(focused).toHaveAccessibleName(/^Show sample/);
  await page.keyboard.press('End');
  await expect(focused).toHaveRole('gridcell');
  expect(await focused.evaluate((cell: HTMLTableCellElement) => cell.cellIndex)).toBe(7);
  for (const key of ['ArrowLeft', 'PageDown', 'ArrowUp']) await page.keyboard.press(key);
  const place = (): Promise<string | null> => focused.locator('xpath=ancestor::tr').getAttribute('aria-rowindex');
  expect(await place()).toBe('26');
  await page.keyboard.press('Control+End');
  expect(await place()).toBe('2001');
  await expect(page.getByText('rows 1976–2000 of 2000')).toBeVisible();
  await page.keyboard.press('Control+Home');
  expect(await place()).toBe('2');
  await expect(focused).toHaveAccessibleName(/^Show sample/);
  await page.keyboard.press('Tab');
  expect(await focused.evaluate((element) => element.closest('table') === null), 'Tab leaves the grid').toBe(true);
  await page.keyboard.press('Shift+Tab');
  for (const key of ['ArrowUp', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
  const header = grid.getByRole('columnheader', { name: 'Label' });
  await expect(header).toHaveAttribute('aria-sort', 'ascending');
  await expect(rows.first()).toContainText('ankle boot');

  const width = async (): Promise<number> => (await header.boundingBox())?.width ?? 0;
  const before = await width();
  for (let presses = 0; presses < 2; presses++) await page.keyboard.press('Shift+ArrowRight');
  await expect.poll(width).toBeCloseTo(before + 32, -0.5);
  await expect(page.getByText(/^Label: \d+ pixels wide$/)).toBeAttached();
  const edge = await header.locator('.edge').boundingBox();
  if (edge === null) throw new Error('the edge has no place');
  await page.mouse.move(edge.x + 4, edge.y + 4);
  await page.mouse.down();
  await page.mouse.move(edge.x - 400, edge.y + 4);
  await page.mouse.up();
  await expect.poll(width, 'no narrower than can be taken hold of').toBeCloseTo(40, -0.5);
  await expectAccessible(page);
  await header.locator('.edge').dblclick();
  await expect.poll(width).toBeCloseTo(before, -0.5);
});
