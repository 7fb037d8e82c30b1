/**
 * The page on 127.0.0.1, the only file that opens a socket. Anyone on this machine can connect and any site the user
 * visits can make the browser connect, so: exact Host (421, against DNS rebinding), exact Origin (403, against foreign
 * pages), and a token of 256 bits before anything is answered over the WebSocket (401). The token travels in the
 * fragment of the URL, which browsers do not send, and as a WebSocket subprotocol. No cookies.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { App } from '../../../src-shared/contract.ts';
import { socketChannel, type SocketLike } from '../../../src-shared/rpc/channels.ts';
import { serve } from '../../../src-shared/rpc/serve.ts';
import { pageHeaders, readPageFile, reportHeaders } from '../page-files.ts';
import { hostService, reportPages } from '../service.ts';

export interface LoopbackOptions {
  /** Folder of the built page (`out/renderer`). */
  readonly rendererDir: string;
  /** 0 = any free port. */
  readonly port?: number;
  /** Told of failures that are bugs; by default they go to stderr. */
  readonly report?: (error: unknown) => void;
}

export interface Loopback {
  /** Address to open, token included: whoever has it may use this server. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection and frees the port; the app is left as it is. */
  close(): Promise<void>;
}

export const subprotocol = 'coresift.1';
/** Requests are small; results travel the other way. */
export const maxRequestBytes = 256 * 1024;
const mostConnections = 64;

type Refusal = readonly [status: number, reason: string];

export async function createLoopback(app: App, options: LoopbackOptions): Promise<Loopback> {
  const token = randomBytes(32).toString('base64url');
  const tokenDigest = createHash('sha256').update(`token.${token}`).digest();
  const report = options.report ?? ((error: unknown) => console.error(error));
  const reports = reportPages(app);
  const service = hostService(app, 'loopback', reports, report, null);
  let hosts: readonly string[] = [];
  let headers: Readonly<Record<string, string>> = {};

  const refusal = (request: IncomingMessage): Refusal | null => {
    // Compared as sent: a list, a second Host or an absolute target must not slip through a parser's kindness.
    const named = request.rawHeaders.filter((_, index, all) => index % 2 === 0 && all[index]?.toLowerCase() === 'host');
    if (named.length !== 1 || !hosts.includes(request.headers.host ?? '')) return [421, 'Misdirected Request'];
    const { origin } = request.headers;
    if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`)) return [403, 'Forbidden'];
    if (request.method !== 'GET') return [405, 'Method Not Allowed'];
    return null;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const refused = refusal(request);
    if (refused !== null) return send(response, refused[0], common(refused), refused[1]);
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    if (path.startsWith('/report/')) {
      const html = await reports.read(path);
      if (html !== null)
        return send(response, 200, { ...reportHeaders, 'Content-Type': 'text/html; charset=utf-8' }, html);
    }
    const file = await readPageFile(options.rendererDir, path);
    if (file === null) return send(response, 404, common([404, '']), 'Not Found');
    send(response, 200, { ...headers, 'Content-Type': file.type }, file.bytes);
  };
  const common = ([status]: Refusal): Record<string, string> => ({
    ...headers,
    'Content-Type': 'text/plain; charset=utf-8',
    ...(status === 405 ? { Allow: 'GET' } : {}),
  });

  const server = createServer(
    { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 20_000 },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        report(error);
        if (response.headersSent) response.destroy();
        else send(response, 500, common([500, '']), 'Internal Server Error');
      });
    },
  );
  server.maxConnections = mostConnections;

  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxRequestBytes,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const refused = refusal(request) ?? upgradeRefusal(request);
    if (refused !== null) {
      socket.end(`HTTP/1.1 ${refused[0]} ${refused[1]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      // ws closes the socket itself after a frame that is malformed or too large; the channel hears 'close'.
      webSocket.on('error', () => undefined);
      serve(socketChannel(webSocket as unknown as SocketLike), service);
    });
  });

  const upgradeRefusal = (request: IncomingMessage): Refusal | null => {
    if (request.headers.origin === undefined) return [403, 'Forbidden'];
    if (request.url !== '/rpc') return [404, 'Not Found'];
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((entry) => entry.trim());
    const [protocol, secret = '', ...more] = offered;
    // Digests have equal length, so the comparison takes equally long whatever was offered.
    const right = timingSafeEqual(createHash('sha256').update(secret).digest(), tokenDigest);
    return protocol === subprotocol && right && more.length === 0 ? null : [401, 'Unauthorized'];
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: options.port ?? 0, exclusive: true }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  headers = pageHeaders(hosts.map((host) => `ws://${host}`));

  return {
    url: `http://127.0.0.1:${port}/#token=${token}`,
    port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets.clients) socket.terminate();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): void {
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
