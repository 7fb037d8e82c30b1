import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { randomStream } from '../../src-main/engine/math/random.ts';
import { finished, runCommand, startCommand } from '../support/command-line.ts';
import { decided, smallAudit } from '../support/small-audit.ts';

const audit = smallAudit();
const out = (name: string): string => join(audit.folder, name);

it(
  'a run that is killed at 20 random moments resumes each time and ends with the bytes of an uninterrupted one',
  async () => {
    const whole = await runCommand(audit.args(out('uninterrupted'), '--json'));
    finished(whole);
    const uninterrupted = decided(out('uninterrupted'));
    // Lines a whole run tells of itself.
    const told = whole.stderr.split('\n').length;
    const random = randomStream(20, 'kills');
    let kills = 0;
    let runs = 0;
    let resumedSteps = 0;
    while (kills < 20) {
      const folder = out(`killed-${runs++}`);
      for (let interrupted = false; ;) {
        const begun = existsSync(join(folder, 'project', 'project.sqlite'));
        const running = startCommand(audit.args(folder, '--json', ...(begun && interrupted ? ['--resume'] : [])));
        // A moment of the run, not of the clock: a busy machine would be killed before it did anything.
        await running.lines(Math.floor(random.uniform() * 0.8 * told));
        await setTimeout(random.uniform() * 20);
        if (kills < 20) running.child.kill('SIGKILL');
        const outcome = await running.ended;
        resumedSteps += outcome.stderr.split('"state":"resumed"').length - 1;
        if (outcome.signal === 'SIGKILL') {
          kills++;
          interrupted = true;
          continue;
        }
        if (outcome.code === 2 && outcome.stderr.includes('nothing-to-resume')) {
          // Killed before the run was recorded, or after it was finished.
          if (existsSync(join(folder, 'MANIFEST.sha256'))) break;
          interrupted = false;
          continue;
        }
        finished(outcome);
        break;
      }
      expect(decided(folder)).toEqual(uninterrupted);
      const verified = await runCommand(['verify', folder]);
      expect(verified).toMatchObject({ code: 0 });
      rmSync(folder, { recursive: true });
    }
    expect(kills).toBe(20);
    // The kills met runs that had got somewhere.
    expect(resumedSteps).toBeGreaterThan(10);
  },
  30 * 60_000,
);
