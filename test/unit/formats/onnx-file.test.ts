import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openOnnxFile } from '../../../src-main/formats/encoders/onnx.ts';
import { defaultLimits } from '../../../src-main/formats/limits.ts';
import { codeOf, failureOf, put, scratchFolder } from './make.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('openOnnxFile', () => {
  it('reads the model and binds the external data it was asked for', () => {
    const folder = scratchFolder();
    put(folder, 'weights/w.bin', 'weights');
    put(folder, 'unused.bin', 'unused');
    const file = openOnnxFile(put(folder, 'model.onnx', 'model'));
    expect(file).toMatchObject({ name: 'model.onnx', bytes: 5, sha256: sha256('model') });
    expect(file.externalFiles()).toEqual([]);
    expect(Buffer.from(file.externalData('./weights/w.bin')).toString()).toBe('weights');
    expect(file.externalData('weights/w.bin')).toBe(file.externalData('weights//w.bin'));
    expect(file.externalFiles()).toEqual([{ name: 'weights/w.bin', bytes: 7, sha256: sha256('weights') }]);
  });

  it('says what is missing, empty or too large', async () => {
    const folder = scratchFolder();
    const model = put(folder, 'm.onnx', 'model');
    expect(await codeOf(() => openOnnxFile(join(folder, 'none.onnx')))).toBe('file-missing');
    expect(await codeOf(() => openOnnxFile(put(folder, 'empty.onnx', '')))).toBe('not-onnx');
    expect(await codeOf(() => openOnnxFile(folder))).toBe('not-onnx');
    const limits = { ...defaultLimits.model, maxBytes: 4, maxExternalFiles: 0 };
    expect(await codeOf(() => openOnnxFile(model, limits))).toBe('onnx-too-large');
    expect(await codeOf(() => openOnnxFile(model).externalData('none.bin'))).toBe('file-missing');
    const small = openOnnxFile(put(folder, 's.onnx', 'm'), limits);
    expect(await codeOf(() => small.externalData('m.onnx'))).toBe('onnx-too-large');
  });

  it('keeps external data inside the folder of the model', async () => {
    const outer = scratchFolder();
    put(outer, 'secret', 'secret');
    const file = openOnnxFile(put(outer, 'inner/m.onnx', 'model'));
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
      const failure = await failureOf(() => file.externalData(location));
      expect([location, failure.code]).toEqual([location, 'onnx-malformed']);
    }
  });
});
