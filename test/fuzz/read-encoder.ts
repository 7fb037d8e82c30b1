/** Reads a mutated encoder by the door that an audit uses, and goes on with it as far as an audit would before computing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { inferShapes } from '../../src-main/engine/graph/shapes.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { requireSoundEncoder } from './acceptance.ts';

/** @param files the encoder first, then what lies beside it */
export async function readAsEncoder(files: Readonly<Record<string, Uint8Array>>, folder: string): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  const opened = await openEncoder(join(folder, Object.keys(files)[0]));
  requireSoundEncoder(opened);
  inferShapes(understandEncoder(opened.graph, { inputSize: null }).graph, { N: 2 });
}
