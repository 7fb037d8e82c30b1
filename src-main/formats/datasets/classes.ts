/** Class names: found in the dataset, or given as a file. */
import { readFileSync, statSync } from 'node:fs';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { defaultLimits, type DatasetLimits } from '../limits.ts';
import { systemFailure } from '../system.ts';
import { compareText } from './column.ts';

export interface ResolvedClasses {
  readonly classes: readonly string[];
  /** `[found]`: position in `classes` of each label that was found. */
  readonly index: Int32Array;
}

/**
 * Puts the labels that were found (distinct texts) into the order of classes.
 *
 * Without given names the classes are the labels themselves: by number when all are whole numbers, else by code point.
 * With given names every label must be one of them, or else every label must be a number that counts into them from 0.
 * @throws ExpectedError dataset-malformed
 */
export function resolveClasses(
  found: readonly string[],
  given: readonly string[] | null,
  limits: DatasetLimits,
): ResolvedClasses {
  if (found.length > limits.maxClasses) {
    throw new ExpectedError('dataset-too-large', `${found.length} classes (limit maxClasses = ${limits.maxClasses}).`);
  }
  if (given === null) {
    const numbers = found.every((label) => WHOLE.test(label));
    const classes = [...found].sort((a, b) => (numbers && Number(a) - Number(b)) || compareText(a, b));
    const places = new Map(classes.map((name, place) => [name, place]));
    return { classes, index: Int32Array.from(found, (label) => places.get(label) ?? -1) };
  }
  const places = new Map(given.map((name, place) => [name, place]));
  const byName = Int32Array.from(found, (label) => places.get(label) ?? -1);
  if (!byName.includes(-1)) return { classes: given, index: byName };
  const byNumber = Int32Array.from(found, (label) =>
    WHOLE.test(label) && Number(label) < given.length ? Number(label) : -1,
  );
  if (!byNumber.includes(-1)) return { classes: given, index: byNumber };
  const stranger = found[byName.indexOf(-1)];
  throw new ExpectedError(
    'dataset-malformed',
    `The label ${JSON.stringify(stranger.slice(0, 200))} is not among the ${given.length} given classes.`,
  );
}

/** Pairs of look-alikes that are told one by one. */
const MOST_TOLD = 5;

/**
 * Says which classes look like one another: names that differ only in case, in the way Unicode writes the same letters,
 * or in characters that are not seen. They stay classes of their own; a file system may have told them apart, a person
 * does not.
 */
export function lookAlikes(classes: readonly string[]): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const name of classes) {
    const seen = name.normalize('NFKC').toLowerCase().replace(UNSEEN, '').trim();
    const group = groups.get(seen);
    if (group === undefined) groups.set(seen, [name]);
    else group.push(name);
  }
  const alike = [...groups.values()].filter((group) => group.length > 1);
  const told = alike.slice(0, MOST_TOLD).map((group) => group.slice(0, MOST_TOLD).map(spelled).join(' and '));
  return alike.length === 0
    ? []
    : [
        `class names that look alike are kept apart: ${told.join('; ')}${alike.length > MOST_TOLD ? `; and ${alike.length - MOST_TOLD} more groups` : ''}`,
      ];
}

/** Controls, marks of direction, joiners, and other characters that take no room. */
const UNSEEN = /[\p{Cc}\p{Cf}]/gu;

/** With every character beyond ASCII as its code point: two ways to write one letter look the same. */
function spelled(name: string): string {
  const text = [...name.slice(0, 60)].map((letter) =>
    /^[ -~]$/.test(letter) ? letter : `\\u{${letter.codePointAt(0)?.toString(16).toUpperCase()}}`,
  );
  return `"${text.join('')}"`;
}

const WHOLE = /^\d{1,9}$/;

/**
 * Reads a classes file: UTF-8, one name per line, in the order of the labels.
 * @throws ExpectedError file-missing, dataset-malformed, dataset-too-large
 */
export function readClassesFile(path: string, limits: DatasetLimits = defaultLimits.dataset): readonly string[] {
  try {
    const { size } = statSync(path);
    if (size > limits.maxManifestBytes) {
      throw new ExpectedError(
        'dataset-too-large',
        `${path}: ${size} bytes (limit maxManifestBytes = ${limits.maxManifestBytes}).`,
      );
    }
    return parseClasses(readFileSync(path, 'utf8'), path, limits);
  } catch (error) {
    throw systemFailure(error, path);
  }
}

function parseClasses(text: string, path: string, limits: DatasetLimits): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  while (lines.length > 0 && lines[lines.length - 1].trim() === '') lines.pop();
  const malformed = (what: string): ExpectedError => new ExpectedError('dataset-malformed', `${path}: ${what}`);
  if (lines.length === 0) throw malformed('there is no class name in it.');
  if (lines.length > limits.maxClasses) {
    throw new ExpectedError(
      'dataset-too-large',
      `${path}: ${lines.length} classes (limit maxClasses = ${limits.maxClasses}).`,
    );
  }
  const seen = new Map<string, number>();
  return lines.map((line, at) => {
    const name = line.trim();
    if (name === '') throw malformed(`line ${at + 1} is empty.`);
    if (name.includes('\0')) throw malformed(`line ${at + 1} contains a NUL character.`);
    const before = seen.get(name);
    if (before !== undefined) throw malformed(`lines ${before + 1} and ${at + 1} name the same class.`);
    seen.set(name, at);
    return name;
  });
}
