/** The report as a file of its own, in a real browser: accessible in both languages, and it asks for nothing. */
import { buildRecord } from '../../src-main/report/record.ts';
import { reportHtml } from '../../src-main/report/html.ts';
import { languages } from '../../src-shared/report-words/words.ts';
import { greyPng, reportInput } from '../unit/report/sample.ts';
import { expect, expectAccessible, test } from './page.ts';

const pictures = {
  suspects: [0, 1, 2].map((index) => ({ index, png: greyPng(84, 60 * index) })),
  patch: { index: 60, bare: greyPng(84, 20), stamped: greyPng(84, 220) },
};
const records = {
  'a full report': buildRecord({ ...reportInput(400, 30), pictures }),
  'a report with nothing suspected': buildRecord(reportInput(100, 0)),
  'a report with hostile names': buildRecord(reportInput(100, 5, { hostile: '\u202E<b onload=x>=1+1\u0007𝔘שלום' })),
};

for (const [name, record] of Object.entries(records)) {
  for (const language of languages) {
    test(`${name} in ${language} passes axe and loads nothing`, async ({ page }) => {
      const asked: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      const address = 'http://127.0.0.1/report.html';
      await page.route('**/*', (route) =>
        route.request().url() === address
          ? route.fulfill({ contentType: 'text/html; charset=utf-8', body: reportHtml(record, language) })
          : route.abort(),
      );
      await page.goto(address);
      await expect(page.locator('html')).toHaveAttribute('lang', language);
      await expectAccessible(page);
      expect(asked.filter((url) => url !== address && !url.startsWith('data:'))).toEqual([]);
      // Every anchor of the contents leads somewhere within the page.
      const missing = await page.evaluate(() =>
        [...document.querySelectorAll('a[href]')]
          .map((link) => link.getAttribute('href') ?? '')
          .filter((href) => !href.startsWith('#') || document.getElementById(href.slice(1)) === null),
      );
      expect(missing).toEqual([]);
    });
  }
}
