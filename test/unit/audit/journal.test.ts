import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { eventSink } from '../../../src-main/audit/event-sink.ts';
import { memoryJournal, stepJournal } from '../../../src-main/audit/journal.ts';
import { storeKeeper } from '../../../src-main/audit/store-keeper.ts';
import type { StepJournal } from '../../../src-main/engine/journal.ts';
import { openWriter, type ProjectWriter } from '../../../src-main/store/writer.ts';
import { auditRequest } from '../../../src-shared/domain/request.ts';

const folders: string[] = [];
const writers: ProjectWriter[] = [];

afterEach(() => {
  for (const writer of writers.splice(0)) writer.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function project(): { writer: ProjectWriter; run: string } {
  const folder = mkdtempSync(join(tmpdir(), 'coresift-journal-'));
  folders.push(folder);
  const writer = openWriter(join(folder, 'p'), { appVersion: '0' });
  writers.push(writer);
  return { writer, run: writer.startRun({ request: auditRequest('e', 'd'), parameters: {}, environment: {} }).id };
}

/** A journal as the engine has it, over messages that were cloned on their way. */
function journalOf(writer: ProjectWriter, run: string, labels = new Int32Array(0)): StepJournal {
  const keeper = storeKeeper(
    writer,
    run,
    () => labels,
    () => {},
  );
  return stepJournal({
    find: async (spec) => structuredClone(await keeper['step.find'](structuredClone(spec))),
    commit: async (step) => structuredClone(await keeper['step.commit'](structuredClone(step))),
  });
}

const spec = { name: 'unlearn', params: { rate: 0.1, epochs: 3 }, inputs: ['a', 'b'] };
const result = () =>
  Promise.resolve({
    data: { accuracy: 0.1, nested: { list: [1, 2] } },
    tensors: {
      weights: { dtype: 'float32', dims: [2, 2], data: Float32Array.of(1, NaN, -0, 4) },
      flags: { dtype: 'uint8', dims: [3], data: Uint8Array.of(1, 0, 1) },
    },
  } as const);

describe('a step', () => {
  it('is committed after the events told on its way, even those of the same turn', async () => {
    const { writer, run } = project();
    const sink = eventSink(
      writer,
      run,
      () => {},
      () => {},
    );
    const keeper = storeKeeper(writer, run, () => new Int32Array(0), sink.flush);
    sink.add({ type: 'metric', stage: 'final', name: 'training loss', at: 5, value: 1.25 });
    const message = { spec, data: {}, tensors: null, seconds: 0 };
    const answered = keeper['step.commit'](message);
    // As a kill would find it: nothing that waits for the end of the turn has happened.
    expect(writer.reader.step(run, spec.name)).not.toBeNull();
    expect(writer.reader.metricsAfter(run, 0).items.map(({ value }) => value)).toEqual([1.25]);
    await answered;
  });

  it('is computed once and read back the second time, tensors bit by bit', async () => {
    const { writer, run } = project();
    const first = await journalOf(writer, run).step(spec, result);
    expect(first.resumed).toBe(false);
    const second = await journalOf(writer, run).step(spec, () =>
      Promise.reject(new Error('must not be computed again')),
    );
    expect(second.resumed).toBe(true);
    expect(second.digest).toBe(first.digest);
    expect(second.data).toEqual(first.data);
    expect(second.tensors['flags']).toEqual((await result()).tensors.flags);
    const bits = (data: unknown): number[] => [...new Uint32Array((data as Float32Array).slice().buffer)];
    expect(bits(second.tensors['weights'].data)).toEqual(bits((await result()).tensors.weights.data));
  });

  it('goes on with the same data whether it was computed or read back', async () => {
    const { writer, run } = project();
    const odd = () => Promise.resolve({ data: { loss: NaN, zero: -0, gone: undefined } as never, tensors: {} });
    const first = await journalOf(writer, run).step(spec, odd);
    const second = await journalOf(writer, run).step(spec, odd);
    expect(first.data).toEqual({ loss: null, zero: 0 });
    expect(second.data).toEqual(first.data);
  });

  it('that fails is not committed', async () => {
    const { writer, run } = project();
    await expect(journalOf(writer, run).step(spec, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(writer.reader.steps(run)).toEqual([]);
  });

  it('of the same content has the same digest in another project', async () => {
    const digests = [];
    for (let i = 0; i < 2; i++) {
      const { writer, run } = project();
      digests.push((await journalOf(writer, run).step(spec, result)).digest);
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it('has the same digest in a journal that only lives in memory', async () => {
    const { writer, run } = project();
    const kept = await journalOf(writer, run).step(spec, result);
    expect((await memoryJournal().step(spec, result)).digest).toBe(kept.digest);
  });

  it('asked for with other parameters or inputs is refused by name', async () => {
    const { writer, run } = project();
    await journalOf(writer, run).step(spec, result);
    const other = [
      { ...spec, params: { rate: 0.2, epochs: 3 } },
      { ...spec, inputs: ['a', 'c'] },
    ];
    for (const changed of other) {
      await expect(journalOf(writer, run).step(changed, result)).rejects.toMatchObject({
        code: 'resume-differs',
        detail: expect.stringContaining('unlearn'),
      });
    }
    // The order of keys is no difference.
    const reordered = { ...spec, params: { epochs: 3, rate: 0.1 } };
    expect((await journalOf(writer, run).step(reordered, result)).resumed).toBe(true);
  });

  it('may not be asked for twice in one run', async () => {
    const { writer, run } = project();
    const journal = journalOf(writer, run);
    await journal.step(spec, result);
    await expect(journal.step(spec, result)).rejects.toThrow('two steps called unlearn');
  });

  it('of a bootstrapping round is also a row of the pool table, committed with it', async () => {
    const { writer, run } = project();
    const round = {
      round: 0,
      guidance: 'seeds',
      share: 0.1,
      size: 20,
      perClass: [10, 10],
      admitted: 20,
      removed: 0,
      guardAccuracy: 0.5,
      loss: 1.5,
      stopped: null,
    };
    await journalOf(writer, run).step({ ...spec, name: 'warm-up' }, () =>
      Promise.resolve({ data: round, tensors: {} }),
    );
    expect(writer.reader.poolRounds(run)).toEqual([round]);
  });
});

it('samples that are sifted again are a set of their own beside the first', async () => {
  const { writer, run } = project();
  const labels = Int32Array.of(0, 0, 1);
  const journal = journalOf(writer, run, labels);
  const floats = (length: number) => ({
    dtype: 'float32' as const,
    dims: [length],
    data: new Float32Array(length).fill(0.5),
  });
  const picked = (...samples: number[]) => ({
    dtype: 'int32' as const,
    dims: [samples.length],
    data: Int32Array.from(samples),
  });
  const siftedAs = (name: string, ...samples: number[]) =>
    journal.step({ name, params: {}, inputs: [] }, () =>
      Promise.resolve({
        data: { facts: { seeds: samples.length } },
        tensors: {
          ...{ majority: floats(3), consistency: floats(3), plane: floats(6) },
          ...{ seeds: picked(...samples), pool: picked(...samples) },
        },
      }),
    );
  await siftedAs('sift', 0, 2);
  await siftedAs('sift/again', 1);
  const seeds = (label: string) => [...(writer.reader.column(run, 'seed', label) as Uint8Array)];
  expect([seeds('sift'), seeds('sift/again')]).toEqual([
    [1, 0, 1],
    [0, 1, 0],
  ]);
});
