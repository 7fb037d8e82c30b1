/** What a host with a page offers over the protocol: the use cases, completed by what only a host can answer. */
import { randomBytes } from 'node:crypto';
import { procedureKinds, type App, type AppInfo, type Contract, type Handlers } from '../../src-shared/contract.ts';
import type { Service } from '../../src-shared/rpc/serve.ts';
import type { GivenFiles } from './given-files.ts';
import { withPaths } from './request-paths.ts';
import { checkRequest, requestSchemas } from './requests.ts';

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
  /** Where a page holds tokens instead of paths; null = its user typed the paths. */
  files: Pick<GivenFiles, 'pathOf'> | null,
): Service {
  const handlers: Handlers<Contract> = {
    ...app.handlers,
    'app.info': async (request, context) => ({ ...(await app.handlers['app.info'](request, context)), host }),
    async 'report.page'(request, context) {
      // Fails here, with a reason, rather than on the page.
      await app.handlers['report.html'](request, context);
      return { path: reports.issue(request.runId) };
    },
  };
  return {
    kinds: procedureKinds,
    check(name, request) {
      const checked = checkRequest(name as keyof Contract, request);
      if (files === null) return checked;
      return withPaths(requestSchemas[name as keyof Contract], checked, (text, use) => files.pathOf(text, use));
    },
    handle: (name, request, context) => handlers[name as keyof Contract](request, context),
    report,
  };
}
