/**
 * The engine process with a "GPU" that is lost after so many training steps (first argument). It computes with the CPU's
 * provider until then; every other device is the real one.
 */
import { auditJob } from '../../src-main/audit/audit-job.ts';
import type { EngineProtocol } from '../../src-main/audit/engine-protocol.ts';
import { openTestedProvider } from '../../src-main/audit/providers.ts';
import { parentChannel } from '../../src-main/engine/jobs/entry.ts';
import { serveJobs, type JobContext } from '../../src-main/engine/jobs/server.ts';
import { providerFailed } from '../../src-main/engine/providers/failed.ts';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';

let left = Number(process.argv[2]);

async function openFailing(device: string): Promise<Provider> {
  if (device !== 'gpu') return await openTestedProvider(device);
  const inner = await createOrtProvider();
  return {
    ...inner,
    describe: () => ({ ...inner.describe(), id: 'ort-failing', device: 'gpu (made to fail)' }),
    async compile(graph, options) {
      const compiled = await inner.compile(graph, options);
      return {
        ...compiled,
        async run(feeds) {
          if ((options?.state?.length ?? 0) > 0 && left-- <= 0)
            throw providerFailed('ONNX Runtime failed in a run', new Error('the device was lost'));
          return await compiled.run(feeds);
        },
      };
    },
  };
}

const leave = (): void => process.exit(0);
serveJobs<Pick<EngineProtocol, 'asks'> & { readonly jobs: Pick<EngineProtocol['jobs'], 'audit'> }>(
  parentChannel(leave),
  { audit: (job, context) => auditJob(job, context as unknown as JobContext<EngineProtocol>, openFailing) },
  { onExit: leave },
);
