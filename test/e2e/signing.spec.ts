/** Keys, signed packs and their verification from the page: with real keys, on a recorded audit. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, expectAccessible, test } from './page.ts';

test('a key is made and handed out, reports are ordered with it, a pack is verified', async ({ page, recorded }) => {
  const { url } = await recorded();
  await page.goto(url);
  const views = page.getByRole('navigation', { name: 'Views' });
  const open = (view: string): Promise<void> => views.getByRole('link', { name: view, exact: true }).click();
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(page.getByRole('link', { name: 'See the result' })).toBeVisible();

  await open('Settings');
  const keys = page.getByRole('region', { name: 'Signing keys' });
  await expect(keys).toContainText('There is no key yet.');
  await keys.locator('summary', { hasText: 'Make a key' }).click();
  const form = keys.locator('details').first();
  await form.getByLabel('Name of the key').fill('lab');
  await expect(form.getByRole('button', { name: 'Make a key' })).toBeDisabled();
  await form.getByLabel('Passphrase it is kept under').fill('a passphrase');
  await form.getByRole('radio', { name: 'ECDSA P-256' }).press('Space');
  await form.getByRole('button', { name: 'Make a key' }).click();
  await expect(keys.getByRole('list', { name: 'Keys' })).toContainText('lab · ECDSA P-256 · under a passphrase');
  await keys.locator('summary', { hasText: 'Take over a key' }).click();
  await expectAccessible(page);

  const handed = async (button: string): Promise<string> => {
    const waiting = page.waitForEvent('download');
    await keys.getByRole('button', { name: button }).click();
    return readFileSync(await (await waiting).path(), 'utf8');
  };
  expect(await handed('Public half')).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  const pem = await handed('Private half, encrypted');
  expect(() => createPrivateKey({ key: pem, passphrase: 'another' })).toThrow();
  expect(createPrivateKey({ key: pem, passphrase: 'a passphrase' }).asymmetricKeyType).toBe('ec');

  await open('Report');
  await page.locator('summary', { hasText: 'Write reports, or a signed pack' }).click();
  const order = page.getByRole('form', { name: 'Write reports' });
  await order.getByRole('checkbox', { name: 'PDF' }).check();
  await order.getByLabel('Signed with').selectOption('lab');
  await order.getByLabel('Passphrase of the key').fill('a passphrase');
  await order.locator('summary', { hasText: 'Marking, parties' }).click();
  await order.getByLabel('Classification marking').fill('TLP:AMBER');
  await order.getByRole('group', { name: 'Reviewer' }).getByLabel('Person').fill('R. Reviewer');
  await order.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(order.getByText('This is needed beside the others.')).toBeVisible();
  await expectAccessible(page);
  await order.getByRole('group', { name: 'Reviewer' }).getByLabel('Organisation').fill('Lab');
  await order.getByRole('button', { name: 'Write', exact: true }).click();
  await expect(order.getByText('2 files were written to')).toContainText('/project/reports/1');
  await expect(order.getByText('coresift verify pack.zip --key public.pem')).toBeVisible();

  await open('History');
  await expect(page.getByText(/^When the project was opened, its \d+ entr/)).toBeVisible();
  const pack = page.getByRole('region', { name: 'Verify a pack', exact: true });
  await pack.getByLabel('Pack').fill('/data/changed.zip');
  await pack.getByRole('button', { name: 'Verify the pack' }).click();
  await expect(pack).toContainText('1 of 2 checks does not fit.');
  await expect(pack.getByRole('row').nth(1)).toContainText('report.html');
  await expectAccessible(page);
});
