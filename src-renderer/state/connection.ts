/** The page's one connection: a message port under Electron, a WebSocket with the token of the address on loopback. */
import type { AppInfo, Contract, ProjectInfo, UserSettings } from '../../src-shared/contract.ts';
import type { RunSummary } from '../../src-shared/domain/run.ts';
import { portChannel, socketChannel, type PortLike, type SocketLike } from '../../src-shared/rpc/channels.ts';
import { connect, type Client } from '../../src-shared/rpc/connect.ts';

export type Host = Client<Contract>;

const portMessage = 'coresift:port';
const tokenKey = 'coresift.token';
/** As `subprotocol` of the loopback server. */
const subprotocol = 'coresift.1';

/** What the frame needs to know before it can be used. */
export interface FirstAnswers {
  readonly info: AppInfo;
  readonly project: ProjectInfo;
  readonly settings: UserSettings;
  readonly runs: readonly RunSummary[];
}

/** Nobody gave this page a token: it was not opened by the address that `coresift serve` printed. */
export class NoToken extends Error {
  override readonly name = 'NoToken';
}

/** Moves the token from the address to this tab's storage, so that it shows in no history and survives a reload. */
export function takeToken(location: Location, history: History, storage: Storage): string {
  const given = /^#token=([A-Za-z0-9_-]{43})$/.exec(location.hash)?.[1];
  if (given !== undefined) {
    storage.setItem(tokenKey, given);
    history.replaceState(null, '', `${location.pathname}#/`);
    return given;
  }
  const kept = storage.getItem(tokenKey);
  if (kept === null) throw new NoToken();
  return kept;
}

export async function openHost(): Promise<Host> {
  return window.coresiftDesktop === undefined ? overSocket() : overPort(window.coresiftDesktop);
}

export async function askFirst(host: Host): Promise<FirstAnswers> {
  const [info, project, settings, runs] = await Promise.all([
    host.call('app.info', {}),
    host.call('project.open', { folder: null }),
    host.call('settings.read', {}),
    host.call('runs.list', {}),
  ]);
  return { info, project, settings, runs };
}

function overPort(desktop: NonNullable<Window['coresiftDesktop']>): Promise<Host> {
  return new Promise((resolve) => {
    const listen = (event: MessageEvent): void => {
      const [port] = event.ports;
      if (event.source !== window || event.origin !== location.origin || event.data !== portMessage || !port) return;
      window.removeEventListener('message', listen);
      resolve(connect<Contract>(portChannel(port as unknown as PortLike)));
    };
    window.addEventListener('message', listen);
    desktop.requestPort();
  });
}

function overSocket(): Promise<Host> {
  const token = takeToken(location, history, sessionStorage);
  const socket = new WebSocket(`ws://${location.host}/rpc`, [subprotocol, `token.${token}`]);
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(connect<Contract>(socketChannel(socket as unknown as SocketLike))));
    socket.addEventListener('error', () => reject(new Error('The server did not accept the connection.')));
  });
}
