/** What becomes of a stranger's encoder file: the code it was refused with, or "accepted". */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { inferShapes } from '../../src-main/engine/graph/shapes.ts';
import type { OpenOptions } from '../../src-main/formats/encoders/encoder-file.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { ExpectedError } from '../../src-shared/failure.ts';

export type Files = Readonly<Record<string, Uint8Array | string>>;

export interface Fate {
  readonly code: string;
  readonly detail: string;
  readonly milliseconds: number;
}

/** Writes the files, opens the first and goes on as an audit would. Anything but a named error is thrown on. */
export async function fateOf(files: Files, options: Partial<OpenOptions> = {}): Promise<Fate> {
  const folder = mkdtempSync(join(tmpdir(), 'coresift-hostile-'));
  const start = performance.now();
  const done = (code: string, detail: string): Fate => ({ code, detail, milliseconds: performance.now() - start });
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const { graph } = await openEncoder(join(folder, Object.keys(files)[0]), options);
    inferShapes(understandEncoder(graph, { inputSize: null }).graph, { N: 2 });
    return done('accepted', '');
  } catch (error) {
    if (error instanceof ExpectedError) return done(error.code, error.detail);
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
