/** Datasets as strangers give them: uneven, tiny, repeated, empty, black, poisoned beyond what sifting can tell. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineContext, PipelineResult } from '../../../src-main/engine/tcore/context.ts';
import { evaluateClassifier } from '../../../src-main/engine/tcore/evaluate.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { poisoned, searches, toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';
import { tinyEncoder } from '../../support/tiny-encoder.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const encoder = tinyEncoder({ side: 16, channels: 3 });
/** Enough to learn the toy classes, and a guard large enough to be sure of it. */
const learning = {
  ...{ 'probe.epochs': 15, 'probe.learningRate': 0.02, 'guard.share': 0.5, 'scan.images': 4 },
  ...{ 'warmup.epochs': 20, 'warmup.batch': 16, 'train.batch': 32, 'final.epochs': 8 },
};

interface Audited {
  readonly result: PipelineResult;
  readonly warnings: readonly string[];
}

async function audit(
  images: ToyImages,
  overrides: Readonly<Record<string, number | string>> = {},
  more: Partial<PipelineContext> = {},
): Promise<Audited> {
  const events: RunEvent[] = [];
  const context = toyContext(provider, encoder, images, overrides, {
    emit: (event) => void events.push(event),
    ...more,
  });
  const result = await bootstrapAudit(context);
  expectSound(result, images);
  for (const event of events) if (event.type === 'metric') expect(event.value, event.name).toSatisfy(Number.isFinite);
  await evaluateClassifier(provider, result.sanitized, context.samples, null, { batch: 16, signal: context.signal });
  return { result, warnings: events.flatMap((event) => (event.type === 'warning' ? [event.code] : [])) };
}

/** What holds of every result: no number is missing or not finite, and everything adds up. */
function expectSound(result: PipelineResult, images: ToyImages): void {
  const { sanitized: _sanitized, undefended: _undefended, ...facts } = result;
  // Paper mode has no discrepancy: NaN throughout.
  const { discrepancy, ...columnsOfPaper } = facts.columns;
  expect(discrepancy.every(Number.isNaN)).toBe(true);
  expect(unsound({ ...facts, columns: columnsOfPaper })).toEqual([]);
  const { columns, sifting, rounds, verdict } = result;
  expect(sifting.perClass.map(({ samples }) => samples)).toEqual(
    images.classes.map((_, c) => images.labels.filter((label) => label === c).length),
  );
  expect(columns.seed.every((flag, i) => flag <= columns.pool[i])).toBe(true);
  for (const { size, perClass } of rounds) expect(perClass.reduce((a, b) => a + b, 0)).toBe(size);
  expect(verdict.classes.map(({ name }) => name)).toEqual(images.classes);
  expect(verdict.encoder.verdict).not.toBe('trusted');
}

/** These may be null: what there was nothing to say of. */
const optional = new Set([
  ...['confidence', 'name', 'guardAccuracy', 'probeAccuracy', 'sanitizedAccuracy', 'stopped'],
  ...['meanResidue', 'estimate', 'flippedControl', 'from', 'opinions', 'overlay', 'texture', 'turned'],
]);

/** Paths of missing values and of numbers that are not finite. */
function unsound(value: unknown, path = ''): string[] {
  if (value === null || value === undefined) return optional.has(path.split('.').at(-1) ?? '') ? [] : [path];
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (ArrayBuffer.isView(value)) return (value as Float32Array).every((entry) => Number.isFinite(entry)) ? [] : [path];
  if (typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, entry]) => unsound(entry, `${path}.${name}`));
}

describe('an audit of', () => {
  it('classes of which one has a tenth of the samples gives it its quota', async () => {
    const { result } = await audit(toyImages({ sizes: [80, 8, 80] }), { 'expand.share': 0.1 });
    expect(result.sifting.perClass.map(({ pool }) => pool)).toEqual([8, 4, 8]);
    expect(result.sifting.warnings.some(({ code, classIndex }) => code === 'tiny' && classIndex === 1)).toBe(true);
  });

  it('classes of one, two and three samples names each of them and trusts none', async () => {
    const { result } = await audit(toyImages({ sizes: [30, 1, 30, 2, 3] }), learning);
    const tiny = result.sifting.warnings.filter(({ code }) => code === 'tiny');
    expect(tiny.map(({ classIndex }) => classIndex)).toEqual([1, 3, 4]);
    expect(result.sifting.perClass.map(({ pool }) => pool)).toEqual([expect.any(Number), 1, expect.any(Number), 1, 1]);
    for (const c of [1, 3, 4]) expect(result.verdict.classes[c].verdict).toBe('inconclusive');
    expect(result.verdict.dataset.verdict).not.toBe('trusted');
  });

  it('an encoder that is not to be scanned by gradient says that overlays and patches were not looked for', async () => {
    const { result } = await audit(toyImages({ sizes: [30, 30] }));
    const { encoder, notExamined } = result.verdict;
    const { overlay, texture } = result.triggers;
    expect([overlay, texture]).toEqual([null, null]);
    expect([encoder.evidence.overlayNot, encoder.evidence.textureNot]).toEqual(['off', 'off']);
    expect(notExamined[0]).toMatchObject({
      what: 'Encoder: warping, textured patches, and blends and frequencies',
      detail: 'The scans look for solid squares.',
    });
    const looked = (await audit(toyImages({ sizes: [30, 30] }), searches)).result.verdict.notExamined[0];
    expect([looked.what, looked.detail]).toEqual([
      'Encoder: warping, patches that no part of them leads to, and overlays that no faint one leads to',
      'The scans look for solid squares, for patches of 4 x 4 pixels of any picture, and for overlays that change no pixel by more than 6.0 % of its range.',
    ]);
  });

  it('a class without samples says that it was not examined', async () => {
    const { result, warnings } = await audit(toyImages({ sizes: [30, 0, 30] }));
    expect(warnings).toContain('empty');
    expect(result.verdict.classes[1].verdict).toBe('not-examined');
    expect(result.verdict.notExamined.some(({ what }) => what.includes('class 1'))).toBe(true);
    expect(result.verdict.dataset.verdict).not.toBe('trusted');
  });

  it('samples that repeat others takes none of the repetitions as seed, pool or guard', async () => {
    const images = toyImages({ sizes: [30, 30, 30] });
    const source = (i: number): number => i - (i % 3);
    const { result } = await audit(
      {
        ...images,
        pixels: images.pixels.map((_, i) => images.pixels[source(i)]),
        labels: images.labels.map((_, i) => images.labels[source(i)]),
      },
      {},
      { originals: images.labels.map((_, i) => source(i)) },
    );
    expect([...result.columns.pool.keys()].filter((i) => i % 3 > 0 && result.columns.pool[i] === 1)).toEqual([]);
    expect(result.sifting.pool).toBeGreaterThan(0);
  });

  it('one image per class, over and over, has nothing to hold out and says so', async () => {
    const images = toyImages({ sizes: [20, 20] });
    const first = (i: number): number => images.labels.indexOf(images.labels[i]);
    const { result } = await audit(
      { ...images, pixels: images.pixels.map((_, i) => images.pixels[first(i)]) },
      {},
      { originals: images.labels.map((_, i) => first(i)) },
    );
    expect(result.outcome).toEqual({ guardSamples: 0, probeAccuracy: null, sanitizedAccuracy: null });
    expect(result.verdict.dataset.verdict).toBe('inconclusive');
  });

  it('fewer samples than a batch, in two classes, goes through', async () => {
    const { result } = await audit(toyImages({ sizes: [6, 5] }));
    expect(result.columns.index.length).toBe(11);
    expect(result.rounds.at(-1)?.size).toBeGreaterThan(2);
  });

  it('sixty classes of four samples keeps every class in the pool', async () => {
    const { result } = await audit(toyImages({ sizes: new Array<number>(60).fill(4) }));
    expect(result.sifting.perClass.every(({ pool }) => pool >= 1)).toBe(true);
    expect(result.rounds.every(({ perClass }) => perClass.every((count) => count >= 1))).toBe(true);
    expect(result.verdict.dataset.verdict).toBe('inconclusive');
  });

  it('black images says that no tap tells the classes apart', async () => {
    const images = toyImages({ sizes: [20, 20, 20] });
    const { result, warnings } = await audit({ ...images, pixels: images.pixels.map((image) => image.map(() => 0)) });
    expect(warnings).toContain('no-deciding-tap');
    expect(result.sifting.taps.every(({ used, reason }) => !used && reason.includes('chance'))).toBe(true);
    expect(result.verdict.dataset.verdict).toBe('inconclusive');
    expect(result.verdict.dataset.claim).toContain('No tap of the encoder tells the classes apart');
    expect(result.verdict.encoder.verdict).toBe('inconclusive');
  });
});

describe('a class of which most is poison', () => {
  const plain = toyImages({ sizes: [100, 100, 100, 100], noise: 0.12 });

  it('would be trusted if it were clean', async () => {
    // Of gratings a model follows what a class shares: a net made without it has to know the rest to tell that it should.
    const { result } = await audit(plain, { ...learning, 'inversion.epochs': 12 });
    expect(result.verdict.classes.map(({ verdict }) => verdict)).toEqual(new Array(4).fill('trusted'));
    expect(result.verdict.dataset.verdict).toBe('trusted');
    expect(result.sifting.warnings).toEqual([]);
  });

  it('is not trusted where a pattern of it is followed that nobody could judge', async () => {
    const { dataset } = (await audit(plain, learning)).result.verdict;
    expect([dataset.verdict, dataset.claim]).toEqual(['inconclusive', expect.stringContaining('follows a pattern')]);
  });

  it.each([
    ['inflates it', 120, 0, 'oversized'],
    ['takes the place of its samples', 65, 65, 'balanced-split'],
  ])('is never trusted when the poison %s, and a warning names it', async (_, count, replaced, warning) => {
    const { images } = poisoned(plain, count, 2);
    const gone = new Set([...plain.labels.keys()].filter((i) => plain.labels[i] === 2).slice(0, replaced));
    const keep = [...images.labels.keys()].filter((i) => !gone.has(i));
    const { result } = await audit(
      {
        ...images,
        pixels: keep.map((i) => images.pixels[i]),
        labels: Int32Array.from(keep, (i) => images.labels[i]),
      },
      learning,
    );
    expect(result.sifting.warnings.find(({ code }) => code === warning)?.className).toBe('class 2');
    expect(['suspicious', 'inconclusive']).toContain(result.verdict.classes[2].verdict);
    expect(['suspicious', 'inconclusive']).toContain(result.verdict.dataset.verdict);
    // What the poison was made of may be doubted with it (cross-fit), never suspected; the rest stays trusted.
    const [source, other] = result.verdict.classes.map(({ verdict }) => verdict);
    expect(['trusted', 'inconclusive']).toContain(source);
    expect(other).toBe('trusted');
  });
});
