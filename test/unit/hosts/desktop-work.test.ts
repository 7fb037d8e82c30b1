/** What the desktop shows of planted attacks and replays that are going on, and when it draws its menu, against the stand-in of Electron. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startDesktop } from '../../../src-main/hosts/electron/desktop.ts';
import type { App, Contract, NumberedEvent, ReplayEvent, RunDetail } from '../../../src-shared/contract.ts';
import type { AttackRequest, MatrixEvent, MatrixSummary } from '../../../src-shared/domain/bench.ts';
import { stages, type RunEvent, type Stage } from '../../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import { portChannel } from '../../../src-shared/rpc/channels.ts';
import { connect, type Client } from '../../../src-shared/rpc/connect.ts';
import { electronStandIn, type StandInOptions } from '../../support/electron-stand-in.ts';
import { recordedApp } from '../../support/recorded-app.ts';

let folder: string;
let electron: ReturnType<typeof electronStandIn>;
let page: Client<Contract>;
let app: App;
let reported: unknown[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coresift-work-'));
});
afterEach(async () => {
  electron.end();
  await app.close();
  rmSync(folder, { recursive: true });
});

async function start(handlers: Partial<App['handlers']>, over: StandInOptions = {}): Promise<void> {
  electron = electronStandIn(over);
  const recorded = recordedApp();
  app = { ...recorded, handlers: { ...recorded.handlers, ...handlers } };
  reported = [];
  await startDesktop(electron.parts, {
    rendererDir: folder,
    kept: join(folder, 'desktop.json'),
    argv: ['coresift'],
    cwd: folder,
    platform: 'linux',
    createApp: () => Promise.resolve(app),
    report: (error) => reported.push(error),
  });
  const { webContents } = window();
  electron.handled.get('coresift:connect')!({ sender: webContents, senderFrame: webContents.mainFrame });
  page = connect<Contract>(portChannel(webContents.mainFrame.posted.at(-1)!.ports[0]!.node as never));
}
const window = () => electron.windows.at(-1)!;
const item = (keys: string) =>
  electron.desk.menu.flatMap((menu) => menu.submenu ?? []).find(({ accelerator }) => accelerator === keys);
const cancelItem = () => item('CmdOrCtrl+.');
const pauseItem = () => item('CmdOrCtrl+Shift+P');

/** Events that a test gives out one by one; the last one ends them. */
function held<Event>(isLast: (event: Event) => boolean) {
  let wake: () => void = () => undefined;
  const told: Event[] = [];
  return {
    tell(...events: Event[]) {
      told.push(...events);
      wake();
    },
    async *events(): AsyncGenerator<Event> {
      for (let at = 0; ; at++) {
        while (told.length <= at) await new Promise<void>((resolve) => (wake = resolve));
        yield told[at]!;
        if (isLast(told[at]!)) return;
      }
    },
  };
}

const request: AttackRequest = {
  ...{ inputs: null, encoders: ['none', 'badencoder'], datasets: ['none', 'badnets'], target: 9 },
  ...{ samples: 1500, test: 500, preset: 'quick', mode: 'paper', seeds: [1] },
};
const matrix: MatrixSummary = {
  ...{ id: '0002', number: 2, state: 'running', cells: 4, done: 0, failed: 0 },
  ...{ startedAt: '2026-01-01T00:00:00Z', request },
};
const cell = (at: number): MatrixEvent => ({
  ...{ type: 'cell', at, of: 4 },
  cell: { encoder: 'clean', dataset: 'clean', seed: 1, preset: 'quick', mode: 'paper' },
});
const stageOver: MatrixEvent = { type: 'run', event: { type: 'stage', stage: 'sift', state: 'finished' } };

async function startMatrix(
  end: Partial<MatrixSummary>,
  how: 'attacks.start' | 'attacks.resume',
  over?: StandInOptions,
) {
  const { tell, events } = held<MatrixEvent>((event) => event.type === 'ended');
  const cancelled: string[] = [];
  await start(
    {
      'attacks.start': () => Promise.resolve(matrix),
      'attacks.resume': () => Promise.resolve({ ...matrix, done: 2 }),
      'attacks.events': events,
      'attacks.cancel': ({ id }) => {
        cancelled.push(id);
        return Promise.resolve(matrix);
      },
      'attacks.get': () => Promise.resolve({ summary: { ...matrix, ...end }, folder, cells: [], outcomes: [] }),
    },
    over,
  );
  if (how === 'attacks.start') await page.call(how, { request });
  else await page.call(how, { id: matrix.id });
  await vi.waitFor(() => expect(electron.desk.awake.size).toBe(1));
  return { tell, cancelled };
}
const finished = { state: 'finished', done: 4 } as const;
const shares = (): number[] => window().progress.map(({ share }) => share);

describe('planted attacks', () => {
  it('move the bar, keep the machine awake, can be cancelled but not held, and tell of their end', async () => {
    const { tell, cancelled } = await startMatrix(finished, 'attacks.start');
    tell(cell(0), stageOver, cell(1), stageOver);
    await vi.waitFor(() => expect(shares().at(-1)).toBeGreaterThan(0.25));
    expect(shares().at(-1)).toBeLessThan(0.5);
    expect(pauseItem()).toMatchObject({ enabled: false });
    expect(item('CmdOrCtrl+O')).toMatchObject({ enabled: false });
    expect(cancelItem()).toMatchObject({ enabled: true, label: 'Cancel planted attacks' });
    cancelItem()?.click?.();
    pauseItem()?.click?.();
    expect(cancelled).toEqual(['0002']);
    tell(cell(2), cell(3), { type: 'ended', failure: null });
    await vi.waitFor(() => expect(electron.notices).toHaveLength(1));
    expect(electron.notices[0]?.words).toEqual({
      title: 'Planted attacks finished',
      body: 'Planted attacks 2: 4 of 4 cells',
    });
    expect(electron.desk.awake.size).toBe(0);
    expect(shares().at(-1)).toBe(-1);
    const going = shares().slice(0, -1);
    expect(going).toEqual([...going].sort((a, b) => a - b));
    expect(cancelItem()).toMatchObject({ enabled: false, label: 'Cancel run' });
    expect(reported).toEqual([]);
  });

  it('are not left without a question, nor is another project opened under them', async () => {
    await startMatrix(finished, 'attacks.start', { locale: 'de-DE' });
    electron.answers.box.push(0);
    electron.app.emit('before-quit', { preventDefault: () => undefined });
    await vi.waitFor(() => expect(electron.asked).toHaveLength(1));
    expect(electron.asked[0]).toMatchObject({
      message: 'Gepflanzte Angriffe 2 sind im Gang. Unterbrechen und beenden?',
      buttons: ['Weiterlaufen lassen', 'Unterbrechen und beenden'],
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(electron.seen.quits).toBe(0);
  });

  it('that are resumed are watched as well, from where they were', async () => {
    const { tell } = await startMatrix(finished, 'attacks.resume');
    tell(cell(2), stageOver);
    await vi.waitFor(() => expect(shares().at(-1)).toBeGreaterThan(0.5));
    tell({ type: 'ended', failure: null });
    await vi.waitFor(() => expect(electron.notices).toHaveLength(1));
  });

  const failure = { kind: 'expected', code: 'no-space', message: 'full', detail: '', stack: null } as const;
  it.each([
    ['Planted attacks cancelled', null],
    ['Planted attacks failed', failure],
  ])('that end early say so: %s', async (title, why) => {
    const { tell } = await startMatrix({ state: 'interrupted', done: 1 }, 'attacks.start');
    tell(cell(0), { type: 'ended', failure: why });
    await vi.waitFor(() => expect(electron.notices).toHaveLength(1));
    expect(electron.notices[0]?.words).toEqual({ title, body: 'Planted attacks 2: 1 of 4 cells' });
  });
});

describe('a replay', () => {
  const at = (stage: Stage, done: number): ReplayEvent => ({ kind: 'progress', stage, done, total: 4 });
  const check = (ok: boolean) => ({ what: 'step sift', ok, detail: 'x' });
  const checks = (...oks: boolean[]): ReplayEvent => ({ kind: 'checks', checks: oks.map(check), kept: null });

  /** Reads a replay as the page does; `failure` is what its stream ended with. */
  async function startReplay(over?: StandInOptions, stream?: App['handlers']['run.replay']) {
    const { tell, events } = held<ReplayEvent>((event) => event.kind === 'checks');
    const leave = new AbortController();
    const read: ReplayEvent[] = [];
    let gone = false;
    const replay: App['handlers']['run.replay'] = async function* (_request, { signal }) {
      const aborted = new Promise<never>((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          gone = true;
          reject(new CancelledError());
        }),
      );
      aborted.catch(() => undefined);
      const told = events();
      for (;;) {
        const next = await Promise.race([told.next(), aborted]);
        if (next.done === true) return;
        yield next.value;
      }
    };
    const detail = { summary: { number: 1 } } as RunDetail;
    await start({ 'run.get': () => Promise.resolve(detail), 'run.replay': stream ?? replay }, over);
    const ended = (async () => {
      for await (const event of page.stream('run.replay', { runId: '0001' }, leave.signal)) read.push(event);
      return null;
    })().catch((error: unknown) => error);
    return { tell, leave, read, ended, gone: () => gone };
  }
  const begun = () => vi.waitFor(() => expect(electron.desk.awake.size).toBe(1));
  const over = async (title: string, body: string): Promise<void> => {
    await vi.waitFor(() => expect(electron.notices).toHaveLength(1));
    expect(electron.notices[0]?.words).toEqual({ title, body });
    expect(electron.desk.awake.size).toBe(0);
    expect(shares().at(-1)).toBe(-1);
    expect(cancelItem()).toMatchObject({ enabled: false });
  };

  it('moves the bar, keeps the machine awake, and tells of its end; the page gets all of it', async () => {
    const { tell, read, ended } = await startReplay();
    await begun();
    expect(item('CmdOrCtrl+O')).toMatchObject({ enabled: false });
    expect(pauseItem()).toMatchObject({ enabled: false });
    expect(cancelItem()).toMatchObject({ enabled: true, label: 'Cancel the replay' });
    tell(at('grow', 2), at('sift', 1));
    await vi.waitFor(() => expect(read).toHaveLength(2));
    expect(shares().at(-1)).toBeCloseTo((stages.indexOf('grow') + 0.5) / stages.length);
    tell(checks(true, false, true));
    expect(await ended).toBeNull();
    await over('Replay finished', 'Run 1: 1 result differs');
    expect(read.at(-1)).toEqual(checks(true, false, true));
    expect(reported).toEqual([]);
  });

  it('that gave everything again says so', async () => {
    const { tell } = await startReplay();
    tell(checks(true, true));
    await over('Replay finished', 'Run 1: everything came out the same');
  });

  it('is cancelled from the menu, and by leaving the page', async () => {
    const first = await startReplay();
    await begun();
    cancelItem()?.click?.();
    expect(await first.ended).toBeInstanceOf(CancelledError);
    expect(first.gone()).toBe(true);
    await over('Replay cancelled', 'Run 1');
    electron.end();
    await app.close();
    const second = await startReplay({ locale: 'de-DE' });
    await begun();
    second.leave.abort();
    await over('Wiederholung abgebrochen', 'Lauf 1');
    expect(second.gone()).toBe(true);
  });

  it('that fails says so, and the page gets the reason', async () => {
    const { ended } = await startReplay({}, async function* () {
      yield await Promise.resolve(at('probe', 1));
      throw new ExpectedError('report-missing', 'gone');
    });
    expect(await ended).toMatchObject({ code: 'report-missing' });
    await over('Replay failed', 'Run 1');
  });

  it('is not left without a question, though its window is closed: the window stays until it is answered', async () => {
    const { gone } = await startReplay();
    await begun();
    const close = { preventDefault: vi.fn() };
    window().emit('close', close);
    expect(close.preventDefault).toHaveBeenCalledTimes(1);
    expect(electron.seen.quits).toBe(1);
    electron.answers.box.push(0, 1);
    const quit = { preventDefault: vi.fn() };
    electron.app.emit('before-quit', quit);
    await vi.waitFor(() => expect(electron.asked).toHaveLength(1));
    expect(electron.asked[0]).toMatchObject({ message: 'The replay of run 1 is going on. Interrupt it and quit?' });
    await new Promise((resolve) => setImmediate(resolve));
    expect([electron.seen.quits, gone()]).toEqual([1, false]);
    electron.app.emit('before-quit', quit);
    await vi.waitFor(() => expect(electron.seen.quits).toBe(2));
    window().emit('close', close);
    expect(close.preventDefault).toHaveBeenCalledTimes(1);
  });

  it('that is refused beside an audit leaves what is shown of that one alone', async () => {
    const { events } = held<NumberedEvent>(({ event }) => event.type === 'finished');
    const refused: App['handlers']['run.replay'] = async function* () {
      yield await Promise.reject<ReplayEvent>(new ExpectedError('run-active', 'Run 2 is active.'));
    };
    await start({ 'run.events': events, 'run.replay': refused });
    const { id } = await page.call('sample.open', {});
    await begun();
    const read = page.stream('run.replay', { runId: id }, new AbortController().signal)[Symbol.asyncIterator]();
    await expect(read.next()).rejects.toMatchObject({ code: 'run-active' });
    expect(electron.desk.awake.size).toBe(1);
    expect(cancelItem()).toMatchObject({ enabled: true, label: 'Cancel run' });
    expect(electron.notices).toEqual([]);
  });
});

describe('the menu', () => {
  it('is set anew when something in it has changed, not whenever a run tells of itself', async () => {
    const { tell, events } = held<NumberedEvent>(({ event }) => event.type === 'finished');
    await start({ 'run.events': events });
    const numbered = (event: RunEvent): NumberedEvent => ({ cursor: 1, time: '2026-01-01T00:00:00Z', event });
    const before = electron.desk.menus;
    await page.call('sample.open', {});
    await vi.waitFor(() => expect(cancelItem()?.enabled).toBe(true));
    expect(electron.desk.menus).toBe(before + 1);
    for (let done = 1; done <= 300; done++)
      tell(numbered({ type: 'progress', stage: 'sift', done, total: 300, unit: 'x', rate: null, etaSeconds: null }));
    await vi.waitFor(() => expect(window().progress.length).toBeGreaterThan(300));
    expect(electron.desk.menus).toBe(before + 1);
    tell(numbered({ type: 'paused' }));
    await vi.waitFor(() => expect(pauseItem()?.label).toBe('Continue run'));
    expect(electron.desk.menus).toBe(before + 2);
    await page.call('settings.write', { language: 'de', theme: null });
    expect(pauseItem()?.label).toBe('Lauf weiterführen');
    expect(electron.desk.menus).toBe(before + 3);
    await page.call('settings.write', { language: 'de', theme: 'dark' });
    expect(electron.desk.menus).toBe(before + 3);
    tell(numbered({ type: 'finished', verdict: {}, exitCode: 1 } as unknown as RunEvent));
    await vi.waitFor(() => expect(cancelItem()?.enabled).toBe(false));
    expect(electron.desk.menus).toBe(before + 4);
  });
});
