/** The real engine process with an error in it that nobody catches, under the rules of a utility process: rejections only warn. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { EngineProtocol } from '../../../src-main/audit/engine-protocol.ts';
import { forkEngine } from '../../../src-main/audit/spawn-engine.ts';
import { connectEngine } from '../../../src-main/engine/jobs/client.ts';
import { root } from '../../support/built.ts';
import { bundled } from '../../support/bundled.ts';

const entry = bundled(join(root, 'src-main/audit/engine-process.ts'));

/** An engine process in which `fault` happens as soon as it is told of its first job. */
function faultyEngine(fault: string) {
  const planted = `process.once('message', () => { ${fault} });`;
  return connectEngine<EngineProtocol>(
    forkEngine(entry, {
      execArgv: [
        '--unhandled-rejections=warn-with-error-code',
        `--import=data:text/javascript,${encodeURIComponent(planted)}`,
      ],
    }),
  );
}

it.each([
  ['a rejection that nobody handles', "Promise.reject(new Error('lost on the way'))"],
  ['a rejection with what is no error', "Promise.reject('lost on the way')"],
  ['an exception that nobody catches', "setImmediate(() => { throw new Error('lost on the way') })"],
])('%s ends the engine with its words, and the job fails by name', async (_case, fault) => {
  const engine = faultyEngine(fault);
  const failed = await engine.run('doctor', { device: 'auto' } as never).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'engine-died' });
  const { detail } = failed as { detail: string };
  expect(detail).toContain('exit code 1.');
  expect(detail).toMatch(/last wrote: (Error: )?lost on the way/);
  await engine.close();
});
