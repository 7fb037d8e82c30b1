/** Every procedure of the contract, asked over both hosts' transports: nothing may exist in one only. */
import { generateKeyPairSync } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { WebSocket } from 'ws';
import { afterEach, describe, expect, it } from 'vitest';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';
import { givenFiles } from '../../src-main/hosts/given-files.ts';
import { withPaths, type FileUse } from '../../src-main/hosts/request-paths.ts';
import { hostService, reportPages } from '../../src-main/hosts/service.ts';
import { requestSchemas } from '../../src-main/hosts/requests.ts';
import { procedureKinds, type Contract } from '../../src-shared/contract.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import { portChannel, socketChannel, type PortLike, type SocketLike } from '../../src-shared/rpc/channels.ts';
import { connect, type Client } from '../../src-shared/rpc/connect.ts';
import { serve } from '../../src-shared/rpc/serve.ts';
import { recordedApp } from '../support/recorded-app.ts';

interface Open {
  readonly client: Client<Contract>;
  readonly bugs: unknown[];
  /** What the page of this host sends for a path. */
  given(path: string, use: FileUse): string;
  close(): Promise<void>;
}

function overPort(): Promise<Open> {
  const app = recordedApp();
  const bugs: unknown[] = [];
  const { port1, port2 } = new MessageChannel();
  const files = givenFiles();
  const service = hostService(app, 'electron', reportPages(app), (error) => bugs.push(error), files);
  serve(portChannel(port1 as unknown as PortLike), service);
  const client = connect<Contract>(portChannel(port2 as unknown as PortLike));
  const close = async (): Promise<void> => {
    client.close();
    await app.close();
  };
  return Promise.resolve({ client, bugs, given: (path, use) => files.take(path, use), close });
}

async function overSocket(): Promise<Open> {
  const bugs: unknown[] = [];
  const server = await createLoopback(recordedApp(), {
    rendererDir: import.meta.dirname,
    report: (error) => bugs.push(error),
  });
  const token = new URL(server.url).hash.replace('#token=', 'token.');
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/rpc`, ['coresift.1', token], {
    origin: `http://127.0.0.1:${server.port}`,
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const client = connect<Contract>(socketChannel(socket as unknown as SocketLike));
  return {
    client,
    bugs,
    given: (path) => path,
    async close() {
      client.close();
      await server.close();
    },
  };
}

const tag = { subject: 'sample', key: '3', act: 'tag', value: 'odd', reason: '' };

describe.each([
  ['Electron', overPort],
  ['loopback', overSocket],
])('the %s host', (_name, start) => {
  let open: Open;
  afterEach(() => open.close());

  it('checks and answers every procedure of the contract', async () => {
    open = await start();
    const { client, bugs } = open;
    const { id: runId } = await client.call('sample.open', {});
    const requests = {
      'app.info': {},
      'project.open': { folder: null },
      'runs.list': {},
      'run.get': { runId },
      'run.start': { request: auditRequest('/a.onnx', '/d'), out: null },
      'run.cancel': { runId },
      'run.pause': { runId },
      'run.continue': { runId },
      'run.resume': { runId },
      'run.events': { runId, after: 0 },
      'run.result': { runId },
      'run.columns': { runId },
      'sample.thumbnail': { runId, index: 0, size: 32 },
      'sample.open': {},
      'report.page': { runId },
      doctor: {},
      'run.taps': { runId },
      'run.map': { runId, tap: 't1', method: 'umap' },
      'run.pools': { runId },
      'sample.neighbours': { runId, index: 3 },
      'run.opinions': { runId },
      'run.decisions': { runId },
      'run.decide': { runId, decision: { subject: 'sample', key: '3', act: 'tag', value: 'odd', reason: '' } },
      'run.decide-all': { runId, samples: [3, 4], act: 'tag', value: 'odd' },
      'project.journal': { before: 0, limit: 50 },
      'project.verify': {},
      'audit.preview': {
        encoder: '/a.onnx',
        dataset: null,
        arch: null,
        inputSize: null,
        mean: null,
        std: null,
        representation: null,
        classes: null,
        device: 'auto',
        overrides: { 'grow.cap': 0.6 },
        limits: { 'dataset.maxFiles': 10 },
      },
      'audit.settings': { preset: 'quick', overrides: {}, limits: {}, device: 'auto' },
      'model.inspect': { path: '/a.onnx', limits: {} },
      'run.export': { runId, formats: ['onnx', 'tfjs'], out: null },
      'run.replay': { runId },
      'keys.list': {},
      'keys.create': { name: 'lab', kind: 'ed25519', passphrase: 'secret' },
      'keys.import': {
        name: 'other',
        pem: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
        given: null,
        passphrase: 'secret',
      },
      'keys.export': { name: 'lab', half: 'public', passphrase: null },
      'report.write': {
        runId,
        formats: ['pdf', 'pack'],
        language: 'de',
        paper: 'Letter',
        cyclonedx: '1.7',
        redact: false,
        declarations: { marking: 'internal' },
        baseline: null,
        out: null,
        key: 'lab',
        passphrase: 'secret',
      },
      'pack.verify': { path: '/pack.zip', key: null },
      'attacks.list': {},
      'attacks.get': { id: '0001' },
      'attacks.start': {
        request: {
          inputs: null,
          encoders: ['none'],
          datasets: ['badnets'],
          target: 9,
          samples: 1500,
          test: 500,
          preset: 'quick',
          mode: 'paper',
          seeds: [1],
        },
      },
      'attacks.cancel': { id: '0001' },
      'attacks.resume': { id: '0001' },
      'attacks.events': { id: '0001' },
      'settings.read': {},
      'settings.write': { language: 'de', theme: null },
    } as const satisfies { readonly [Name in keyof Contract]: object };
    expect(Object.keys(requests).sort()).toEqual(Object.keys(procedureKinds).sort());
    expect(Object.keys(requestSchemas).sort()).toEqual(Object.keys(procedureKinds).sort());

    for (const [name, typed] of Object.entries(requests)) {
      const request = withPaths(requestSchemas[name as keyof Contract], typed, (path, use) =>
        open.given(path, use),
      ) as object;
      const bad = { ...request, unexpected: 1 };
      if (procedureKinds[name as keyof Contract] === 'stream') {
        const events = client.stream(name as 'run.events', request as never);
        expect((await events.next()).value, name).toBeDefined();
        await events.return?.();
        await expect(client.stream(name as 'run.events', bad as never).next(), name).rejects.toMatchObject({
          code: 'request-invalid',
        });
      } else {
        expect(await client.call(name as 'doctor', request as never), name).toBeDefined();
        await expect(client.call(name as 'doctor', bad as never), name).rejects.toMatchObject({
          code: 'request-invalid',
        });
      }
    }
    expect(bugs).toEqual([]);
  });

  it('replays a run from any cursor without a gap', async () => {
    open = await start();
    const { id: runId } = await open.client.call('sample.open', {});
    const cursors: number[] = [];
    for await (const { cursor } of open.client.stream('run.events', { runId, after: 40 })) cursors.push(cursor);
    expect(cursors[0]).toBe(41);
    expect(cursors.every((cursor, at) => cursor === 41 + at)).toBe(true);
  });

  it('gives columns and pictures as typed arrays', async () => {
    open = await start();
    const { id: runId } = await open.client.call('sample.open', {});
    const table = await open.client.call('run.columns', { runId });
    expect(table?.columns.suspectRank).toBeInstanceOf(Int32Array);
    expect(table?.columns.scatterX).toHaveLength(2000);
    const { png } = await open.client.call('sample.thumbnail', { runId, index: 3, size: 48 });
    expect([...png.subarray(1, 4)].map((code) => String.fromCharCode(code)).join('')).toBe('PNG');
  });

  it.each([
    ['a run id that is a path', 'run.get', { runId: '../../x' }],
    ['an index below zero', 'sample.thumbnail', { runId: 'a', index: -1, size: 32 }],
    ['a picture that is too large', 'sample.thumbnail', { runId: 'a', index: 0, size: 100_000 }],
    ['a folder with a NUL', 'project.open', { folder: '/a\u0000b' }],
    ['a path without end', 'project.open', { folder: 'a'.repeat(5000) }],
    ['a seed that is no number', 'run.start', { request: { ...auditRequest('/a', '/b'), seed: '7' }, out: null }],
    ['an unknown mode', 'run.start', { request: { ...auditRequest('/a', '/b'), mode: 'magic' }, out: null }],
    [
      'overrides without end',
      'run.start',
      {
        request: auditRequest('/a', '/b', {
          overrides: Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`a${at}`, 1])),
        }),
        out: null,
      },
    ],
    ['a decision nobody knows', 'run.decide', { runId: 'a', decision: { ...tag, act: 'erase' } }],
    ['a decision in the name of another', 'run.decide', { runId: 'a', decision: { ...tag, who: 'somebody' } }],
    ['a reason without end', 'run.decide', { runId: 'a', decision: { ...tag, reason: 'a'.repeat(3000) } }],
    ['a language that is a path', 'settings.write', { language: '../../etc', theme: null }],
    ['a page of the journal without end', 'project.journal', { before: 0, limit: 1e6 }],
    ['a map of no known kind', 'run.map', { runId: 'a', tap: 't0', method: 'tsne' }],
    [
      'a tag on samples without end',
      'run.decide-all',
      { runId: 'a', samples: Array.from({ length: 1001 }, (_, at) => at), act: 'tag', value: 'x' },
    ],
    ['a matrix that is a path', 'attacks.get', { id: '../../etc' }],
    ['a NaN in the mean', 'run.start', { request: auditRequest('/a', '/b', { mean: [NaN], std: [1] }), out: null }],
  ])('refuses %s and names the field', async (_case, name, request) => {
    open = await start();
    await expect(open.client.call(name as 'doctor', request as never)).rejects.toMatchObject({
      code: 'request-invalid',
      detail: expect.stringContaining(name) as string,
    });
  });
});
