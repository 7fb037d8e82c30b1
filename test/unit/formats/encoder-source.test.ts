import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEncoder } from '../../../src-main/formats/encoders/open.ts';
import { openEncoderSource } from '../../../src-main/formats/encoders/source.ts';
import { defaultLimits } from '../../../src-main/formats/limits.ts';
import { codeOf, failureOf, put, scratchFolder } from './make.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const open = (path: string, limits = defaultLimits.model) => openEncoderSource(path, limits);

describe('openEncoderSource', () => {
  it('reads the model and binds the external data it was asked for', () => {
    const folder = scratchFolder();
    put(folder, 'weights/w.bin', 'weights');
    put(folder, 'unused.bin', 'unused');
    const file = open(put(folder, 'model.onnx', 'model'));
    expect(file).toMatchObject({ kind: 'file', file: { name: 'model.onnx', bytes: 5, sha256: sha256('model') } });
    expect(file.parts()).toEqual([]);
    expect(Buffer.from(file.part('./weights/w.bin')).toString()).toBe('weights');
    expect(file.part('weights/w.bin')).toBe(file.part('weights//w.bin'));
    expect(file.parts()).toEqual([{ name: 'weights/w.bin', bytes: 7, sha256: sha256('weights') }]);
  });

  it('says what is missing, empty or too large', async () => {
    const folder = scratchFolder();
    const model = put(folder, 'm.onnx', 'model');
    expect(await codeOf(() => open(join(folder, 'none.onnx')))).toBe('file-missing');
    expect(await codeOf(() => open(put(folder, 'empty.onnx', '')))).toBe('encoder-unrecognised');
    expect(await codeOf(() => openEncoder(folder))).toBe('encoder-unrecognised');
    const limits = { ...defaultLimits.model, maxBytes: 4, maxExternalFiles: 0 };
    expect(await codeOf(() => open(model, limits))).toBe('encoder-too-large');
    expect(await codeOf(() => open(model).part('none.bin'))).toBe('file-missing');
    const small = open(put(folder, 's.onnx', 'm'), limits);
    expect(await codeOf(() => small.part('m.onnx'))).toBe('encoder-too-large');
  });

  it('keeps external data inside the folder of the model', async () => {
    const outer = scratchFolder();
    put(outer, 'secret', 'secret');
    const file = open(put(outer, 'inner/m.onnx', 'model'));
    symlinkSync('../secret', join(outer, 'inner/link'));
    symlinkSync('..', join(outer, 'inner/up'));
    for (const location of [
      '../secret',
      'a/../../secret',
      join(outer, 'secret'),
      '..\\secret',
      'C:\\secret',
      '\\\\host\\share',
      'link',
      'up/secret',
      '',
      '.',
      'a\0b',
      'file:///etc/passwd',
      'NUL',
    ]) {
      const failure = await failureOf(() => file.part(location));
      expect([location, failure.code]).toEqual([location, 'encoder-malformed']);
    }
  });
});
