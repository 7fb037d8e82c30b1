/** From an audit to a signed pack that verifies alone, and back from its record to the same digests. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runCommand } from '../support/command-line.ts';
import { smallAudit, temporaryFolder } from '../support/small-audit.ts';

const audit = smallAudit();
const folder = temporaryFolder('replay');
const out = join(folder, 'audit');
const env = { CORESIFT_PASSPHRASE: 'a passphrase' };

it('an audit becomes a signed pack that verifies with nothing but the public key; a replay gives the same', async () => {
  const made = await runCommand(audit.args(out));
  expect([1, 3], made.stderr).toContain(made.code);

  const keys = ['--keys', join(folder, 'keys')];
  expect((await runCommand(['keys', 'create', 'lab', '--type', 'p256', ...keys], { env })).code).toBe(0);
  const pem = await runCommand(['keys', 'export', 'lab', ...keys]);
  writeFileSync(join(folder, 'lab.pem'), pem.stdout);
  const order = ['--run', '1', '--project', join(out, 'project'), '--out', folder, '--format', 'pack', '--lang', 'de'];
  const packed = await runCommand(['report', ...order, '--key', 'lab', ...keys], { env });
  expect(packed.code, packed.stderr).toBe(0);
  const alone = temporaryFolder('alone');
  copyFileSync(join(folder, 'pack.zip'), join(alone, 'pack.zip'));
  const verified = await runCommand(['verify', 'pack.zip', '--key', join(folder, 'lab.pem')], { cwd: alone });
  expect(verified.stdout).toContain('Everything fits.');
  expect(verified.code).toBe(0);

  const inputs = ['--encoder', audit.encoder, '--dataset', audit.dataset];
  const again = await runCommand(['replay', join(out, 'report.json'), ...inputs, '--out', join(folder, 'again')]);
  expect(again.stdout).toContain('The replay gave the same.');
  // The audit took one thread, and so did the replay, whatever this machine has.
  expect(again.stdout).not.toContain('threads');
  expect(again.code, again.stderr).toBe(0);
}, 300_000);
