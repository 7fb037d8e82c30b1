/** A run is its journal: cut off after any step and taken up again, it ends in the very same bytes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modes, type Mode, type RunEvent } from '../../../src-shared/domain/run.ts';
import { writeOnnx } from '../../../src-main/engine/graph/onnx/write.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineResult } from '../../../src-main/engine/tcore/context.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { recording, type Recording } from '../../support/replay-journal.ts';
import { searches, toyContext, toyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../../unit/encoder/fixtures.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const images = toyImages({ sizes: [24, 24, 24] });
const stepsOf: Readonly<Record<Mode, readonly string[]>> = {
  paper: [
    ...['probe', 'sift', 'scan', 'unlearn', 'recover', 'filter', 'warm-up', 'grow/loss/0.4', 'grow/meta/0.6', 'final'],
    ...['expand/cross-fit', 'evidence', 'evidence/learnt', 'evidence/triggers', 'evidence/collapse'],
  ],
  distilled: [
    'probe',
    'sift',
    'scan',
    'expand/cross-fit',
    'warm-up',
    'grow/discrepancy/0.4',
    'teacher',
    'final',
    'evidence',
    'evidence/learnt',
    'evidence/triggers',
    'evidence/collapse',
  ],
};

/** The teacher is asked what it knows before the round that depends on it; who shows the encoder's trigger leaves the expanded pool. */
const stageOfStep = (name: string): string =>
  name === 'teacher' ? 'final' : name === 'scan' ? 'expand' : name.split('/')[0];

/** Everything a run decides, comparable bit by bit. */
function decided(result: PipelineResult): unknown {
  const { sanitized, undefended, ...rest } = result;
  return { ...rest, sanitized: bytes(sanitized), undefended: bytes(undefended) };
}

const bytes = (graph: PipelineResult['sanitized']): string => Buffer.from(writeOnnx(graph)).toString('base64');

const overrides = { 'probe.epochs': 2, 'unlearn.epochs': 2, 'recover.epochs': 2, 'warmup.epochs': 2 };

function run(
  record: Recording,
  mode: Mode,
  seed = 5,
  emit: (event: RunEvent) => void = () => {},
  compute: Provider = provider,
  more: Readonly<Record<string, number>> = {},
): Promise<PipelineResult> {
  const context = toyContext(
    compute,
    fileGraph('vgg-folded'),
    images,
    { ...overrides, ...more },
    {
      journal: record.journal,
      mode,
      seed,
      emit,
    },
  );
  return bootstrapAudit(context);
}

describe.each(modes)('a run in %s mode and its journal', (mode) => {
  const steps = stepsOf[mode];
  let whole: Recording;
  let uninterrupted: unknown;
  beforeAll(async () => {
    whole = recording();
    uninterrupted = decided(await run(whole, mode));
  });

  it('goes through every stage once', () => {
    expect(whole.computed).toEqual(steps);
  });

  it.each(steps.map((name, at) => [name, at + 1] as const))(
    'ends in the same bytes when cut off after %s',
    async (_, count) => {
      const record = whole.cutAfter(count);
      const states: string[] = [];
      const resumed = await run(record, mode, 5, (event) => {
        if (event.type === 'stage' && event.state !== 'started') states.push(`${event.stage} ${event.state}`);
      });
      expect(record.computed).toEqual(steps.slice(count));
      expect(record.names).toEqual(steps);
      expect(decided(resumed)).toEqual(uninterrupted);
      expect(states.filter((state) => state.endsWith('finished')).length).toBe(
        new Set(steps.slice(count).map(stageOfStep)).size,
      );
    },
  );

  it('commits the same steps and ends in the same bytes where a part is computed beside', async () => {
    const two = await createOrtProvider({ threads: 2 });
    const [alone, helped] = [recording(), recording()];
    const met = decided(await run(helped, mode, 5, undefined, two));
    expect(met).toEqual(decided(await run(alone, mode, 5, undefined, { ...two, aside: () => Promise.resolve(null) })));
    expect(helped.computed).toEqual(steps);
    expect(alone.computed).toEqual(steps);
    await two.dispose();
  });

  it('gives the same bytes for the same seed and others for another', async () => {
    expect(decided(await run(recording(), mode))).toEqual(uninterrupted);
    const other = (await run(recording(), mode, 6)) as unknown as Record<string, unknown>;
    const first = uninterrupted as Record<string, unknown>;
    expect(bytes(other.sanitized as PipelineResult['sanitized'])).not.toBe(first.sanitized);
    expect(other.digest).not.toBe(first.digest);
    expect(other.sifting).toEqual(first.sifting);
  });

  it('ends in the same bytes with the searches by gradient, cut off before them, too', async () => {
    const searched = (record: Recording): Promise<PipelineResult> =>
      run(record, mode, 5, undefined, provider, searches);
    const first = recording();
    const all = await searched(first);
    expect(all.triggers.overlay?.images).toBeGreaterThan(0);
    expect(all.triggers.texture?.images).toBeGreaterThan(0);
    const record = first.cutAfter(steps.indexOf('evidence/collapse'));
    expect(decided(await searched(record))).toEqual(decided(all));
    expect(record.computed).toEqual(['evidence/collapse']);
  });
});
