import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditVerdict } from '../../src-shared/domain/verdict.ts';
import { runCommand, type Outcome } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';
import { sampleImages } from '../support/small-dataset.ts';

const audit = smallAudit();
const out = join(audit.folder, 'out');
let outcome: Outcome;

beforeAll(async () => {
  outcome = await runCommand(audit.args(out, '--json'));
});

interface JsonResult {
  readonly type: 'result';
  readonly exitCode: number;
  readonly verdict: AuditVerdict;
  readonly files: readonly { readonly path: string; readonly sha256: string; readonly bytes: number }[];
  readonly suspects: number;
}

const result = (): JsonResult => JSON.parse(outcome.stdout) as JsonResult;

describe('coresift audit', () => {
  it('prints one JSON result on stdout and exits with the code the verdict means', () => {
    const { type, exitCode, verdict } = result();
    expect(type).toBe('result');
    expect(outcome.code).toBe(exitCode);
    const words = [verdict.encoder.verdict, verdict.dataset.verdict];
    const open =
      verdict.notExamined.length > 0 ||
      [...words, ...verdict.classes.map((one) => one.verdict)].some((word) => word !== 'trusted');
    expect(exitCode).toBe(words.includes('suspicious') ? 1 : open ? 3 : 0);
  });

  it('streams stages, progress, metrics and pools on stderr, each line a JSON value', () => {
    const events = outcome.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; stage?: string; state?: string });
    const started = events
      .filter((event) => event.type === 'stage' && event.state === 'started')
      .map((event) => event.stage);
    expect(started.slice(0, 3)).toEqual(['preflight', 'probe', 'sift']);
    expect(started.at(-1)).toBe('export');
    for (const type of ['progress', 'metric', 'pool']) expect(events.map((event) => event.type)).toContain(type);
    expect(events.at(-1)?.type).toBe('finished');
  });

  it('leaves exactly the promised files, each with its digest in the manifest', () => {
    expect(readdirSync(out).sort()).toEqual(
      [
        'MANIFEST.sha256',
        'bom.cdx.json',
        'channel-masks.json',
        'project',
        'report.html',
        'report.json',
        'report.pdf',
        'report.sarif',
        'statement.intoto.json',
        'sanitized.onnx',
        'sanitized.safetensors',
        'sifted-set.csv',
      ].sort(),
    );
    const manifest = readFileSync(join(out, 'MANIFEST.sha256'), 'utf8').trimEnd().split('\n');
    expect(manifest.length).toBe(10);
    for (const line of manifest) {
      const [digest, name] = line.split(' *');
      expect(
        createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex'),
      ).toBe(digest);
    }
    expect(result().files.length).toBe(11);
  });

  it('writes a classifier that plain onnxruntime opens: pixels in 0..1 to one logit per class, for any batch size', async () => {
    const session = await InferenceSession.create(join(out, 'sanitized.onnx'));
    expect(session.inputNames).toEqual(['pixels']);
    expect(session.outputNames).toEqual(['logits']);
    for (const batch of [1, 5]) {
      const pixels = new Tensor('float32', new Float32Array(batch * 784).fill(0.25), [batch, 1, 28, 28]);
      const { logits } = await session.run({ pixels });
      expect(logits.dims).toEqual([batch, 4]);
      expect([...(logits.data as Float32Array)].every(Number.isFinite)).toBe(true);
    }
    await session.release();
  });

  it('records how far the exported model was from the audited one on real samples', () => {
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as {
      environment: Record<string, number>;
    };
    const difference = report.environment['export check: largest difference of logits'];
    expect(difference).toBeGreaterThanOrEqual(0);
    expect(difference).toBeLessThan(1e-3);
    expect(report.environment['export check: samples']).toBe(96);
  });

  it('gives every sample a row in the sifted set, named by its place in the dataset', () => {
    const rows = parse(readFileSync(join(out, 'sifted-set.csv')), { columns: true }) as Record<string, string>[];
    expect(rows.length).toBe(96);
    expect(rows[7]['path']).toMatch(/#0*7$/);
    const { labels } = sampleImages(24, 4);
    expect(rows.map((row) => row['label'])).toEqual(labels.map(String));
    const suspicious = rows.filter((row) => row['verdict'] === 'suspicious').length;
    expect(suspicious).toBe(result().suspects);
  });

  it('in words leads with the verdict and ends with the files', async () => {
    const words = await runCommand(audit.args(join(audit.folder, 'words')));
    expect(words.code).toBe(outcome.code);
    expect(words.stdout).toMatch(/^(Do not trust|Nothing suspicious)/);
    expect(words.stdout).toContain('Encoder encoder.onnx: ');
    expect(words.stdout).toContain('report.html');
    expect(words.stderr).toContain('Plan: preset quick, 96 samples in 4 classes');
    expect(words.stderr).not.toContain('\u001b');
  });
});

describe('coresift verify', () => {
  const copy = (name: string): string => {
    const folder = join(audit.folder, name);
    cpSync(out, folder, { recursive: true });
    return folder;
  };

  it('finds an untouched folder and its project in order', async () => {
    for (const path of [out, join(out, 'project')]) {
      const verified = await runCommand(['verify', path]);
      expect(verified).toMatchObject({ code: 0, stderr: '' });
      expect(verified.stdout).toContain('Everything fits.');
    }
  });

  it('names a file that was changed, one that is missing, and one that was slipped in', async () => {
    const folder = copy('tampered');
    appendFileSync(join(folder, 'sifted-set.csv'), ' ');
    writeFileSync(join(folder, 'extra.txt'), '');
    rmSync(join(folder, 'sanitized.onnx'));
    const verified = await runCommand(['verify', folder, '--json']);
    expect(verified.code).toBe(1);
    const failed = verified.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; what?: string; ok: boolean })
      .filter((line) => line.type === 'check' && !line.ok);
    for (const name of ['extra.txt', 'sanitized.onnx', 'sifted-set.csv']) {
      expect(failed.filter((check) => check.what?.includes(name)).length, name).toBeGreaterThan(0);
    }
    expect(failed.some((check) => check.what?.includes('channel-masks.json'))).toBe(false);
  });

  it('does not follow a manifest out of the folder', async () => {
    const folder = copy('escaping');
    appendFileSync(join(folder, 'MANIFEST.sha256'), `${'0'.repeat(64)} *../../etc/passwd\n`);
    const verified = await runCommand(['verify', folder]);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toContain('leaves the folder; it was not opened');
  });

  it('finds a report that belongs to another journal', async () => {
    const folder = copy('mixed');
    const report = join(folder, 'report.json');
    const text = readFileSync(report, 'utf8');
    const changed = text.replace(/"hash": "[0-9a-f]{64}"/, `"hash": "${'0'.repeat(64)}"`);
    expect(changed).not.toBe(text);
    writeFileSync(report, changed);
    const manifest = join(folder, 'MANIFEST.sha256');
    const old = createHash('sha256').update(text).digest('hex');
    writeFileSync(
      manifest,
      readFileSync(manifest, 'utf8').replace(old, createHash('sha256').update(changed).digest('hex')),
    );
    const verified = await runCommand(['verify', folder]);
    expect(verified.code).toBe(1);
    expect(verified.stdout).toMatch(/FAILED {2}project/);
  });

  it('does not call a folder whole whose journal is missing, nor damaged: exit code 3', async () => {
    const folder = copy('without-project');
    rmSync(join(folder, 'project'), { recursive: true });
    const verified = await runCommand(['verify', folder]);
    expect(verified.code).toBe(3);
    expect(verified.stdout).toContain('so the journal was not examined');
    expect(verified.stdout).not.toContain('FAILED');
  });

  it('says what a path is that it cannot verify', async () => {
    const nothing = await runCommand(['verify', join(audit.folder, 'images')]);
    expect(nothing).toMatchObject({ code: 2 });
    expect(nothing.stderr).toContain('not-a-project');
    expect((await runCommand(['verify', '/nonexistent/path'])).stderr).toContain('file-missing');
  });
});

describe('coresift doctor', () => {
  it('tests the machine and prints numbers', async () => {
    const doctor = await runCommand(['doctor', '--json']);
    expect(doctor.code, doctor.stdout).toBe(0);
    const checks = doctor.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; state: string; values: Record<string, number> });
    const provider = checks.find((check) => check.name === 'provider ort-cpu');
    expect(provider?.state).toBe('ok');
    expect(provider?.values['forward GFLOP/s']).toBeGreaterThan(0);
    expect(checks.filter((check) => check.values['relative error'] !== undefined).length).toBeGreaterThan(0);
  });

  it('says that a device it does not have is unavailable', async () => {
    const doctor = await runCommand(['doctor', '--device', 'gpu']);
    expect(doctor.code).toBe(2);
    expect(doctor.stdout).toContain('cannot be used');
  });
});
