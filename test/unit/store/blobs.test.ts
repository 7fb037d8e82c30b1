import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobPath, putBlob, readBlob, readBlobInParts } from '../../../src-main/store/blobs.ts';
import { temporaryFolder } from './sample.ts';

describe('a blob read in parts', () => {
  const bytes = Uint8Array.from({ length: 5_000_003 }, (_, i) => (i * 31) % 251);
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => void (folder = temporaryFolder()));
  afterEach(() => folder.remove());

  it('gives the bytes that were stored, and others a turn meanwhile', async () => {
    const ref = putBlob(folder.path, bytes);
    let turns = 0;
    let read = false;
    const turn = (): void => {
      turns++;
      if (!read) setImmediate(turn);
    };
    setImmediate(turn);
    const met = await readBlobInParts(folder.path, ref);
    read = true;
    expect(Buffer.compare(met, bytes)).toBe(0);
    expect(turns).toBeGreaterThan(3);
    const empty = putBlob(folder.path, new Uint8Array(0));
    expect(await readBlobInParts(folder.path, empty)).toHaveLength(0);
  });

  it('refuses what is not the blob, as reading at once does', async () => {
    const ref = putBlob(folder.path, bytes);
    const path = blobPath(folder.path, ref.digest);
    const expectRefused = async (what: string, asked = ref): Promise<void> => {
      const refused = { code: 'project-corrupt', detail: expect.stringContaining(what) as string };
      await expect(readBlobInParts(folder.path, asked)).rejects.toMatchObject(refused);
      expect(() => readBlob(folder.path, asked)).toThrow(expect.objectContaining(refused));
    };
    writeFileSync(
      path,
      bytes.map((value, i) => (i === 4_000_000 ? value ^ 1 : value)),
    );
    await expectRefused('wrong-bytes');
    writeFileSync(path, bytes.subarray(1));
    await expectRefused('wrong-size');
    await expectRefused('missing', { ...ref, digest: 'a'.repeat(64) });
  });
});
