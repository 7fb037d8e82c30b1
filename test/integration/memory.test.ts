import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runAudit } from '../../src-main/audit/run.ts';
import { forkEngine } from '../../src-main/audit/spawn-engine.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import type { RunEvent } from '../../src-shared/domain/run.ts';
import { runCommand } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';

const audit = smallAudit();
const engine = fileURLToPath(new URL('../../out/main/engine.js', import.meta.url));

it('an audit that cannot fit into --memory says what it needs, before it computes', async () => {
  const outcome = await runCommand(audit.args(join(audit.folder, 'small'), '--memory', '220M'));
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain('(memory-too-small)');
  expect(outcome.stderr).toMatch(/need about \d+ MB at least, --memory allows 220 MB/);
  const hopeless = await runCommand(audit.args(join(audit.folder, 'hopeless'), '--memory', '50M'));
  expect(hopeless.code).toBe(2);
  expect(hopeless.stderr).toContain('The engine needs about 220 MB before it reads anything');
});

it('an audit within --memory says that bound among its parameters', async () => {
  const out = join(audit.folder, 'fits');
  const outcome = await runCommand(audit.args(out, '--memory', '4G'));
  expect([1, 3]).toContain(outcome.code);
  const record = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
    method: { parameters: Record<string, unknown> };
  };
  expect(JSON.stringify(record.method.parameters)).toContain('4000000000');
});

it('an engine that takes more than its bound is stopped by name', async () => {
  const out = join(audit.folder, 'exceeds');
  const events: RunEvent[] = [];
  const request = auditRequest(audit.encoder, audit.dataset, {
    preset: 'quick',
    threads: 1,
    overrides: { 'memory.limit': 3e9 },
  });
  // The engine's own word on its size, made larger on the way: a real one that grows so would need as much memory.
  const spawn = () => {
    const child = forkEngine(engine);
    const onMessage: typeof child.channel.onMessage = (listener) =>
      child.channel.onMessage((message) =>
        listener((message as { kind?: unknown }).kind === 'alive' ? { kind: 'alive', peakBytes: 5e9 } : message),
      );
    return { ...child, channel: { ...child.channel, onMessage } };
  };
  const run = runAudit({
    start: { kind: 'new', request },
    out,
    project: join(out, 'project'),
    spawn,
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  await expect(run).rejects.toMatchObject({
    code: 'memory-exceeded',
    detail: 'The engine took 5000 MB; --memory allows 3000 MB.',
  });
  expect(events.at(-1)).toMatchObject({ type: 'failed', code: 'memory-exceeded' });
});
