/** Who shows the trigger that the scan finds in the sample's encoder is taught to no model, and makes the dataset suspicious. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import { drawDataset } from '../../../src-main/audit/bench-data.ts';
import { plant } from '../../../src-main/engine/attacks/dataset/encoder-trigger.ts';
import { asSamples, type LabelledImages } from '../../../src-main/engine/attacks/images.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { turnsUndefended } from '../../../src-main/engine/evidence/patch-scan.ts';
import { besideOf } from '../../../src-main/engine/tcore/beside.ts';
import { outsetOf, type Outset } from '../../../src-main/engine/tcore/outset.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import type { PipelineContext, PipelineResult } from '../../../src-main/engine/tcore/context.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { square } from '../../bench/leak-cases.ts';
import { encoderBytes, readImages, readLabels } from '../../bench/planted.ts';
import { recording, type Recording } from '../../support/replay-journal.ts';
import { toyContext, toyImages } from '../../support/toy-audit.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const target = 9;
/** 50 of each class of the images that nothing was planted in. */
const clean = drawDataset(
  {
    pixels: readImages('bench/train-images-idx3-ubyte.gz'),
    labels: readLabels('bench/train-labels-idx1-ubyte.gz'),
    shape: [1, 28, 28],
    classes: 10,
  },
  500,
  1,
);
const attack = { seed: 1, target, trigger: square, cleanLabel: true } as const;
const { planted, truth } = plant(clean, { ...attack, classShare: 0.3 });
const poison = new Set(truth.poisoned);

type Warning = Extract<RunEvent, { type: 'warning' }>;

function contextOf(
  encoder: 'encoder' | 'encoder-clean',
  images: LabelledImages<Uint8Array>,
  record: Recording,
  warnings: Warning[] = [],
): PipelineContext {
  return toyContext(
    provider,
    readOnnx(encoderBytes(encoder)).graph,
    toyImages({ sizes: new Array<number>(10).fill(1) }),
    { 'probe.epochs': 20, 'scan.images': 32, 'expand.share': 0.4, 'distil.batch': 64 },
    {
      samples: asSamples(images),
      mode: 'distilled',
      journal: record.journal,
      emit: (event) => {
        if (event.type === 'warning') warnings.push(event);
      },
    },
  );
}

/** What a clean model would be grown from. */
async function outset(encoder: 'encoder' | 'encoder-clean', images: LabelledImages<Uint8Array>): Promise<Outset> {
  const context = contextOf(encoder, images, recording());
  const beside = besideOf(context);
  try {
    return await outsetOf(context, await prepareEncoder(context), beside);
  } finally {
    await beside.dispose();
  }
}

const suspectsOf = ({ columns }: PipelineResult): number[] =>
  [...columns.suspectRank.keys()].filter((i) => columns.suspectRank[i] >= 0);

describe('right labels with the trigger of the encoder', () => {
  const record = recording();
  const warnings: Warning[] = [];
  let result: PipelineResult;
  beforeAll(async () => {
    result = await bootstrapAudit(contextOf('encoder', planted, record, warnings));
  });

  it('are set aside before anything is taught, and said to be', () => {
    const { columns, picked } = result;
    for (const list of [picked.seeds, picked.pool, picked.ever]) {
      expect([...list].filter((i) => poison.has(i))).toEqual([]);
    }
    expect([...poison].filter((i) => columns.seed[i] === 1 || columns.pool[i] === 1)).toEqual([]);
    const told = warnings.filter(({ code }) => code === 'trigger-shown');
    expect(told.map(({ values }) => values)).toEqual([{ showing: poison.size, apart: poison.size }]);
  });

  it('leave their class a first pool, sifted again without them', () => {
    const { names } = record;
    expect(names.indexOf('sift/again')).toBeGreaterThan(names.indexOf('scan'));
    const { pool, label } = result.columns;
    const own = [...pool.keys()].filter((i) => pool[i] === 1 && label[i] === target);
    expect(own.length).toBeGreaterThanOrEqual(10);
  });

  it('are all suspects, and make their class and the dataset suspicious', () => {
    const { verdict } = result;
    expect(suspectsOf(result)).toEqual(expect.arrayContaining([...poison]));
    expect([verdict.encoder.verdict, verdict.dataset.verdict]).toEqual(['suspicious', 'suspicious']);
    expect(verdict.classes[target].code).toBe('class.encoder-trigger');
    expect(verdict.dataset.evidence).toMatchObject({ shownByTarget: poison.size, shownByOthers: 0 });
  });

  it('come to the same when the run goes on from its journal', async () => {
    const at = record.names.indexOf('evidence');
    const cut = record.cutAfter(at);
    const resumed = await bootstrapAudit(contextOf('encoder', planted, cut));
    expect(cut.computed).toEqual(record.names.slice(at));
    expect(resumed.digest).toBe(result.digest);
    expect(resumed.columns).toEqual(result.columns);
  });
});

describe('nobody is set aside', () => {
  it('where the encoder answers to no square, whoever shows one', async () => {
    const { scanned, apart, first } = await outset('encoder-clean', planted);
    expect([scanned.showing.length, apart.length]).toEqual([0, 0]);
    expect(first.pool.length).toBeGreaterThan(0);
  });

  it('of a clean dataset, though the encoder answers to a square', async () => {
    const { scanned, apart } = await outset('encoder', clean);
    expect(turnsUndefended(scanned.scan, scanned.flips.share)).toBe(true);
    expect([scanned.showing.length, apart.length]).toEqual([0, 0]);
  });

  it('of a class of which nearly nothing else is left', async () => {
    const { planted: whole, truth: all } = plant(clean, { ...attack, classShare: 0.95 });
    const { scanned, apart } = await outset('encoder', whole);
    expect(scanned.showing).toEqual(all.poisoned);
    expect(apart).toHaveLength(0);
  });
});
