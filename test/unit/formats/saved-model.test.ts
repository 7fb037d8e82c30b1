/** A TensorFlow SavedModel: what it says of itself is read, its variables are looked at, and the refusal says all of it. */
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { exitCodeOfScan } from '../../../src-shared/domain/scan.ts';
import { inspectJob, type Inspection } from '../../../src-main/audit/inspect-job.ts';
import { openEncoder } from '../../../src-main/formats/encoders/open.ts';
import { readCheckpointIndex } from '../../../src-main/formats/encoders/saved-model/checkpoint.ts';
import { crc32c, readTable } from '../../../src-main/formats/encoders/saved-model/table.ts';
import { defaultLimits } from '../../../src-main/formats/limits.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { codeOf, scratchFolder } from './make.ts';

const fixture = fileURLToPath(new URL('../../fixtures/saved-model/', import.meta.url));
const model = join(fixture, 'model');
const index = new Uint8Array(readFileSync(join(model, 'variables/variables.index')));
const limits = defaultLimits.model;
const scratch = scratchFolder();
const folders = { count: 0 };

/** A copy that may be changed. */
function copy(change: (folder: string) => void): string {
  const folder = join(scratch, String((folders.count += 1)));
  cpSync(model, folder, { recursive: true });
  change(folder);
  return folder;
}

async function refusalOf(path: string): Promise<string> {
  try {
    await openEncoder(path);
  } catch (error) {
    if (error instanceof ExpectedError && error.code === 'unsupported-encoder') return error.detail;
    throw error;
  }
  throw new Error('read as an encoder');
}

const inspect = (path: string): Promise<Inspection> => inspectJob({ path, limits: {} });

describe('a SavedModel', () => {
  it('is refused with its version, tags, signatures, variables, the reason, and what to convert it with', async () => {
    const said = await refusalOf(model);
    for (const part of [
      'written by TensorFlow 2.11.0: tags serve;',
      'signature serving_default: image float32 [?,32,32,3] to features float32 [?,64]',
      // Three kernels of 72 values, fifteen vectors of 4, one counter; the tree of objects is no variable.
      '19 variables of 277 values (counter int64 [], layer_with_weights-0/beta float32 [4]',
      'layer_with_weights-0/kernel float32 [3,3,2,4]',
      '11 more',
      '10 operators, 1 functions included',
      'Its network lies in traced functions',
      'python -m tf2onnx.convert --saved-model FOLDER --output encoder.onnx',
    ])
      expect(said).toContain(part);
    expect(await refusalOf(join(model, 'saved_model.pb'))).toBe(said);
  });

  it('of Keras is sent back to Keras', async () => {
    expect(await refusalOf(copy((folder) => writeFileSync(join(folder, 'keras_metadata.pb'), 'x')))).toMatch(
      /Keras wrote it: tf\.keras\.models\.load_model\(FOLDER\)\.save\("encoder\.h5"\)/,
    );
  });

  it('raises no alarm, and its files are bound by digests', async () => {
    const inspection = await inspect(model);
    expect(inspection.findings).toEqual([]);
    expect(exitCodeOfScan(inspection)).toBe(3);
    expect(inspection.parts.map(({ name }) => name)).toEqual([
      'saved_model.pb',
      'variables/variables.data-00000-of-00001',
      'variables/variables.index',
    ]);
    expect(inspection.notExamined.map(({ what }) => what)).toContain('which variable is used where in its graph');
  });

  it('without its variables says so', async () => {
    const folder = copy((each) => rmSync(join(each, 'variables'), { recursive: true }));
    expect(await refusalOf(folder)).toContain('no variables (variables/variables.index is not beside it)');
  });

  it('whose variables are no numbers is reported by name', async () => {
    const folder = copy((each) => {
      const path = join(each, 'variables/variables.data-00000-of-00001');
      const values = readFileSync(path);
      values.fill(0xff, values.length - 4);
      writeFileSync(path, values);
    });
    expect((await inspect(folder)).findings).toMatchObject([
      {
        rule: 'weights.not-finite',
        where: 'tensor layer_with_weights-2/moving_variance/.ATTRIBUTES/VARIABLE_VALUE',
        detail: '1 values are NaN, 0 are infinite, of 4.',
      },
    ]);
  });

  it.each([
    [
      'a file of values that is cut off',
      'variables.data-00000-of-00001',
      100,
      /moving_variance" lies at|lies at \d+ \+/,
    ],
    ['an index that is cut off', 'variables.index', 1400, /does not end as a table does/],
  ])('with %s is malformed', async (_name, file, length, words) => {
    const folder = copy((each) => {
      const path = join(each, 'variables', file);
      writeFileSync(path, readFileSync(path).subarray(0, length));
    });
    await expect(openEncoder(folder)).rejects.toMatchObject({
      code: 'encoder-malformed',
      detail: expect.stringMatching(words) as string,
    });
  });

  it('that lacks a file of values says which', async () => {
    const folder = copy((each) =>
      renameSync(join(each, 'variables/variables.data-00000-of-00001'), join(each, 'variables/elsewhere')),
    );
    expect(await codeOf(() => openEncoder(folder))).toBe('file-missing');
  });
});

describe('the index of a checkpoint', () => {
  it('written by LevelDB is read whole, block after block', () => {
    const { variables, shards } = readCheckpointIndex(index, 'x.index', limits);
    expect([variables.length, shards]).toEqual([20, 1]);
    expect(variables.map(({ name }) => name)).toEqual(variables.map(({ name }) => name).toSorted());
    expect(variables.find(({ name }) => name.startsWith('layer_with_weights-1/kernel'))).toMatchObject({
      kind: { name: 'float32' },
      dims: [3, 3, 2, 4],
      size: 288,
    });
  });

  it('compressed is refused by name', () => {
    const bytes = new Uint8Array(readFileSync(join(fixture, 'snappy.index')));
    expect(() => readTable(bytes, 'x.index', limits)).toThrow(/compressed \(kind 1\)/);
  });

  it('with any byte of its blocks changed is refused', () => {
    // What lies behind the blocks is the footer, half of it padding.
    for (let at = 0; at < index.length - 48; at += 7) {
      const bytes = Uint8Array.from(index);
      bytes[at] ^= 0x10;
      expect(() => readTable(bytes, 'x.index', limits), `byte ${at}`).toThrow(ExpectedError);
    }
  });

  it('cut anywhere ends with a named error', () => {
    for (let length = 0; length < index.length; length += 13)
      expect(() => readCheckpointIndex(index.subarray(0, length), 'x.index', limits)).toThrow(ExpectedError);
  });

  it('of more variables than the limit is refused', () => {
    expect(() => readTable(index, 'x.index', { ...limits, maxTensors: 10 })).toThrow(/more than 10 variables/);
  });

  it('has checksums of the kind RFC 3720 gives', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  });
});
