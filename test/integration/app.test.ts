import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src-main/audit/app.ts';
import { forkEngine } from '../../src-main/audit/spawn-engine.ts';
import type { App, AppProcedures, MapEvent, NumberedEvent, ReplayEvent } from '../../src-shared/contract.ts';
import { standing } from '../../src-shared/domain/decision.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import type { AuditRequest, RunSummary } from '../../src-shared/domain/run.ts';
import { CancelledError } from '../../src-shared/failure.ts';
import { builtMain } from '../support/built.ts';
import { smallAudit } from '../support/small-audit.ts';
import { sampleFolder, sampleImages } from '../support/small-dataset.ts';

const audit = smallAudit();
const project = join(audit.folder, 'project');
const entry = join(builtMain(), 'engine.js');
const settings = join(audit.folder, 'config', 'settings.json');
const signal = new AbortController().signal;
let app: App;

const request: AuditRequest = auditRequest(audit.encoder, audit.dataset, {
  mode: 'paper',
  preset: 'quick',
  overrides: {
    'probe.epochs': 2,
    'unlearn.epochs': 2,
    'recover.epochs': 2,
    'warmup.epochs': 2,
    'grow.epochs': 1,
    'grow.loss': '0.25',
    'grow.meta': '0.4',
    'final.epochs': 1,
  },
});

const open = (folder = project): Promise<App> =>
  createApp({ project: folder, sample: sampleFolder, spawn: () => forkEngine(entry, { execArgv: [] }), settings });

type Calls = { [K in keyof AppProcedures]: AppProcedures[K] extends { kind: 'call'; request: infer R } ? R : never };

function call<K extends Exclude<keyof AppProcedures, 'run.events' | 'run.map' | 'run.replay' | 'attacks.events'>>(
  name: K,
  payload: Calls[K],
) {
  return app.handlers[name](payload as never, { signal }) as ReturnType<App['handlers'][K]>;
}

async function events(runId: string, after = 0, until?: (event: NumberedEvent) => boolean): Promise<NumberedEvent[]> {
  const met: NumberedEvent[] = [];
  for await (const event of app.handlers['run.events']({ runId, after }, { signal })) {
    met.push(event);
    if (until?.(event) === true) break;
  }
  return met;
}

const isStage = (stage: string, state: string) => (one: NumberedEvent) =>
  one.event.type === 'stage' && one.event.stage === stage && one.event.state === state;

beforeAll(async () => {
  mkdirSync(project, { recursive: true });
  app = await open();
});
afterAll(() => app.close());

describe('the use cases of a host with a page', () => {
  let cancelled: RunSummary;

  it('know themselves, the sample and an empty project', async () => {
    const info = await call('app.info', {});
    expect(info.sample).toMatchObject({ samples: 3000 });
    expect(await call('project.open', { folder: null })).toMatchObject({ folder: project, runs: 0 });
    expect(await call('runs.list', {})).toEqual([]);
  });

  it('start a run, tell its events live, and cancel it', async () => {
    const started = await call('run.start', { request, out: null });
    expect(started.state).toBe('running');
    const early = await events(started.id, 0, isStage('unlearn', 'started'));
    expect(early.some(isStage('sift', 'finished'))).toBe(true);
    await expect(call('run.start', { request, out: null })).rejects.toMatchObject({ code: 'run-active' });

    const table = await call('run.columns', { runId: started.id });
    expect(table).toMatchObject({ complete: false, classNames: ['0', '1', '2', '3'] });
    expect(table?.columns.majority.length).toBe(96);
    expect(table?.columns.suspectRank.every((rank) => rank === -1)).toBe(true);
    expect(await call('run.result', { runId: started.id })).toBeNull();
    await expect(call('report.html', { runId: started.id })).rejects.toMatchObject({ code: 'report-missing' });

    cancelled = await call('run.cancel', { runId: started.id });
    expect(cancelled.state).toBe('cancelled');
    const all = await events(started.id);
    expect(all.at(-1)?.event.type).toBe('cancelled');
    expect(all.map((one) => one.cursor)).toEqual([...all.map((one) => one.cursor)].sort((a, b) => a - b));
  });

  it('resume it to its end, with everything a page shows of a finished run', async () => {
    const before = (await events(cancelled.id)).at(-1)?.cursor ?? 0;
    const { id: runId } = await call('run.resume', { runId: cancelled.id });
    expect(runId).toBe(cancelled.id);
    const later = await events(runId, before);
    expect(later[0].cursor).toBe(before + 1);
    expect(later.some(isStage('sift', 'resumed'))).toBe(true);
    const end = later.at(-1)?.event;
    expect(end?.type).toBe('finished');

    const [summary] = await call('runs.list', {});
    expect(summary).toMatchObject({ id: runId, state: 'finished', encoderName: 'encoder.onnx', datasetName: 'images' });
    const result = await call('run.result', { runId });
    expect(result?.verdict.encoder.verdict).toBe(summary.verdict?.encoder);
    expect(result?.dataset.samples).toBe(96);

    const detail = await call('run.get', { runId });
    expect(detail.folder.startsWith(project)).toBe(true);
    expect(detail.exports.map((file) => file.name)).toContain('sanitized.onnx');
    expect(new Set(detail.exports.map((file) => file.name)).size).toBe(detail.exports.length);

    const table = await call('run.columns', { runId });
    expect(table?.complete).toBe(true);
    expect(table?.columns.finalLoss.every(Number.isFinite)).toBe(true);

    const report = await call('report.html', { runId });
    expect(report.html).toContain('<!doctype html>');
    expect(detail.exports.find((file) => file.name === 'report.html')?.sha256).toBe(report.sha256);
    await expect(call('run.resume', { runId })).rejects.toMatchObject({ code: 'nothing-to-resume' });
  });

  it('replay a run: the same digests, nothing else meanwhile, nothing left behind; broken off, too', async () => {
    const [{ id: runId }] = await call('runs.list', {});
    const left = (): string[] => readdirSync(join(project, 'replays'));
    const met: ReplayEvent[] = [];
    for await (const event of app.handlers['run.replay']({ runId }, { signal })) {
      met.push(event);
      if (met.length > 1) continue;
      await expect(call('run.start', { request, out: null })).rejects.toMatchObject({ code: 'run-active' });
      expect(left()).toHaveLength(1);
    }
    const outcome = met.at(-1);
    if (outcome?.kind !== 'checks') throw new Error('the replay compared nothing');
    expect(new Set(met.slice(0, -1).map((event) => event.kind))).toEqual(new Set(['progress']));
    expect(outcome.checks.filter((check) => !check.ok)).toEqual([]);
    expect(outcome.checks.map((check) => check.what)).toEqual(expect.arrayContaining(['step sift', 'sanitized.onnx']));
    expect([outcome.kept, left()]).toEqual([null, []]);

    for await (const event of app.handlers['run.replay']({ runId }, { signal })) {
      expect(event.kind).toBe('progress');
      break;
    }
    expect(left()).toEqual([]);
    const stop = new AbortController();
    const aborted = app.handlers['run.replay']({ runId }, { signal: stop.signal })[Symbol.asyncIterator]();
    await aborted.next();
    stop.abort();
    await expect(
      (async () => {
        while ((await aborted.next()).done !== true);
      })(),
    ).rejects.toBeInstanceOf(CancelledError);
    expect(left()).toEqual([]);
  });

  it('pause a run: it computes nothing, goes on within its step, and ends with the same bytes', async () => {
    const { id: runId } = await call('run.start', { request, out: null });
    await events(runId, 0, isStage('unlearn', 'started'));
    await call('run.pause', { runId });
    const paused = (one: NumberedEvent): boolean => one.event.type === 'paused';
    const before = (await events(runId, 0, paused)).at(-1)?.cursor ?? 0;
    const later: NumberedEvent[] = [];
    const watching = (async () => {
      for await (const one of app.handlers['run.events']({ runId, after: before }, { signal })) later.push(one);
    })();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(later).toEqual([]);
    expect((await call('run.get', { runId })).summary.state).toBe('running');
    await call('run.continue', { runId });
    await watching;
    expect(later[0]?.event.type).toBe('continued');
    expect(later.at(-1)?.event.type).toBe('finished');
    expect(later.some(isStage('unlearn', 'resumed')), 'nothing was begun again').toBe(false);
    const bytesOf = async (run: string): Promise<string | undefined> =>
      (await call('run.get', { runId: run })).exports.find(({ name }) => name === 'sanitized.onnx')?.sha256;
    expect(await bytesOf(runId)).toBe(await bytesOf(cancelled.id));
    // Of a run that is over there is nothing to pause.
    expect((await call('run.pause', { runId })).state).toBe('finished');
    expect((await call('run.continue', { runId })).state).toBe('finished');
  });

  it('draw a sample as it was decoded, enlarged by whole factors or made smaller', async () => {
    const large = await call('sample.thumbnail', { runId: cancelled.id, index: 5, size: 64 });
    expect([large.width, large.height]).toEqual([56, 56]);
    const png = PNG.sync.read(Buffer.from(large.png));
    const { pixels } = sampleImages(24, 4);
    const at = (x: number, y: number): number => png.data[4 * (y * 56 + x)];
    for (const [x, y] of [
      [14, 14],
      [10, 20],
      [0, 0],
    ])
      expect(at(2 * x + 1, 2 * y)).toBe(pixels[5][y * 28 + x]);
    const small = await call('sample.thumbnail', { runId: cancelled.id, index: 5, size: 16 });
    expect([small.width, small.height]).toEqual([16, 16]);
    await expect(call('sample.thumbnail', { runId: cancelled.id, index: 96, size: 64 })).rejects.toMatchObject({
      code: 'request-invalid',
    });
  });

  it('tell what the steps committed: scores per tap, neighbours of the same label, who was in which pool', async () => {
    const { id: runId } = cancelled;
    const table = await call('run.columns', { runId });
    const scores = await call('run.taps', { runId });
    expect(scores?.taps.length).toBeGreaterThan(0);
    expect(scores?.consistency.length).toBe((scores?.taps.length ?? 0) * 96);
    expect(scores?.consistency.every((share) => share >= 0 && share <= 1)).toBe(true);
    const near = await call('sample.neighbours', { runId, index: 5 });
    // The last three of those that decide say who keeps whose company.
    const late = scores?.taps.filter((tap) => tap.used).slice(-3) ?? [];
    expect(near.taps.map(({ id }) => id)).toEqual(late.map(({ id }) => id));
    for (const { samples } of near.taps) {
      expect(samples).not.toContain(5);
      for (const sample of samples) expect(table?.columns.label[sample]).toBe(table?.columns.label[5]);
    }
    await expect(call('sample.neighbours', { runId, index: 96 })).rejects.toMatchObject({ code: 'request-invalid' });
    const pools = await call('run.pools', { runId });
    const result = await call('run.result', { runId });
    expect(pools.rounds).toEqual(result?.rounds.map((round) => round.round));
    result?.rounds.forEach((round, r) => {
      const row = pools.member.subarray(r * 96, (r + 1) * 96);
      expect(row.reduce((sum, one) => sum + one, 0)).toBe(round.size);
    });
  });

  it('write decisions to the journal under the name of the user, and undo them by another decision', async () => {
    const { id: runId } = cancelled;
    const override = { subject: 'sample', key: '5', act: 'override', value: 'trusted', reason: 'seen by eye' } as const;
    const before = (await call('project.journal', { before: 0, limit: 1 })).total;
    const [made] = await call('run.decide', { runId, decision: override });
    expect(made).toMatchObject({ ...override, who: userInfo().username });
    await expect(call('run.decide', { runId, decision: { ...override, reason: ' ' } })).rejects.toMatchObject({
      code: 'request-invalid',
    });
    for (const wrong of [
      { ...override, key: '96' },
      { ...override, key: '../5' },
      { ...override, value: 'clean' },
      { ...override, subject: 'class', key: 'nobody' } as const,
      { ...override, act: 'withdraw', value: '77' } as const,
      { ...override, act: 'withdraw', key: '6', value: String(made.id) } as const,
    ])
      await expect(call('run.decide', { runId, decision: wrong })).rejects.toMatchObject({ code: 'request-invalid' });
    const undo = { ...override, act: 'withdraw', value: String(made.id), reason: '' } as const;
    const all = await call('run.decide', { runId, decision: undo });
    expect(all).toHaveLength(2);
    expect(standing(all)).toEqual([]);
    await expect(call('run.decide', { runId, decision: undo })).rejects.toMatchObject({ code: 'request-invalid' });
    const { total, entries } = await call('project.journal', { before: 0, limit: 2 });
    expect(total).toBe(before + 2);
    expect(entries.map(({ kind }) => kind)).toEqual(['decision', 'decision']);
    expect((await call('project.journal', { before: entries[1].seq, limit: 1 })).entries[0].seq).toBe(before);
  });

  it('put one tag on many samples in one act, or on none of them', async () => {
    const { id: runId } = cancelled;
    const before = (await call('run.decisions', { runId })).length;
    const all = await call('run.decide-all', { runId, samples: [3, 9, 27], act: 'tag', value: 'same print' });
    expect(all.slice(before).map(({ key, act, value }) => [key, act, value])).toEqual(
      ['3', '9', '27'].map((key) => [key, 'tag', 'same print']),
    );
    await expect(call('run.decide-all', { runId, samples: [4, 96], act: 'tag', value: 'x' })).rejects.toMatchObject({
      code: 'request-invalid',
    });
    expect(await call('run.decisions', { runId })).toHaveLength(before + 3);
  });

  it('place the samples at any tap: components from the journal, UMAP made once and kept', async () => {
    const { id: runId } = cancelled;
    const mapped = async (tap: string, method: 'pca' | 'umap') => {
      const told: MapEvent[] = [];
      for await (const event of app.handlers['run.map']({ runId, tap, method }, { signal })) told.push(event);
      const last = told.at(-1);
      if (last?.kind !== 'map') throw new Error('the last event must be the map');
      return { map: last.map, progress: told.length - 1 };
    };
    const taps = (await call('run.taps', { runId }))?.taps ?? [];
    const table = await call('run.columns', { runId });
    const shown = taps.findLast((tap) => tap.used) ?? taps[0];
    const pca = await mapped(shown.id, 'pca');
    expect(pca).toMatchObject({ progress: 0, map: { method: 'pca', seed: null, placed: 96 } });
    expect([...pca.map.x]).toEqual([...(table?.columns.scatterX ?? [])]);
    const made = await mapped(taps[0].id, 'umap');
    expect(made.map).toMatchObject({ method: 'umap', seed: 7, placed: 96 });
    expect(made.progress).toBeGreaterThan(0);
    expect(new Set(made.map.x).size).toBeGreaterThan(90);
    const again = await mapped(taps[0].id, 'umap');
    expect(again.progress).toBe(0);
    expect(again.map).toEqual(made.map);
    await expect(mapped('no such tap', 'umap')).rejects.toMatchObject({ code: 'map-missing' });
  });

  it('plant attacks in a folder of the project, one thing at a time, and keep what was asked for', async () => {
    const asked = {
      inputs: null,
      encoders: ['none'],
      datasets: ['blended', 'encoder-trigger'],
      target: 3,
      samples: 100,
      test: 50,
      preset: 'quick',
      mode: 'paper',
      seeds: [1, 2, 2],
    } as const;
    expect(await call('attacks.list', {})).toEqual([]);
    const wrong = { ...asked, inputs: { encoder: '/nowhere.onnx', dataset: audit.dataset } };
    await expect(call('attacks.start', { request: wrong })).rejects.toMatchObject({ code: 'file-missing' });
    await expect(call('attacks.start', { request: { ...asked, target: 10 } })).rejects.toMatchObject({
      code: 'plan-invalid',
    });
    expect(await call('attacks.list', {})).toEqual([]);
    const { id } = await call('attacks.start', { request: asked });
    const told = app.handlers['attacks.events']({ id }, { signal })[Symbol.asyncIterator]();
    expect((await told.next()).value).toMatchObject({
      type: 'cell',
      at: 0,
      of: 2,
      cell: { encoder: 'clean', dataset: 'blended' },
    });
    await expect(call('run.start', { request, out: null })).rejects.toMatchObject({ code: 'run-active' });
    await expect(call('attacks.start', { request: asked })).rejects.toMatchObject({ code: 'run-active' });
    expect(await call('attacks.cancel', { id })).toMatchObject({ state: 'interrupted', cells: 2, done: 0 });
    let last: unknown;
    for (let step = await told.next(); step.done !== true; step = await told.next()) last = step.value;
    expect(last).toEqual({ type: 'ended', failure: null });
    expect(await call('attacks.get', { id })).toMatchObject({ summary: { request: asked }, outcomes: [] });
    await expect(call('attacks.get', { id: '0099' })).rejects.toMatchObject({ code: 'matrix-unknown' });
  });

  it('verify the open project from the engine process', async () => {
    const checks = await call('project.verify', {});
    expect(checks.length).toBeGreaterThan(3);
    expect(checks.filter((check) => !check.ok)).toEqual([]);
  });

  it('look at inputs before anything is started, and say of each alone why it cannot be read', async () => {
    const choice = {
      arch: null,
      inputSize: null,
      mean: null,
      std: null,
      representation: null,
      classes: null,
      device: 'auto',
      overrides: {},
      limits: {},
    };
    const runs = (await call('runs.list', {})).length;
    const seen = await call('audit.preview', { ...choice, encoder: audit.encoder, dataset: audit.dataset });
    expect(seen.encoder).toMatchObject({ state: 'read', file: 'encoder.onnx' });
    if (seen.dataset?.state !== 'read') throw new Error('the dataset must be read');
    expect(seen.dataset).toMatchObject({
      samples: 96,
      classes: [{ count: 24 }, { count: 24 }, { count: 24 }, { count: 24 }],
    });
    expect(seen.dataset.pictures).toHaveLength(24);
    expect(seen.dataset.pictures.every(({ picture }) => picture !== null)).toBe(true);
    expect(seen.dataset.measured.mean[0]).toBeGreaterThan(0);
    const plain = seen.plans?.filter((plan) => plan.opinions === null);
    expect(plain?.map((plan) => `${plan.mode} ${plan.preset}`)).toEqual(
      ['paper', 'distilled'].flatMap((mode) => ['quick', 'standard', 'thorough'].map((preset) => `${mode} ${preset}`)),
    );
    expect(seen.plans?.every((plan) => plan.seconds > 0 && plan.peakBytes > 1e8)).toBe(true);
    const [none, cheap, all] = (['none', 'cheap', 'all'] as const).map(
      (extent) => seen.plans?.find((plan) => plan.preset === 'quick' && plan.opinions === extent)?.seconds ?? NaN,
    );
    expect(none).toBeLessThan(cheap ?? NaN);
    expect(cheap).toBeLessThan(all ?? NaN);
    const half = await call('audit.preview', { ...choice, encoder: '/nowhere.onnx', dataset: audit.dataset });
    expect(half.encoder).toMatchObject({ state: 'failed', failure: { code: 'file-missing' } });
    expect(half.dataset?.state).toBe('read');
    expect(half.plans).toBeNull();
    expect((await call('runs.list', {})).length).toBe(runs);
  });

  it('estimate with the parameters that were set by name, and refuse what an audit would refuse', async () => {
    const chosen = {
      encoder: audit.encoder,
      dataset: audit.dataset,
      arch: null,
      inputSize: null,
      mean: null,
      std: null,
      representation: null,
      classes: null,
      device: 'cpu',
      threads: 1,
      overrides: { 'opinions.extent': 'none', 'memory.limit': 2e9 },
      limits: {},
    };
    const seen = await call('audit.preview', chosen);
    expect(seen.plans?.find((plan) => plan.preset === 'thorough' && plan.opinions === null)?.stages).not.toContainEqual(
      expect.objectContaining({ stage: 'opinions' }),
    );
    const small = await call('audit.preview', { ...chosen, limits: { 'dataset.maxFiles': 3 } });
    expect(small.dataset).toMatchObject({ state: 'failed' });
    await expect(call('audit.preview', { ...chosen, overrides: { 'grow.cup': 1 } })).rejects.toMatchObject({
      code: 'usage',
    });
    const { faults } = await call('audit.settings', {
      preset: 'quick',
      overrides: { 'grow.cap': 7 },
      limits: {},
      device: 'auto',
    });
    expect(faults).toMatchObject([{ field: 'overrides', name: 'grow.cap' }]);
  });

  it('scan a model file as the command line does', async () => {
    const seen = await call('model.inspect', { path: audit.encoder, limits: {} });
    expect(seen).toMatchObject({ kind: 'file', findings: [], notExamined: [] });
    expect(seen.graph?.nodes).toBeGreaterThan(3);
    expect(seen).not.toHaveProperty('limits');
    await expect(call('model.inspect', { path: '/nowhere.onnx', limits: {} })).rejects.toMatchObject({
      code: 'file-missing',
    });
    await expect(call('model.inspect', { path: audit.encoder, limits: { 'no.such': 1 } })).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('write the model of a finished run in other formats into the project, and keep the journal whole', async () => {
    const runs = await call('runs.list', {});
    const done = runs.find((run) => run.state === 'finished')?.id ?? '';
    const writing = call('run.export', { runId: done, formats: ['safetensors', 'tfjs'], out: null });
    await expect(call('project.open', { folder: join(audit.folder, 'elsewhere') })).rejects.toMatchObject({
      code: 'run-active',
    });
    await expect(call('run.export', { runId: done, formats: ['onnx'], out: null })).rejects.toMatchObject({
      code: 'run-active',
    });
    const { folder, written, refused } = await writing;
    expect(folder.startsWith(join(project, 'exports'))).toBe(true);
    expect([...written, ...refused].map(({ format }) => format).sort()).toEqual(['safetensors', 'tfjs']);
    for (const { files } of written) {
      for (const { path, sha256 } of files) {
        const digest = createHash('sha256')
          .update(readFileSync(join(folder, path)))
          .digest('hex');
        expect(digest, path).toBe(sha256);
      }
    }
    const unfinished = runs.find((run) => run.state !== 'finished');
    if (unfinished !== undefined) {
      await expect(call('run.export', { runId: unfinished.id, formats: ['onnx'], out: null })).rejects.toMatchObject({
        code: 'run-unfinished',
      });
    }
    expect((await call('project.verify', {})).filter((check) => !check.ok)).toEqual([]);
  });

  it('keep the settings of a user in a file of theirs, and take a broken one for none', async () => {
    expect(await call('settings.read', {})).toEqual({ language: null, theme: null });
    await call('settings.write', { language: 'de', theme: 'dark' });
    expect(await call('settings.read', {})).toEqual({ language: 'de', theme: 'dark' });
    writeFileSync(settings, '{"language":"../../etc"');
    expect(await call('settings.read', {})).toEqual({ language: null, theme: null });
  });

  it('fail by name for runs and inputs that are not there', async () => {
    await expect(call('run.get', { runId: 'nobody' })).rejects.toMatchObject({ code: 'run-unknown' });
    const started = await call('run.start', { request: { ...request, encoder: '/nowhere.onnx' }, out: null });
    const end = (await events(started.id)).at(-1)?.event;
    expect(end).toMatchObject({ type: 'failed', code: 'file-missing' });
    expect((await call('run.get', { runId: started.id })).summary.state).toBe('failed');
  });

  it('tell a finished run again after the application was closed and opened', async () => {
    await app.close();
    app = await open();
    const [failed, finished] = await call('runs.list', {});
    expect([failed.state, finished.state]).toEqual(['failed', 'finished']);
    const told = await events(finished.id);
    expect(told.at(-1)?.event.type).toBe('finished');
    expect(told.filter((one) => one.event.type === 'metric').length).toBeGreaterThan(3);
    expect(told.some((one) => one.event.type === 'pool')).toBe(true);
    expect(told.map((one) => one.cursor)).toEqual(told.map((_, i) => i + 1));
  });

  it('end a run that is going when the application is closed, and can resume it later', async () => {
    const { id: runId } = await call('run.start', { request, out: null });
    await events(runId, 0, isStage('sift', 'finished'));
    await app.close();
    app = await open();
    expect((await call('run.get', { runId })).summary.state).toBe('cancelled');
    await call('run.resume', { runId });
    expect((await events(runId)).at(-1)?.event.type).toBe('finished');
  });

  it('open another project and refuse one that is in use', async () => {
    const other = join(audit.folder, 'other');
    expect(await call('project.open', { folder: other })).toMatchObject({ name: 'other', runs: 0 });
    await expect(open(other)).rejects.toMatchObject({ code: 'project-busy' });
    expect(await call('project.open', { folder: project })).toMatchObject({ runs: 4 });
  });
});
