import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src-main/audit/app.ts';
import { forkEngine } from '../../src-main/audit/spawn-engine.ts';
import type { App, AppProcedures, NumberedEvent } from '../../src-shared/contract.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import type { AuditRequest, RunSummary } from '../../src-shared/domain/run.ts';
import { root } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';
import { sampleFolder, sampleImages } from '../support/small-dataset.ts';

const audit = smallAudit();
const project = join(audit.folder, 'project');
const entry = join(root, 'src-main', 'audit', 'engine-process.ts');
const signal = new AbortController().signal;
let app: App;

const request: AuditRequest = auditRequest(audit.encoder, audit.dataset, {
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
  createApp({ project: folder, sample: sampleFolder, spawn: () => forkEngine(entry, { execArgv: [] }) });

type Calls = { [K in keyof AppProcedures]: AppProcedures[K] extends { kind: 'call'; request: infer R } ? R : never };

function call<K extends Exclude<keyof AppProcedures, 'run.events'>>(name: K, payload: Calls[K]) {
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
    expect(await call('project.open', { folder: project })).toMatchObject({ runs: 3 });
  });
});
