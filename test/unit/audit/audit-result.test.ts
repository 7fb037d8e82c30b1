import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { describe, expect, it } from 'vitest';
import { auditResult } from '../../../src-main/audit/audit-result.ts';
import type { AuditOutcome, Preflight } from '../../../src-main/audit/engine-protocol.ts';
import { openDataset } from '../../../src-main/formats/datasets/open.ts';
import { buildPixelFile } from '../../../src-main/formats/datasets/pixels.ts';
import { temporaryFolder } from '../../support/small-audit.ts';

function writePng(file: string, side: number, value: number): void {
  const png = new PNG({ width: side, height: side });
  png.data.fill(value);
  writeFileSync(file, PNG.sync.write(png));
}

describe('what is not examined', () => {
  it('names the part of a dataset that was left out and the images that were resized', async () => {
    const folder = temporaryFolder('left-out');
    for (const part of ['train', 'test']) {
      for (const label of ['a', 'b']) {
        const place = join(folder, 'data', part, label);
        mkdirSync(place, { recursive: true });
        for (let i = 0; i < 10; i++) writePng(join(place, `${i}.png`), i === 0 ? 16 : 48, i);
      }
    }
    const dataset = await openDataset(join(folder, 'data'), {});
    const file = join(folder, 'images.pixels');
    const pixels = await buildPixelFile(dataset, { file, channels: 1, height: 16, width: 16 });
    const { leftOut, resized, notes, shape, skipped } = pixels;
    const read = { leftOut, resized, notes, shape, skipped, unreadable: 0, dataset: { unreadable: [] } };
    const outcome = { verdict: { notExamined: [] } };
    const { verdict } = auditResult(
      read as unknown as Preflight,
      outcome as unknown as AuditOutcome,
      {} as Parameters<typeof auditResult>[2],
    );
    expect(verdict.notExamined.map(({ what, reason }) => [what, reason])).toEqual([
      ['Part of the dataset: "test"', 'left-out'],
      ['18 images resized from 48x48 to 16x16', 'resized'],
    ]);
    expect(verdict.notExamined[0].detail).toContain('left out "test"');
    pixels.close();
    await dataset.close();
  });
});
