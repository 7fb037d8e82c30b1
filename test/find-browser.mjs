// Finds a Chromium for the page tests, or installs one; `browserPath()` is what test/playwright.config.ts uses.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

/** Path of the browser to drive; null when this machine has none. */
export function browserPath() {
  const named = process.env.PLAYWRIGHT_CHROMIUM_PATH;
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`PLAYWRIGHT_CHROMIUM_PATH names ${named}, which does not exist.`);
    return named;
  }
  return ['/usr/bin/chromium', chromium.executablePath()].find((path) => path !== '' && existsSync(path)) ?? null;
}

function run(command, ...args) {
  console.log(`No Chromium found; trying: ${command} ${args.join(' ')}`);
  return spawnSync(command, args, { stdio: 'inherit', timeout: 8 * 60_000 }).status === 0;
}

function install() {
  const cli = fileURLToPath(new URL('../node_modules/@playwright/test/cli.js', import.meta.url));
  if (run(process.execPath, cli, 'install', 'chromium') && browserPath() !== null) return;
  if (process.platform === 'linux' && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    run('apt-get', 'update', '-q');
    run('apt-get', 'install', '-y', '-q', '--no-install-recommends', 'chromium', 'libvulkan1');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (browserPath() === null) install();
  const path = browserPath();
  if (path === null) {
    console.error(
      'The page tests need a Chromium and none could be installed here: install one and name it in PLAYWRIGHT_CHROMIUM_PATH.',
    );
    process.exit(1);
  }
  console.log(`Page tests use ${path}`);
}
