import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, describe, expect, it } from 'vitest';
import { readInputs } from '../../src-main/audit/read-inputs.ts';
import { lockProject } from '../../src-main/store/lock.ts';
import { auditRequest } from '../../src-shared/domain/request.ts';
import type { AuditRequest } from '../../src-shared/domain/run.ts';
import { errorCatalogue, type ErrorCode } from '../../src-shared/errors.ts';
import { runCommand, type Outcome } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';
import { sampleImages, writeIdx, type Images } from '../support/small-dataset.ts';
import { writeTinyEncoder } from '../support/tiny-encoder.ts';
import { failureOf } from '../unit/formats/make.ts';

const audit = smallAudit();
let outputs = 0;
const inFolder = (name: string): string => join(audit.folder, name);

/** Runs the small audit with some of its arguments replaced; a later option wins over an earlier one. */
function run(...more: readonly string[]): Promise<Outcome> {
  return runCommand(audit.args(inFolder(`out-${outputs++}`), ...more));
}

function refused(outcome: Outcome, code: ErrorCode, ...words: readonly string[]): void {
  expect(outcome.stderr).toContain(`(${code})`);
  const { text, means, todo } = errorCatalogue[code];
  for (const part of [text, means, todo, ...words]) expect(outcome.stderr).toContain(part);
  expect(outcome.stdout).toBe('');
  expect(outcome.code).toBe(code === 'usage' ? 4 : 2);
  expect(outcome.stderr).not.toMatch(/\n {4}at /);
}

/** The first stage of an audit, in this process: what it throws is what the command prints, as the cases around it show. */
async function notRead(inputs: Partial<AuditRequest>, code: ErrorCode, ...words: readonly string[]): Promise<void> {
  const request = { ...auditRequest(audit.encoder, audit.dataset), ...inputs };
  const context = { emit: () => {}, signal: new AbortController().signal };
  const failure = await failureOf(() => readInputs(request, inFolder('cache'), context));
  expect(failure.code).toBe(code);
  for (const word of words) expect(failure.message).toContain(word);
}

function writePng(file: string, images: Images, index: number): void {
  const { side } = images;
  const png = new PNG({ width: side, height: side });
  images.pixels[index].forEach((value, i) => png.data.set([value, value, value, 255], 4 * i));
  writeFileSync(file, PNG.sync.write(png, { colorType: 0 }));
}

function writeFolder(folder: string, images: Images): string {
  images.labels.forEach((label, i) => {
    mkdirSync(join(folder, `class-${label}`), { recursive: true });
    writePng(join(folder, `class-${label}`, `image-${String(i).padStart(3, '0')}.png`), images, i);
  });
  return folder;
}

describe('an encoder that cannot be audited', () => {
  it('because it is not there', async () =>
    refused(await run('--encoder', inFolder('no.onnx')), 'file-missing', 'no.onnx'));

  it('because it is a folder', () => notRead({ encoder: audit.folder }, 'encoder-unrecognised', audit.folder));

  it('because it is something else', async () => {
    writeFileSync(inFolder('text.onnx'), 'I am a poem, not a model.\n'.repeat(50));
    refused(await run('--encoder', inFolder('text.onnx')), 'encoder-unrecognised');
    writeFileSync(inFolder('empty.onnx'), '');
    await notRead({ encoder: inFolder('empty.onnx') }, 'encoder-unrecognised', 'empty');
  });

  it('because it was cut off', async () => {
    const whole = readFileSync(audit.encoder);
    writeFileSync(inFolder('cut.onnx'), whole.subarray(0, whole.length - 1000));
    const outcome = await run('--encoder', inFolder('cut.onnx'));
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toMatch(/\((encoder-unrecognised|onnx-malformed)\)/);
  });

  it('because nobody can differentiate one of its operators, which is named', async () => {
    const encoder = writeTinyEncoder(inFolder('strange.onnx'), { strange: 'Det' });
    refused(await run('--encoder', encoder), 'unknown-operator', 'Det');
  });

  it('because the image size does not fit', async () => {
    await notRead({ inputSize: [32, 32] }, 'wrong-input-size', '28');
  });

  it('because mean and deviation have more values than it has channels', async () => {
    const outcome = await run('--mean', '0.5,0.5,0.5', '--std', '0.2,0.2,0.2');
    expect(outcome.code).toBe(4);
    expect(outcome.stderr).toContain('3');
  });

  it('because the tensor named as representation is none of it', async () => {
    await notRead({ representation: 'no-such-tensor' }, 'unsupported-encoder', 'no-such-tensor');
  });
});

describe('a dataset that cannot be audited', () => {
  it('because it is not there', async () =>
    refused(await run('--dataset', inFolder('nothing')), 'file-missing', 'nothing'));

  it('because it is of no known kind', async () => {
    mkdirSync(inFolder('papers'));
    writeFileSync(join(inFolder('papers'), 'notes.docx'), 'x');
    await notRead({ dataset: inFolder('papers') }, 'dataset-unrecognised', 'papers');
  });

  it('because the labels are missing', async () => {
    const dataset = writeIdx(inFolder('unlabelled'), sampleImages(24, 4));
    rmSync(join(dataset, 'train-labels-idx1-ubyte.gz'));
    await notRead({ dataset }, 'labels-missing');
  });

  it('because it has one class only', async () => {
    await notRead({ dataset: writeIdx(inFolder('one-class'), sampleImages(24, 1)) }, 'one-class-dataset');
  });

  it('because there are too few samples', async () => {
    await notRead({ dataset: writeIdx(inFolder('few'), sampleImages(4, 4)) }, 'too-few-samples');
  });

  it('because not one image can be read', async () => {
    const folder = inFolder('noise');
    for (const label of ['a', 'b']) {
      mkdirSync(join(folder, label), { recursive: true });
      for (let i = 0; i < 12; i++) writeFileSync(join(folder, label, `${i}.png`), `not a picture ${i}`);
    }
    refused(await run('--dataset', folder), 'no-readable-image', '0.png');
  });
});

describe('images that cannot be read, or contradict each other', () => {
  it('are counted and named while the audit goes on with the rest, and are not called trusted', async () => {
    const images = sampleImages(24, 4);
    const folder = writeFolder(inFolder('some-broken'), images);
    const twice = images.labels.indexOf(2);
    writePng(join(folder, 'class-0', 'again.png'), images, twice);
    const broken = [3, 17].map((i) => join(`class-${images.labels[i]}`, `image-${String(i).padStart(3, '0')}.png`));
    const first = readFileSync(join(folder, broken[0]));
    writeFileSync(join(folder, broken[0]), first.subarray(0, first.length / 2));
    writeFileSync(join(folder, broken[1]), 'garbage');
    const out = inFolder('out-broken');
    const outcome = await runCommand(audit.args(out, '--dataset', folder));
    expect([1, 3]).toContain(outcome.code);
    expect(outcome.stdout).toContain('2 unreadable images');
    expect(outcome.stdout).toContain('[image-unreadable]');
    for (const name of broken) expect(outcome.stdout).toContain(name);
    expect(outcome.stderr).toContain('1 image repeats another under a different label');
    expect(outcome.stderr).toContain('class-0/again.png');
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
      subject: { dataset: { samples: number; unreadable: { name: string }[] } };
    };
    expect(report.subject.dataset.samples).toBe(95);
    expect(report.subject.dataset.unreadable.map((one) => one.name).sort()).toEqual(broken.sort());
    expect(readFileSync(join(out, 'sifted-set.csv'), 'utf8')).not.toContain(broken[0]);
  });
});

describe('a command that cannot be carried out', () => {
  it('because an option is unknown, missing, or out of range', async () => {
    const cases: [string[], string][] = [
      [['--encoder', 'x', '--dataset', 'y', '--out', 'z', '--colour'], '--colour'],
      [['--dataset', 'y', '--out', 'z'], '--encoder'],
      [['--encoder', 'x', '--out', 'z'], '--dataset'],
      [['--encoder', 'x', '--dataset', 'y', '--out', 'z', '--preset', 'slow'], 'slow'],
      [['--encoder', 'x', '--dataset', 'y', '--out', 'z', '--input-size', '28'], '--input-size'],
      [['--encoder', 'x', '--dataset', 'y', '--out', 'z', '--mean', '0.5'], '--std'],
    ];
    for (const [args, word] of cases) refused(await runCommand(['audit', ...args]), 'usage', word);
    expect(existsSync(join(process.cwd(), 'z'))).toBe(false);
  });

  it('because a parameter of the method is unknown or out of range', async () => {
    refused(await run('--set', 'grow.speed=3'), 'usage', 'grow.speed');
    refused(await run('--set', 'grow.cap=1.5'), 'usage', 'grow.cap');
  });

  it('because the device is not there', async () => refused(await run('--device', 'gpu'), 'device-unavailable', 'gpu'));

  it('because the output folder holds something', async () => {
    const out = inFolder('occupied');
    mkdirSync(out);
    writeFileSync(join(out, 'thesis.txt'), 'precious');
    refused(await runCommand(audit.args(out)), 'out-not-empty', 'thesis.txt');
    expect(readFileSync(join(out, 'thesis.txt'), 'utf8')).toBe('precious');
  });

  it('because the output would be a file, or would lie among the samples', async () => {
    writeFileSync(inFolder('file.txt'), 'precious');
    refused(await runCommand(audit.args(inFolder('file.txt'))), 'usage', 'file.txt');
    expect(readFileSync(inFolder('file.txt'), 'utf8')).toBe('precious');
    const folder = writeFolder(inFolder('samples'), sampleImages(24, 4));
    symlinkSync(folder, inFolder('by-another-name'));
    for (const dataset of [folder, inFolder('by-another-name')]) {
      const out = join(folder, 'class-1', 'results');
      refused(await runCommand(audit.args(out, '--dataset', dataset)), 'usage', 'lies in the dataset');
      expect(existsSync(out)).toBe(false);
    }
  });

  it('without taking a folder that was named with inputs that are not there or are none', async () => {
    const out = inFolder('free');
    refused(await runCommand(audit.args(out, '--encoder', inFolder('nope.onnx'))), 'file-missing', 'nope.onnx');
    refused(await runCommand(audit.args(out, '--set', 'grow.cap=2')), 'usage', 'grow.cap');
    expect(existsSync(out)).toBe(false);
    writeFileSync(inFolder('prose.onnx'), 'prose, no model\n'.repeat(50));
    refused(
      await runCommand(audit.args(out, '--encoder', inFolder('prose.onnx'))),
      'encoder-unrecognised',
      'prose.onnx',
    );
    expect([0, 1, 3]).toContain((await runCommand(audit.args(out))).code);
  });

  it('because another process writes to the project', async () => {
    const project = inFolder('shared-project');
    const blocker = execHolder(project);
    try {
      refused(await run('--project', project), 'project-busy', project);
    } finally {
      blocker.end();
    }
  });

  it('with --json says all of that as one JSON value', async () => {
    const outcome = await run('--encoder', inFolder('no.onnx'), '--json');
    const last = JSON.parse(outcome.stderr.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(last).toMatchObject({ type: 'error', code: 'file-missing', exitCode: 2 });
    expect(last['todo']).toBe(errorCatalogue['file-missing'].todo);
  });
});

describe('a device without space', () => {
  const disk = inFolder('disk');
  const mounted = mount(disk);
  afterAll(() => {
    if (mounted) execFileSync('umount', [disk]);
  });

  for (const [when, kilobytes] of [
    ['while the images are decoded', 300],
    ['early in the journal', 600],
    ['late in the journal', 900],
  ] as const) {
    it.skipIf(!mounted)(`${when} stops the run with its name; after making room it resumes and finishes`, async () => {
      const out = join(disk, 'out');
      const filler = join(disk, 'filler');
      writeFileSync(filler, Buffer.alloc((4096 - kilobytes) * 1024));
      refused(await runCommand(audit.args(out)), 'no-space');
      rmSync(filler);
      const resumed = await runCommand(audit.args(out, '--resume'));
      expect([0, 1, 3], resumed.stderr).toContain(resumed.code);
      expect((await runCommand(['verify', out])).code).toBe(0);
      rmSync(out, { recursive: true });
    });
  }
});

/** A file system of 4 MB in memory, where this user may mount one. */
function mount(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('No small file system could be mounted here: the test of a full device is skipped.');
    return false;
  }
}

/** Holds the project's lock in this process, as another Coresift would. */
function execHolder(project: string): { end(): void } {
  mkdirSync(project, { recursive: true });
  chmodSync(project, 0o700);
  const lock = lockProject(project);
  return { end: () => lock.release() };
}
