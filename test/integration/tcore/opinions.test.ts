/** Second opinions in a whole audit: they are asked, kept in the journal, and change nothing. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryJournal } from '../../../src-main/audit/journal.ts';
import type { StepJournal } from '../../../src-main/engine/journal.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineResult } from '../../../src-main/engine/tcore/context.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { opinionIds } from '../../../src-shared/domain/opinion.ts';
import type { Mode } from '../../../src-shared/domain/run.ts';
import { recording } from '../../support/replay-journal.ts';
import { poisoned, toyContext, toyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../../unit/encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const { images } = poisoned(toyImages({ sizes: [40, 40, 40, 40] }), 10, 1);

async function audit(extent: string, mode: Mode, journal: StepJournal = memoryJournal()): Promise<PipelineResult> {
  const context = toyContext(provider, fileGraph('vgg-folded'), images, { 'opinions.extent': extent });
  return bootstrapAudit({ ...context, mode, journal });
}

it('the audit ends in the same verdict, columns and model whether they are asked or not', async () => {
  const { opinions: none, sanitized: alone, undefended: _a, ...without } = await audit('none', 'paper');
  const { opinions, sanitized, undefended: _b, ...asked } = await audit('all', 'paper');
  expect(none).toBeNull();
  expect(asked).toEqual(without);
  expect(Buffer.from(writeOnnx(sanitized)).equals(Buffer.from(writeOnnx(alone)))).toBe(true);
  expect(opinions?.map(({ id }) => id)).toEqual(opinionIds);
  expect(opinions?.filter(({ state }) => state === 'run').map(({ id }) => id)).toEqual([
    'no-defense',
    'spectral-signatures',
    'activation-clustering',
    'scan',
    'spectre',
    'beatrix',
    'strip',
    'clp',
    'decree',
  ]);
  for (const { state, reason, scored, flagged, classes, numbers, agreement } of opinions ?? []) {
    expect(reason === null).toBe(state === 'run');
    expect(flagged).toBeLessThanOrEqual(scored);
    if (classes.length > 0) expect(classes.reduce((sum, one) => sum + one.flagged, 0)).toBe(flagged);
    expect(Object.values(numbers).every(Number.isFinite)).toBe(true);
    if (agreement !== null) expect(agreement.both).toBeLessThanOrEqual(Math.min(agreement.audit, flagged));
  }
});

it('a resumed audit reads them back, and "cheap" says which it left out', async () => {
  const record = recording();
  const first = await audit('cheap', 'distilled', record.journal);
  const whole = record.cutAfter(record.names.length);
  const again = await audit('cheap', 'distilled', whole.journal);
  expect(again.opinions).toEqual(first.opinions);
  expect(whole.computed).toEqual([]);
  expect(record.names.at(-1)).toBe('opinions');
  expect(first.opinions?.find(({ id }) => id === 'decree')).toMatchObject({ state: 'not-run', reason: 'not-asked' });
  expect(first.opinions?.find(({ id }) => id === 'abl')).toMatchObject({ state: 'not-run', reason: 'not-built' });
  // Distilled mode keeps no channel, so there is nothing that flagged channels could agree with.
  expect(first.opinions?.find(({ id }) => id === 'clp')).toMatchObject({ state: 'run', agreement: null });
});
