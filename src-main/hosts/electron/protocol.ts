/** app://coresift/…: the built page and its reports, GET only, nothing outside the folder of the page. */
import { pageHeaders, readPageFile, reportHeaders } from '../page-files.ts';
import type { ReportPages } from '../service.ts';
import { isOurs } from './security.ts';

const headers = pageHeaders([]);
const plain = { ...headers, 'Content-Type': 'text/plain; charset=utf-8' };

/** @param report told of failures that are bugs */
export function pageHandler(
  rendererDir: string,
  reports: ReportPages,
  report: (error: unknown) => void,
): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      if (!isOurs(request.url)) return new Response('Misdirected Request', { status: 421, headers: plain });
      if (request.method !== 'GET') return new Response('Method Not Allowed', { status: 405, headers: plain });
      const path = new URL(request.url).pathname;
      if (path.startsWith('/report/')) {
        const html = await reports.read(path);
        if (html !== null) {
          return new Response(html, { headers: { ...reportHeaders, 'Content-Type': 'text/html; charset=utf-8' } });
        }
      }
      const file = await readPageFile(rendererDir, path);
      if (file === null) return new Response('Not Found', { status: 404, headers: plain });
      return new Response(file.bytes, { headers: { ...headers, 'Content-Type': file.type } });
    } catch (error) {
      report(error);
      return new Response('Internal Server Error', { status: 500, headers: plain });
    }
  };
}
