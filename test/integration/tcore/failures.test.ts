/** Runs that cannot end: numbers out of range have a name, and a cancelled run leaves nothing open. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Stage } from '../../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import type { Graph, Tensor } from '../../../src-main/engine/graph/ir.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineContext } from '../../../src-main/engine/tcore/context.ts';
import { bootstrapAudit } from '../../../src-main/engine/tcore/pipeline.ts';
import { recording, type Recording } from '../../support/replay-journal.ts';
import { searches, toyContext, toyImages } from '../../support/toy-audit.ts';
import { fileGraph } from '../../unit/encoder/fixtures.ts';
import { tinyEncoder } from '../../support/tiny-encoder.ts';

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

const images = toyImages({ sizes: [12, 12, 12] });
const encoder = tinyEncoder({ side: 16, channels: 3 });
const short = { 'probe.epochs': 2, 'unlearn.epochs': 2, 'recover.epochs': 2, 'warmup.epochs': 2 };

interface Failure {
  readonly error: unknown;
  /** Compiled graphs that were not disposed of. */
  readonly open: number;
}

async function failure(
  graph: Graph,
  overrides: Readonly<Record<string, number | string>> = {},
  more: Partial<PipelineContext> = {},
): Promise<Failure> {
  let open = 0;
  const counting: Provider = {
    ...provider,
    async compile(compiling, options) {
      const compiled = await provider.compile(compiling, options);
      open++;
      return {
        ...compiled,
        dispose: () => {
          open--;
          return compiled.dispose();
        },
      };
    },
  };
  const error: unknown = await bootstrapAudit(
    toyContext(counting, graph, images, { ...short, ...overrides }, more),
  ).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { error, open };
}

function withWeights(name: string, change: (values: Float32Array) => Float32Array): Graph {
  const old = encoder.initializers.get(name) as Tensor;
  const changed = { ...old, data: change(old.data as Float32Array) };
  return { ...encoder, initializers: new Map(encoder.initializers).set(name, changed) };
}

describe('numbers out of range', () => {
  it.each([
    ['a variance below zero', withWeights('second.variance', (values) => values.map(() => -1))],
    [
      'a weight that is not a number',
      withWeights('first.weight', (values) => values.map((v, i) => (i === 9 ? NaN : v))),
    ],
    ['weights that overflow', withWeights('third.weight', (values) => values.map((v) => v * 1e38))],
  ])('in an encoder with %s are refused by name, whatever the dataset', async (_, graph) => {
    const { error, open } = await failure(graph);
    expect(error).toBeInstanceOf(ExpectedError);
    expect((error as ExpectedError).code).toBe('unsupported-encoder');
    expect((error as ExpectedError).detail).toMatch(/not finite/);
    expect(open).toBe(0);
  });

  it.each([
    ['probe.learningRate', 'probe'],
    ['train.learningRate', 'warm-up'],
  ])('in training are refused by name and point at %s', async (name, stream) => {
    const { error, open } = await failure(encoder, { [name]: 1e38 });
    expect(error).toBeInstanceOf(ExpectedError);
    expect((error as ExpectedError).code).toBe('training-diverged');
    expect((error as ExpectedError).detail).toContain(stream);
    expect(open).toBe(0);
  });
});

describe('a run that is cancelled', () => {
  // So slow that unlearning takes all of its epochs.
  const options = { ...short, ...searches, 'expand.method': 'confusion', 'unlearn.learningRate': 1e-6 };
  const steps = [
    ...[
      'probe',
      'sift',
      'expand',
      'scan',
      'unlearn',
      'recover',
      'filter',
      'warm-up',
      'grow/loss/0.4',
      'grow/meta/0.6',
      'final',
    ],
    ...['expand/cross-fit', 'evidence', 'evidence/learnt', 'evidence/triggers', 'evidence/collapse'],
  ];
  const graph = fileGraph('vgg-folded');
  let whole: Recording;
  beforeAll(async () => {
    whole = recording();
    await bootstrapAudit(toyContext(provider, graph, images, options, { journal: whole.journal }));
    expect(whole.computed).toEqual(steps);
  });

  it.each([
    // Filtering is a sort: it is over before anyone can look, and the next stage stops. Nothing is suspected here, so the
    // last but one has nothing to estimate and is over likewise.
    ...steps.filter((name) => name !== 'filter' && name !== 'evidence/triggers').map((name) => [name, name] as const),
    ['filter', 'warm-up'] as const,
  ])('at work in %s stops in %s with nothing left open', async (name, last) => {
    const controller = new AbortController();
    const record = whole.cutAfter(steps.indexOf(name));
    const reached: Stage[] = [];
    const { error, open } = await failure(graph, options, {
      signal: controller.signal,
      journal: record.journal,
      emit: (event) => {
        if (event.type === 'stage' && event.state === 'started') reached.push(event.stage);
        const within = record.names.length === steps.indexOf(name);
        if (within && event.type === (name === last ? 'progress' : 'stage')) controller.abort();
      },
    });
    expect(error).toBeInstanceOf(CancelledError);
    expect(open).toBe(0);
    expect(reached.at(-1)).toBe(last === 'scan' ? 'expand' : last.split('/')[0]);
    expect(record.computed).toEqual(name === last ? [] : [name]);
  });

  it('before it began computes nothing', async () => {
    const record = recording();
    const { error, open } = await failure(graph, {}, { signal: AbortSignal.abort(), journal: record.journal });
    expect(error).toBeInstanceOf(CancelledError);
    expect(open).toBe(0);
    expect(record.computed).toEqual([]);
  });
});
