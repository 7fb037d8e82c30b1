import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, runCommand } from '../support/command-line.ts';

const main = join(root, 'src-main', 'hosts', 'cli', 'main.ts');

describe('coresift', () => {
  it('explains every command with --help, on stdout, with exit code 0', async () => {
    for (const args of [
      ['--help'],
      ['audit', '--help'],
      ['serve', '--help'],
      ['doctor', '--help'],
      ['verify', '--help'],
    ]) {
      const help = await runCommand(args);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain('Usage: coresift');
      expect(help.stdout.split('\n').every((line) => line.length <= 125)).toBe(true);
    }
    const { stdout } = await runCommand(['audit', '--help']);
    for (const option of [
      '--encoder',
      '--dataset',
      '--out',
      '--input-size',
      '--mean',
      '--std',
      '--classes',
      '--mode',
      '--preset',
      '--device',
      '--seed',
      '--project',
      '--resume',
      '--json',
      '130 cancelled',
    ]) {
      expect(stdout).toContain(option);
    }
  });

  it('prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
  });

  it('exits with 4 and says what it did not understand', async () => {
    for (const [args, word] of [
      [[], 'No command'],
      [['audti'], 'audti'],
      [['verify'], 'path'],
      [['verify', 'a', 'b'], 'arguments'],
      [['serve', '--port', '70000'], '--port'],
    ] as const) {
      const outcome = await runCommand(args);
      expect(outcome, args.join(' ')).toMatchObject({ code: 4, stdout: '' });
      expect(outcome.stderr).toContain(word);
    }
  });

  it('never ends with the code of a verdict when it failed by itself', () => {
    const broken = "process.nextTick(() => { throw new Error('broken') })";
    const outcome = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(broken)}`, main, 'doctor'],
      {
        encoding: 'utf8',
      },
    );
    expect([outcome.status, outcome.stderr]).toEqual([2, expect.stringContaining('broken')]);
  });

  it('keeps its exit code when whoever reads its output goes away', () => {
    const outcome = spawnSync('bash', [
      '-c',
      `"${process.execPath}" "${main}" audit --help | true; exit "\${PIPESTATUS[0]}"`,
    ]);
    expect(outcome.status).toBe(0);
  });

  const old = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => {
    if (!existsSync(path)) return false;
    return Number(execFileSync(path, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' })) < 24;
  });
  const built = join(root, 'out', 'main', 'cli.js');

  it.skipIf(old === undefined || !existsSync(built))(
    'under an older Node says so with exit code 4 instead of crashing',
    () => {
      const outcome = spawnSync(old ?? '', [built, 'doctor'], { encoding: 'utf8' });
      expect(outcome.status).toBe(4);
      expect(outcome.stderr).toContain('needs Node.js 24');
    },
  );
});
