import { appendFileSync, copyFileSync, existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { finished, runCommand, startCommand } from '../support/command-line.ts';
import { decided, smallAudit, type Decided } from '../support/small-audit.ts';
import { sampleImages, writeIdx } from '../support/small-dataset.ts';

const audit = smallAudit();
const out = (name: string): string => join(audit.folder, name);
let uninterrupted: Decided;

beforeAll(async () => {
  finished(await runCommand(audit.args(out('uninterrupted'), '--json')));
  uninterrupted = decided(out('uninterrupted'));
});

describe('the same inputs, parameters, seed, provider and threads', () => {
  it('give the same bytes in another run, and another seed gives others', async () => {
    finished(await runCommand(audit.args(out('again'))));
    expect(decided(out('again'))).toEqual(uninterrupted);
    finished(await runCommand(audit.args(out('other-seed'), '--seed', '8')));
    expect(decided(out('other-seed')).onnx).not.toBe(uninterrupted.onnx);
  });
});

describe('a run', () => {
  it('by losing its engine process says so, and resumes to the same bytes', async () => {
    const folder = out('engine-lost');
    const running = startCommand(audit.args(folder, '--json'));
    await running.said('"stage":"unlearn","state":"started"');
    const engines = readFileSync(`/proc/${running.child.pid}/task/${running.child.pid}/children`, 'utf8')
      .trim()
      .split(' ');
    for (const engine of engines) {
      expect(Number(engine)).toBeGreaterThan(1);
      process.kill(Number(engine), 'SIGKILL');
    }
    const lost = await running.ended;
    expect(lost.code).toBe(2);
    expect(lost.stderr).toContain('engine-died');
    expect(lost.stderr).toContain('SIGKILL');
    const resumed = await runCommand(audit.args(folder, '--resume', '--json'));
    finished(resumed);
    expect(resumed.stderr).toContain('"stage":"sift","state":"resumed"');
    expect(decided(folder)).toEqual(uninterrupted);
  });
});

describe('Ctrl-C', () => {
  it('ends the run with 130 in a moment and leaves it to be resumed, with or without its options', async () => {
    const folder = out('cancelled');
    const running = startCommand(audit.args(folder));
    await running.said('Unlearn: started');
    const from = performance.now();
    running.child.kill('SIGINT');
    const cancelled = await running.ended;
    expect(cancelled.code).toBe(130);
    expect(cancelled.stderr).toContain('--resume');
    expect(performance.now() - from).toBeLessThan(60_000);
    const resumed = await runCommand(['audit', '--out', folder, '--resume']);
    finished(resumed);
    expect(resumed.stderr).toContain('Sift the samples: taken from the journal');
    expect(decided(folder)).toEqual(uninterrupted);
  });

  it('twice ends everything at once, the engine process included', async () => {
    const folder = out('cancelled-twice');
    const running = startCommand(audit.args(folder));
    await running.said('Unlearn: started');
    const engine = Number(
      readFileSync(`/proc/${running.child.pid}/task/${running.child.pid}/children`, 'utf8').trim().split(' ')[0],
    );
    running.child.kill('SIGINT');
    await running.said('Cancelling');
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    await expect.poll(() => existsSync(`/proc/${engine}`)).toBe(false);
    finished(await runCommand(audit.args(folder, '--resume')));
    expect(decided(folder)).toEqual(uninterrupted);
  });
});

describe('resuming', () => {
  async function interrupt(folder: string, args: readonly string[] = audit.args(folder)): Promise<void> {
    const running = startCommand(args);
    await running.said('Unlearn: started');
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
  }

  it('with other options is refused and names them', async () => {
    const folder = out('other-options');
    await interrupt(folder);
    const refused = await runCommand(audit.args(folder, '--resume', '--seed', '99'));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('resume-differs');
    expect(refused.stderr).toContain('seed was 7, is 99');
  });

  it('with another number of threads goes on and warns that last digits may differ', async () => {
    const folder = out('other-threads');
    await interrupt(folder);
    const resumed = await runCommand(['audit', '--out', folder, '--resume', '--threads', '2', '--json']);
    finished(resumed);
    expect(resumed.stderr).toContain('provider-changed');
    expect(resumed.stderr).toContain('ort-cpu with 1 thread and goes on with ort-cpu with 2 threads');
  });

  it('when an input changed meanwhile is refused and names it', async () => {
    const folder = out('changed-input');
    const encoder = join(audit.folder, 'changing.onnx');
    copyFileSync(audit.encoder, encoder);
    const dataset = writeIdx(join(audit.folder, 'changing'), sampleImages(24, 4));
    const args = (...more: string[]): string[] => [
      ...audit.args(folder),
      '--encoder',
      encoder,
      '--dataset',
      dataset,
      ...more,
    ];
    await interrupt(folder, args());

    const images = sampleImages(24, 4);
    images.pixels[5][100] ^= 1;
    writeIdx(dataset, images);
    const otherImages = await runCommand(args('--resume'));
    expect(otherImages).toMatchObject({ code: 2 });
    expect(otherImages.stderr).toContain('input-changed');
    expect(otherImages.stderr).toContain(dataset);

    writeIdx(dataset, sampleImages(24, 4));
    // A field nobody knows: still the same model, yet not the same file.
    appendFileSync(encoder, Buffer.of(0xa2, 0x06, 0x00));
    const otherEncoder = await runCommand(args('--resume'));
    expect(otherEncoder.stderr).toContain('input-changed');
    expect(otherEncoder.stderr).toContain(encoder);

    copyFileSync(audit.encoder, encoder);
    utimesSync(encoder, 1, 1);
    finished(await runCommand(args('--resume')));
  });

  it('a folder without a run, or a finished one, says that there is nothing to resume', async () => {
    for (const folder of [out('never-there'), out('uninterrupted')]) {
      const refused = await runCommand(audit.args(folder, '--resume'));
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.stderr).toContain('nothing-to-resume');
    }
    expect(existsSync(out('never-there'))).toBe(false);
  });

  it('is needed for a folder that holds a run already', async () => {
    const refused = await runCommand(audit.args(out('uninterrupted')));
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('out-not-empty');
  });
});
