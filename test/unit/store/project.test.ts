import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyChain } from '../../../src-main/store/chain.ts';
import { openReader } from '../../../src-main/store/reader.ts';
import { openWriter } from '../../../src-main/store/writer.ts';
import { dataset, encoder, fillProject, options, poolRound, request, sifting, temporaryFolder } from './sample.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => (folder = temporaryFolder()));
afterEach(() => folder.remove());

describe('a project', () => {
  it('gives back what a run wrote, and its journal verifies', async () => {
    const { run, writer } = fillProject(folder.path);
    writer.close();
    const reader = openReader(folder.path);
    const details = reader.run(run);
    expect(details.summary).toMatchObject({
      number: 1,
      state: 'finished',
      encoderName: 'encoder.onnx',
      datasetName: 'boots',
      preset: 'quick',
      seed: 7,
      verdict: { encoder: 'trusted', dataset: 'trusted' },
      error: null,
    });
    expect(details.encoder).toEqual(encoder);
    expect(details.dataset).toEqual(dataset);
    expect(details.request).toEqual(request);
    expect(details.result).toEqual({ outcome: 1 });
    expect(reader.run('1').summary.id).toBe(run);
    expect(reader.steps(run).map((step) => [step.position, step.name])).toEqual([
      [0, 'sift'],
      [1, 'grow/0'],
      [2, 'grow/1'],
    ]);
    expect(reader.lastStep(run)!.name).toBe('grow/1');
    expect(reader.stepTensors(reader.step(run, 'sift')!)).toEqual(Buffer.alloc(1000, 1));
    expect(reader.poolRounds(run)).toEqual([poolRound]);
    expect(reader.channelMasks(run)[0]).toMatchObject({ id: 'conv1', mask: [0, 0.5, 1], trusted: [false, true, true] });
    expect(reader.siftedFacts(run)).toEqual(sifting);
    expect(await reader.sampleColumns(run)).toEqual({
      index: Int32Array.of(0, 1, 2),
      majority: Float32Array.of(0.5, NaN, 1),
      seed: Uint8Array.of(1, 0, 0),
      name: ['a', 'ü', '=1'],
    });
    expect(reader.exports(run)).toHaveLength(1);
    expect(reader.decisions(run)[0]).toMatchObject({ subject: 'sample', key: '2', act: 'override' });
    expect(() => reader.run('nobody')).toThrow(expect.objectContaining({ code: 'run-unknown' }));
    reader.close();
    const report = verifyChain(folder.path);
    expect(report.faults).toEqual([]);
    expect(report).toMatchObject({ ok: true, notes: [], blobsChecked: 7 });
  });

  it('pages metrics and log by a cursor, and a repeated metric comes once', () => {
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    const point = (at: number, value: number) => ({ type: 'metric', stage: 'grow', name: 'loss', at, value }) as const;
    writer.appendEvents(id, [point(0, 3), point(1, NaN)]);
    const first = writer.reader.metricsAfter(id, 0);
    expect(first.items.map((item) => item.value)).toEqual([3, NaN]);
    writer.appendEvents(id, [point(0, 3), point(1, NaN), point(2, 1)]);
    const next = writer.reader.metricsAfter(id, first.cursor);
    expect(next.items.map((item) => item.at)).toEqual([2]);
    writer.appendEvents(id, [point(0, 4)]);
    expect(writer.reader.metricsAfter(id, next.cursor).items).toEqual([
      { stage: 'grow', name: 'loss', at: 0, value: 4 },
    ]);
    writer.close();
  });

  it('is read by others while it is written', () => {
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    const reader = openReader(folder.path);
    expect(reader.run(id).summary.state).toBe('running');
    writer.cancelRun(id);
    expect(reader.run(id).summary.state).toBe('cancelled');
    expect(reader.interruptedRuns().map((run) => run.id)).toEqual([id]);
    reader.close();
    writer.close();
  });

  it('has one writer at a time; closing lets the next one in', () => {
    const writer = openWriter(folder.path, options);
    expect(() => openWriter(folder.path, options)).toThrow(expect.objectContaining({ code: 'project-busy' }));
    expect(() => writer.startRun({ request, parameters: {}, environment: {} })).not.toThrow();
    writer.close();
    openWriter(folder.path, options).close();
  });

  it('notes runs as interrupted that were running when the writer went away, and resumes them', () => {
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    writer.close();
    const reader = openReader(folder.path);
    expect(reader.run(id).summary.state).toBe('interrupted');
    reader.close();
    const next = openWriter(folder.path, options);
    expect(next.reader.run(id).states.map((state) => state.state)).toEqual(['running', 'interrupted']);
    expect(() => next.appendEvents(id, [])).toThrow(/must be running/);
    next.resumeRun(id);
    expect(next.reader.run(id).summary.state).toBe('running');
    expect(() => next.resumeRun(id)).toThrow(expect.objectContaining({ code: 'nothing-to-resume' }));
    next.failRun(id, { code: 'engine-died', message: 'gone' });
    expect(next.reader.run(id).summary).toMatchObject({
      state: 'failed',
      error: { code: 'engine-died', message: 'gone' },
    });
    next.close();
    expect(verifyChain(folder.path).faults).toEqual([]);
  });

  it('gives equal digests to equal work in two projects, though the clocks differ', () => {
    const other = temporaryFolder();
    try {
      const a = fillProject(folder.path);
      const b = fillProject(other.path);
      expect(a.writer.reader.journalDigest(a.run)).toBe(b.writer.reader.journalDigest(b.run));
      expect(a.writer.reader.head()!.hash).not.toBe(b.writer.reader.head()!.hash);
      a.writer.close();
      b.writer.close();
    } finally {
      other.remove();
    }
  });

  it('takes the same pool round twice and refuses another under its number', () => {
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    writer.savePoolRound(id, poolRound);
    writer.savePoolRound(id, poolRound);
    expect(writer.reader.poolRounds(id)).toHaveLength(1);
    expect(() => writer.savePoolRound(id, { ...poolRound, size: 4 })).toThrow(/another size/);
    writer.close();
  });

  it('refuses a second step of one name and leaves no trace of it', () => {
    const { run, writer } = fillProject(folder.path);
    expect(() => writer.resumeRun(run)).toThrow(expect.objectContaining({ code: 'nothing-to-resume' }));
    const next = writer.startRun({ request, parameters: {}, environment: {} });
    const step = {
      name: 's',
      params: {},
      inputs: [],
      data: { lost: NaN },
      tensors: null,
      keep: 'kept',
      seconds: 0,
    } as const;
    expect(writer.commitStep(next.id, step).data).toEqual({ lost: null });
    const head = writer.reader.head();
    expect(() => writer.commitStep(next.id, { ...step, poolRounds: [poolRound] })).toThrow(/already/);
    expect(() => writer.commitStep(next.id, { ...step, name: 't', data: { f: () => 1 } })).toThrow(
      /data\.f must be plain JSON/,
    );
    expect(writer.reader.head()).toEqual(head);
    expect(writer.reader.poolRounds(next.id)).toEqual([]);
    writer.close();
  });

  it('keeps names with controls, bidi characters and lone surrogates readable and the chain whole', () => {
    const writer = openWriter(folder.path, options);
    const hostile = `/data/\u202Egnp\0\uD800<script>.onnx`;
    const { id } = writer.startRun({ request: { ...request, encoder: hostile }, parameters: {}, environment: {} });
    expect(writer.reader.run(id).summary.encoderName).toBe('\u202Egnp\0\uFFFD<script>.onnx');
    writer.close();
    expect(verifyChain(folder.path).faults).toEqual([]);
  });
});

describe('transient tensors', () => {
  it('are dropped once a later step is committed; their digest stays and the chain still fits', () => {
    const { run, writer } = fillProject(folder.path);
    expect(() => writer.dropTransient(run, ['sift'])).toThrow(/kept, not transient/);
    expect(writer.dropTransient(run, ['grow/0'])).toBe(1000);
    const step = writer.reader.step(run, 'grow/0')!;
    expect(step.blob).toMatchObject({ dropped: true, keep: 'transient' });
    expect(writer.reader.stepTensors(step)).toBeNull();
    expect(existsSync(join(folder.path, 'blobs', step.blob!.digest))).toBe(false);
    expect(writer.dropTransient(run, ['grow/0', 'nothing'])).toBe(0);
    writer.close();
    expect(verifyChain(folder.path)).toMatchObject({ ok: true, blobsDropped: 1, blobsChecked: 6 });
  });

  it('of the last step are not given up', () => {
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    writer.commitStep(id, {
      name: 'a',
      params: {},
      inputs: [],
      data: {},
      tensors: Uint8Array.of(1),
      keep: 'transient',
      seconds: 0,
    });
    expect(() => writer.dropTransient(id, ['a'])).toThrow(/last one/);
    writer.close();
  });

  it('shared with a kept step stay', () => {
    const writer = openWriter(folder.path, options);
    const { id } = writer.startRun({ request, parameters: {}, environment: {} });
    const step = { params: {}, inputs: [], data: {}, tensors: Uint8Array.of(1), seconds: 0 };
    writer.commitStep(id, { ...step, name: 'a', keep: 'transient' });
    writer.commitStep(id, { ...step, name: 'b', keep: 'kept' });
    expect(writer.dropTransient(id, ['a'])).toBe(0);
    expect(writer.reader.stepTensors(writer.reader.step(id, 'b')!)).toEqual(Buffer.of(1));
    writer.close();
  });
});

describe('blobs', () => {
  it('that a killed writer left are swept at the next opening; files of others are not touched', () => {
    fillProject(folder.path).writer.close();
    const blobs = join(folder.path, 'blobs');
    const before = readdirSync(blobs);
    writeFileSync(join(blobs, '.writing-1-1'), 'half');
    writeFileSync(join(blobs, 'f'.repeat(64)), 'orphan');
    writeFileSync(join(blobs, 'notes.txt'), 'mine');
    expect(verifyChain(folder.path)).toMatchObject({
      ok: true,
      notes: [expect.anything(), expect.anything(), expect.anything()],
    });
    openWriter(folder.path, options).close();
    expect(readdirSync(blobs).sort()).toEqual([...before, 'notes.txt'].sort());
  });

  it('named by what is not a digest are refused', () => {
    mkdirSync(join(folder.path, 'blobs'));
    const { run, writer } = fillProject(folder.path);
    const step = writer.reader.step(run, 'sift')!;
    expect(() => writer.reader.stepTensors({ ...step, blob: { ...step.blob!, digest: '../project.sqlite' } })).toThrow(
      RangeError,
    );
    writer.close();
  });
});
