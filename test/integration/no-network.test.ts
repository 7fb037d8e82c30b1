import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { root, runCommand } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';

const audit = smallAudit();
const trap = (log: string): string =>
  `${pathToFileURL(join(root, 'test', 'support', 'no-network.mjs')).href}?log=${encodeURIComponent(log)}`;

function canUnshare(): boolean {
  const can = canRun('unshare', '-n', 'true');
  if (!can) console.warn('No empty network namespace can be made here: those tests are skipped.');
  return can;
}

function canRun(...command: readonly [string, ...string[]]): boolean {
  try {
    execFileSync(command[0], command.slice(1), { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// Stops at the calls that are asked for alone.
const strace = ['strace', '-f', '--seccomp-bpf', '-qq'] as const;
const canTrace = canRun(...strace, '-o', '/dev/null', 'true');
if (!canTrace) console.warn('Nothing can be traced here: sockets of native libraries are not looked for.');

function freshFolder(name: string): string {
  const folder = join(audit.folder, name);
  mkdirSync(folder);
  return folder;
}

describe('the trap itself', () => {
  const attempts = [
    "import('node:net').then((net) => net.connect(9, '127.0.0.1'))",
    "import('node:net').then((net) => net.createServer().listen(0))",
    "import('node:http').then((http) => http.get('http://127.0.0.1:9/'))",
    "import('node:https').then((https) => https.get('https://127.0.0.1:9/'))",
    "import('node:dns').then((dns) => dns.lookup('localhost', () => {}))",
    "import('node:dns/promises').then((dns) => dns.resolve('localhost'))",
    "import('node:dgram').then((dgram) => dgram.createSocket('udp4'))",
    "import('node:tls').then((tls) => tls.connect(9, '127.0.0.1'))",
    "fetch('http://127.0.0.1:9/')",
    "new WebSocket('ws://127.0.0.1:9/')",
  ];
  for (const code of attempts) {
    it(`catches ${code}`, () => {
      const log = join(audit.folder, `trap-${attempts.indexOf(code)}.log`);
      const env = { ...process.env, NODE_OPTIONS: '' };
      expect(() =>
        execFileSync(process.execPath, ['--import', trap(log), '--input-type=module', '-e', `await (${code})`], {
          env,
          stdio: 'pipe',
        }),
      ).toThrow();
      expect(readFileSync(log, 'utf8')).toContain('ATTEMPT');
    });
  }
});

describe('an audit', () => {
  it('attempts no connection, look-up or listening socket, in the host as in the engine process', async () => {
    const log = join(audit.folder, 'network.log');
    const outcome = await runCommand(audit.args(join(audit.folder, 'trapped')), {
      node: ['--import', trap(log)],
    });
    expect([0, 1, 3], outcome.stderr).toContain(outcome.code);
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    const watched = new Set(lines.filter((line) => line.endsWith(' watching')).map((line) => line.split(' ')[0]));
    expect(watched.size).toBe(2);
    expect(lines.filter((line) => line.includes('ATTEMPT'))).toEqual([]);
  });

  const unheard = { CI: undefined, ORT_DISABLE_TELEMETRY: undefined, ORT_RUNNING_UNIT_TESTS: undefined };

  it('writes nothing into the home folder, and no library in it opens a socket either', async () => {
    const home = freshFolder('home');
    const log = join(audit.folder, 'sockets.log');
    const outcome = await runCommand(audit.args(join(audit.folder, 'traced')), {
      env: { ...unheard, HOME: home, XDG_CACHE_HOME: undefined },
      under: canTrace ? [...strace, '-e', 'trace=socket', '-o', log] : [],
    });
    expect([0, 1, 3], outcome.stderr).toContain(outcome.code);
    expect(readdirSync(home, { recursive: true })).toEqual([]);
    expect(existsSync(join(audit.folder, 'traced', 'MANIFEST.sha256'))).toBe(true);
    if (!canTrace) return;
    expect(
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes('AF_INET')),
    ).toEqual([]);
  });

  it.skipIf(!canUnshare())('would be written about at home by a runtime that was not silenced', async () => {
    const home = freshFolder('home-of-the-unsilenced');
    const code = `require('onnxruntime-node').InferenceSession.create(${JSON.stringify(audit.encoder)})`;
    const env = { ...process.env, ...unheard, NODE_OPTIONS: '', HOME: home, XDG_CACHE_HOME: undefined };
    // Without a network: nobody is to be told.
    execFileSync('unshare', ['-n', process.execPath, '-e', code], { cwd: root, env, stdio: 'pipe' });
    expect(readdirSync(home)).not.toEqual([]);
  });

  it.skipIf(!canUnshare())('works where there is no network at all, not even loopback', async () => {
    const outcome = await runCommand(audit.args(join(audit.folder, 'unshared')), { under: ['unshare', '-n'] });
    expect([0, 1, 3], outcome.stderr).toContain(outcome.code);
  });
});
