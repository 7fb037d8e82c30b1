/** What a host with a page offers over the protocol: the use cases, completed by what only a host can answer. */
import { randomBytes } from 'node:crypto';
import { procedureKinds, type App, type AppInfo, type Contract, type Handlers } from '../../src-shared/contract.ts';
import type { Service } from '../../src-shared/rpc/serve.ts';
import type { DroppedFiles } from './dropped-files.ts';
import { checkRequest } from './requests.ts';

/** Pages of reports: a ticket stands for one run, so that a path tells nothing and cannot be guessed. */
export interface ReportPages {
  /** Path below our origin, "/report/<43 characters>". */
  issue(runId: string): string;
  /** The report behind a path, null when no such ticket was issued. */
  read(path: string): Promise<string | null>;
}

const mostTickets = 256;

export function reportPages(app: App): ReportPages {
  const runs = new Map<string, string>();
  return {
    issue(runId) {
      const path = `/report/${randomBytes(32).toString('base64url')}`;
      runs.set(path, runId);
      const [oldest] = runs.keys();
      if (runs.size > mostTickets && oldest !== undefined) runs.delete(oldest);
      return path;
    },
    async read(path) {
      const runId = runs.get(path);
      if (runId === undefined) return null;
      const { html } = await app.handlers['report.html']({ runId }, { signal: new AbortController().signal });
      return html;
    },
  };
}

export function hostService(
  app: App,
  host: AppInfo['host'],
  reports: ReportPages,
  report: (error: unknown) => void,
  /** Where pages may hand over dropped files. */
  files: Pick<DroppedFiles, 'pathOf'> = { pathOf: (text) => text },
): Service {
  const pathOf = (text: string | null): string | null => (text === null ? null : files.pathOf(text));
  const handlers: Handlers<Contract> = {
    ...app.handlers,
    'app.info': async (request, context) => ({ ...(await app.handlers['app.info'](request, context)), host }),
    async 'run.start'({ request, out }, context) {
      const { encoder, dataset } = request;
      const resolved = { ...request, encoder: files.pathOf(encoder), dataset: files.pathOf(dataset) };
      return app.handlers['run.start']({ request: resolved, out }, context);
    },
    async 'audit.preview'(request, context) {
      const { encoder, dataset } = request;
      return app.handlers['audit.preview']({ ...request, encoder: pathOf(encoder), dataset: pathOf(dataset) }, context);
    },
    async 'model.inspect'({ path, limits }, context) {
      return app.handlers['model.inspect']({ path: files.pathOf(path), limits }, context);
    },
    async 'report.write'(request, context) {
      return app.handlers['report.write']({ ...request, baseline: pathOf(request.baseline) }, context);
    },
    async 'pack.verify'({ path, key }, context) {
      return app.handlers['pack.verify']({ path: files.pathOf(path), key: pathOf(key) }, context);
    },
    async 'attacks.start'({ request }, context) {
      const { inputs } = request;
      const resolved =
        inputs === null ? null : { encoder: files.pathOf(inputs.encoder), dataset: files.pathOf(inputs.dataset) };
      return app.handlers['attacks.start']({ request: { ...request, inputs: resolved } }, context);
    },
    async 'report.page'(request, context) {
      // Fails here, with a reason, rather than on the page.
      await app.handlers['report.html'](request, context);
      return { path: reports.issue(request.runId) };
    },
  };
  return {
    kinds: procedureKinds,
    check: (name, request) => checkRequest(name as keyof Contract, request),
    handle: (name, request, context) => handlers[name as keyof Contract](request, context),
    report,
  };
}
