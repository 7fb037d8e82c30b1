/** What an audit survives, with the real server: an engine that is killed, a server that is gone, two windows, a later project. */
import Database from 'better-sqlite3';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openWriter } from '../../src-main/store/writer.ts';
import { expect, open, serveProject, stagesOf, test, watchPage } from './page.ts';

/** Processes whose parent is `pid`: the engine of a server. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return / \(.*\) \S (\d+)/.exec(` ${readFileSync(`/proc/${name}/stat`, 'utf8')}`)?.[1] === String(pid);
      } catch {
        // It ended while it was looked at.
        return false;
      }
    })
    .map(Number);
}

test('an engine that is killed, a server that is gone: said by name, and the run goes on', async ({ page, folder }) => {
  test.skip(!existsSync('/proc/self/stat'), 'finding the engine process needs /proc');
  test.setTimeout(8 * 60_000);
  let server = await serveProject(folder);
  await page.goto(server.url);
  await page.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(stagesOf(page).getByRole('listitem').filter({ hasText: 'Preflight' })).toContainText('done');
  for (const pid of childrenOf(server.pid)) process.kill(pid, 'SIGKILL');
  await expect(page.getByRole('alert')).toContainText('ended without a word');
  await page.getByRole('button', { name: 'Resume run' }).click();
  await expect(page.getByRole('button', { name: 'Cancel run' })).toBeVisible();

  // A second window of the same project sees the run, may not start another, and is told why.
  const second = await page.context().newPage();
  const problems = watchPage(second);
  await second.goto(server.url);
  await expect(second.getByRole('banner')).toContainText('running');
  await second.getByRole('button', { name: 'Run the sample audit' }).click();
  await expect(second.getByRole('alert')).toContainText('Another run of this project is still going.');
  await second.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Planted attacks' }).click();
  await second.getByRole('button', { name: 'Plant and measure' }).click();
  await expect(second.getByRole('alert')).toContainText('Another run of this project is still going.');
  expect(problems).toEqual([]);
  await second.close();

  // Chromium logs the connection that breaks; everything else still counts.
  page.removeAllListeners('console');
  await server.kill();
  await expect(page.getByRole('alert').filter({ hasText: 'lost its connection' })).toBeVisible();
  server = await serveProject(folder);
  await page.goto(server.url);
  await page.getByRole('table').getByRole('link', { name: '#1' }).click();
  await expect(page.getByText(/was interrupted/)).toBeVisible();
  await expect(stagesOf(page)).not.toContainText('at work');
  await page.getByRole('button', { name: 'Resume run' }).click();
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await expect(page.getByText('This run was cancelled.')).toBeVisible();

  // A project of a later version is refused by name, and the one that is open stays.
  const later = join(folder, 'later');
  openWriter(later, { appVersion: '0.1.0' }).close();
  const file = new Database(join(later, 'project.sqlite'));
  file.pragma('user_version = 99');
  file.close();
  await open(page, 'Start');
  await page.getByLabel('Project folder').fill(later);
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('newer');
  await expect(page.getByRole('table').getByRole('link', { name: '#1' })).toBeVisible();
  expect(await server.stop()).toBe(0);
});
