import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src-main/formats/models-out/safetensors.ts';
import { runCommand } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';

const audit = smallAudit();
const out = join(audit.folder, 'out');
const project = join(out, 'project');
const exportTo = (folder: string, formats: string, run = '1') =>
  runCommand([
    'export',
    '--run',
    run,
    '--project',
    project,
    '--format',
    formats,
    '--out',
    join(audit.folder, folder),
    '--json',
  ]);

interface Result {
  readonly written: readonly { format: string; maxAbsDifference: number; files: { path: string; sha256: string }[] }[];
  readonly refused: readonly { format: string; reason: string }[];
}

beforeAll(async () => {
  const { code, stderr } = await runCommand(audit.args(out));
  expect([1, 3], stderr).toContain(code);
});

describe('coresift export', () => {
  it('writes every format, states the difference, and records it in a journal that still verifies', async () => {
    const { code, stdout, stderr } = await exportTo('all', 'onnx,safetensors,tfjs,pytorch');
    expect([code, stderr]).toEqual([0, '']);
    const { written, refused } = JSON.parse(stdout) as Result;
    expect(refused).toEqual([]);
    expect(written.map(({ format }) => format)).toEqual(['onnx', 'safetensors', 'tfjs', 'pytorch']);
    for (const { maxAbsDifference } of written) expect(maxAbsDifference).toBeLessThan(1e-4);
    const record = JSON.parse(readFileSync(join(audit.folder, 'all', 'export.json'), 'utf8')) as Result;
    const schema = new URL('../../src-main/report/schemas/export.schema.json', import.meta.url);
    const validate = new Ajv().compile(JSON.parse(readFileSync(schema, 'utf8')) as object);
    expect([validate(record), validate.errors]).toEqual([true, null]);
    expect(record.written).toEqual(written);
    const { tensors } = readSafetensors(readFileSync(join(audit.folder, 'all', 'sanitized-state-dict.safetensors')));
    expect(tensors.get('head.0.weight')?.dims).toEqual([4, 24]);
    expect((await runCommand(['verify', out])).code).toBe(0);
  });

  it('refuses formats and runs that are not there', async () => {
    expect((await exportTo('none', 'onnx,pickle')).code).toBe(4);
    const unknown = await exportTo('none', 'onnx', '99');
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('run-unknown')]);
    const nowhere = await runCommand([
      'export',
      '--run',
      '1',
      '--project',
      audit.folder,
      '--format',
      'onnx',
      '--out',
      out,
    ]);
    expect(nowhere.stderr).toContain('not-a-project');
  });

  it('takes no model that is not what the journal says', async () => {
    appendFileSync(join(out, 'sanitized.onnx'), Buffer.from([0]));
    const { code, stderr } = await exportTo('changed', 'onnx');
    expect([code, stderr]).toEqual([2, expect.stringContaining('input-changed')]);
    expect(existsSync(join(audit.folder, 'changed', 'sanitized.onnx'))).toBe(false);
  });
});

describe('coresift inspect', () => {
  it('says what a file is, for people and as JSON', async () => {
    const people = await runCommand(['inspect', audit.encoder]);
    expect([people.code, people.stderr]).toEqual([0, '']);
    expect(people.stdout).toMatch(/SHA-256 +[0-9a-f]{64}\n.*onnx, opset 17/);
    const json = JSON.parse((await runCommand(['inspect', audit.encoder, '--json'])).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({ type: 'result', exitCode: 0, format: 'onnx', findings: [], notExamined: [] });
  });

  it('ends with 3 for what is no model, 2 for what is not there and 4 without a file', async () => {
    expect((await runCommand(['inspect', join(out, 'report.html')])).code).toBe(3);
    expect((await runCommand(['inspect', join(out, 'gone')])).code).toBe(2);
    expect((await runCommand(['inspect'])).code).toBe(4);
  });
});
