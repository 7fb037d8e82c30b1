import { defineConfig } from '@playwright/test';
import { browserPath } from './find-browser.mjs';

const executablePath = browserPath();
// Chromium's own sandbox cannot start as root; what runs in these tests is our own page.
const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export default defineConfig({
  testDir: './e2e',
  outputDir: '../test-results',
  fullyParallel: false,
  // The real audit on one, everything else on the other: it computes while the others mostly wait for the browser.
  workers: 2,
  // Far above what anything takes: a slow machine is no failure, a page that hangs still is one.
  timeout: 240_000,
  expect: { timeout: 60_000 },
  // Two processors at their limit find races that no other machine shows: told by name (run-all.mjs), not fatal once.
  retries: process.env.CI === undefined ? 0 : 1,
  forbidOnly: process.env.CI !== undefined,
  reporter: [['list']],
  use: {
    viewport: { width: 1360, height: 860 },
    trace: 'off',
    launchOptions: {
      ...(executablePath === null ? {} : { executablePath }),
      args: [
        ...asRoot,
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-quic',
        '--no-first-run',
      ],
    },
  },
});
