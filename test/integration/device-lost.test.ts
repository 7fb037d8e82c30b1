import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runAudit, type RunStart } from '../../src-main/audit/run.ts';
import { forkEngine } from '../../src-main/audit/spawn-engine.ts';
import type { AuditRequest, RunEvent } from '../../src-shared/domain/run.ts';
import { runCommand } from '../support/command-line.ts';
import { decided, smallAudit } from '../support/small-audit.ts';

const audit = smallAudit();
const engine = fileURLToPath(new URL('../support/failing-engine.ts', import.meta.url));

it(
  'a GPU that is lost in the middle ends the step by name, and the run goes on on the CPU from what was committed',
  async () => {
    const whole = join(audit.folder, 'whole');
    const onCpu = await runCommand(audit.args(whole, '--device', 'cpu'));
    expect([1, 3]).toContain(onCpu.code);

    const out = join(audit.folder, 'lost');
    const parameters = audit.args(out).flatMap((arg, at, all) => (all[at - 1] === '--set' ? [arg.split('=')] : []));
    const asNumber = (text: string): number | string => (Number.isNaN(Number(text)) ? text : Number(text));
    const request: AuditRequest = {
      encoder: audit.encoder,
      dataset: audit.dataset,
      mode: 'paper',
      preset: 'quick',
      seed: 7,
      device: 'gpu',
      arch: null,
      inputSize: null,
      mean: null,
      std: null,
      representation: null,
      classes: null,
      limits: {},
      overrides: Object.fromEntries(parameters.map(([name, value]) => [name, asNumber(value)])),
    };
    const events: RunEvent[] = [];
    const run = (start: RunStart, runs: number) =>
      runAudit({
        start,
        out,
        project: join(out, 'project'),
        spawn: () => forkEngine(engine, { args: [String(runs)] }),
        onEvent: (event) => events.push(event),
        signal: new AbortController().signal,
      });

    await expect(run({ kind: 'new', request }, 10)).rejects.toMatchObject({
      code: 'provider-failed',
      detail: expect.stringContaining('the device was lost') as string,
    });
    expect(events.at(-1)).toMatchObject({ type: 'failed', code: 'provider-failed' });
    const committed = events.filter((event) => event.type === 'stage' && event.state === 'finished').length;
    expect(committed).toBeGreaterThan(0);

    // Without another device named it meets the same one, and ends the same way.
    await expect(run({ kind: 'resume', chosen: {} }, 0)).rejects.toMatchObject({ code: 'provider-failed' });

    events.length = 0;
    const finished = await run({ kind: 'resume', chosen: { device: 'cpu' } }, 0);
    expect(finished.summary.state).toBe('finished');
    expect(events.some((event) => event.type === 'stage' && event.state === 'resumed')).toBe(true);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'warning',
        code: 'provider-changed',
        message: expect.stringMatching(/ort-failing.*ort-cpu/) as string,
      }),
    );
    // The lost device computed with the CPU's provider, so the whole must come to the same bytes.
    const [met, wanted] = [decided(out), decided(whole)];
    expect(met.onnx).toBe(wanted.onnx);
    expect(met.siftedSet).toBe(wanted.siftedSet);
    const record = readFileSync(join(out, 'report.json'), 'utf8');
    expect(JSON.parse(record)).toMatchObject({ environment: { provider: 'ort-cpu', device: 'cpu' } });
  },
  15 * 60_000,
);
