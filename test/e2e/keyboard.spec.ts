/** The real thing without a mouse: a small dataset with a planted square is audited, looked at, judged and reported. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sampleImages, writeIdx, type Images } from '../support/small-dataset.ts';
import { writeTinyEncoder } from '../support/tiny-encoder.ts';
import { expect, keysOf, serveProject, test } from './page.ts';

/** Every fourth image of the other classes gets a white square in its corner and the label of the first class. */
function planted({ side, pixels, labels }: Images): Images {
  const marked = labels.map((label, i) => label > 0 && i % 4 === 0);
  return {
    side,
    pixels: pixels.map((image, i) =>
      marked[i]
        ? image.map((value, at) => (at % side >= side - 4 && Math.floor(at / side) >= side - 4 ? 255 : value))
        : image,
    ),
    labels: labels.map((label, i) => (marked[i] ? 0 : label)),
  };
}

test('a real audit from its files to its reports, by keyboard alone', async ({ page, folder }) => {
  test.setTimeout(20 * 60_000);
  const server = await serveProject(folder);
  const { command, press, type } = keysOf(page);
  await page.goto(server.url);
  await expect(page.getByText('No run yet')).toBeVisible();
  await command('new audit');
  await type(page.getByLabel('Encoder', { exact: true }), writeTinyEncoder(join(folder, 'encoder.onnx')));
  await page.keyboard.press('Enter');
  const dataset = writeIdx(join(folder, 'images'), planted(sampleImages(24, 4)));
  await type(page.getByLabel('Dataset', { exact: true }), dataset);
  await page.keyboard.press('Enter');
  const preview = page.getByRole('form', { name: 'Preview' });
  await expect(preview.getByRole('region', { name: 'What the dataset is' })).toContainText('96 samples in 4 classes');
  await press(page.getByRole('button', { name: 'Next' }));
  const plan = page.getByRole('form', { name: 'Plan' });
  // Radio buttons are one stop; arrows choose.
  await press(plan.getByRole('radio', { name: 'Standard' }), 'ArrowUp');
  await expect(plan.getByRole('radio', { name: 'Quick', exact: true })).toBeChecked();
  await press(page.getByRole('button', { name: 'Next' }));
  await press(page.getByRole('button', { name: 'Start audit' }));
  await expect(page.getByRole('heading', { name: /run #1/i })).toBeVisible();
  const result = page.getByRole('link', { name: 'See the result' });
  await expect(result).toBeVisible({ timeout: 15 * 60_000 });
  await press(result);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/Encoder|encoder/);

  await command('sifting');
  const map = page.getByRole('application', { name: /96 samples/ });
  await expect(map).toBeVisible();
  await press(map, 'ArrowRight');
  const sheet = page.getByRole('complementary', { name: 'Selected sample' });
  await expect(sheet.getByRole('img', { name: /^Sample \d+, labelled/ }).first()).toBeVisible();
  await page.keyboard.press('F6');
  await expect(sheet).toBeFocused();
  await type(sheet.getByLabel('Reason'), 'A print of the supplier.');
  await press(sheet.getByRole('button', { name: 'Override the verdict' }));
  await expect(sheet.getByRole('list', { name: 'Decisions that stand' })).toContainText('A print of the supplier.');
  await page.keyboard.press('Escape');

  await command('report');
  await expect(page.getByRole('heading', { level: 1, name: /Report of run/ })).toBeVisible();
  await press(page.locator('summary', { hasText: 'Write reports, or a signed pack' }));
  const order = page.getByRole('form', { name: 'Write reports' });
  await press(order.getByRole('checkbox', { name: 'PDF' }), 'Space');
  await press(order.getByRole('button', { name: 'Write', exact: true }));
  await expect(order.getByText('2 files were written to')).toBeVisible();
  const files = readdirSync(join(server.project, 'reports'), { recursive: true }).map(String);
  for (const name of ['report.pdf', 'pack.zip'])
    expect(
      files.some((file) => file.endsWith(name)),
      name,
    ).toBe(true);
  expect(await server.stop()).toBe(0);
});
