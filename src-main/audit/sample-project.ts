/** The bundled sample project: where its parts are and what it says of itself. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppInfo } from '../../src-shared/contract.ts';
import { ExpectedError } from '../../src-shared/failure.ts';

/** `sample.json` of the folder. */
interface SampleCard {
  readonly title: string;
  readonly description: string;
  readonly samples: number;
}

/** @returns null when this installation has no sample project */
export function readSample(folder: string): AppInfo['sample'] {
  const file = join(folder, 'sample.json');
  if (!existsSync(file)) return null;
  const { title, description, samples } = JSON.parse(readFileSync(file, 'utf8')) as SampleCard;
  return { title, description, samples };
}

/** @throws ExpectedError file-missing when the sample project is not installed */
export function sampleInputs(folder: string): {
  readonly encoder: string;
  readonly dataset: string;
  readonly classes: string;
} {
  const encoder = join(folder, 'encoder.onnx');
  if (!existsSync(encoder))
    throw new ExpectedError('file-missing', `The sample project is not installed (${encoder}).`);
  return { encoder, dataset: join(folder, 'dataset'), classes: join(folder, 'classes.txt') };
}
