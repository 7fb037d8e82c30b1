/** Which run belongs to an output folder, and whether a new one may use it. */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { AuditRequest, RunSummary } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Json } from '../../src-shared/json.ts';
import { systemFailure } from '../formats/system.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import type { ProjectReader } from '../store/reader.ts';
import { version } from './version.ts';

/** The database of a project folder, for a host that is handed a path and must know what it is. */
export { projectFile } from '../store/paths.ts';

/** What a run row says of its surroundings. `out` is relative to the project, so that both can be moved together. */
export interface RunEnvironment {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly out: string;
}

export function environmentOf(project: string, out: string): RunEnvironment {
  const platform = `${process.platform}-${process.arch}`;
  return { version, node: process.versions.node, platform, out: relative(project, out) };
}

/** The folder a run's exports go to. @throws ExpectedError project-corrupt when the row does not say */
export function folderOf(project: string, environment: Json): string {
  const out = (environment as { readonly out?: unknown } | null)?.out;
  if (typeof out !== 'string') throw new ExpectedError('project-corrupt', 'A run does not say where its exports are.');
  return resolve(project, out);
}

/**
 * Whether the inputs are there and the results will not lie among them, before anything is made for a run.
 * @throws ExpectedError file-missing naming the path, usage
 */
export function requireInputs({ encoder, dataset, classes }: AuditRequest, out: string): void {
  // Shards are named by a pattern; whether they are there is the reader's to say.
  const shards = /\{.*\}/.test(dataset) && !existsSync(dataset);
  for (const path of [encoder, ...(shards ? [] : [dataset]), ...(classes === null ? [] : [classes])]) {
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      throw systemFailure(error, path);
    }
  }
  requireFolder(out);
  if (!shards && statSync(dataset).isDirectory() && isInside(realPlace(out), realpathSync(dataset))) {
    throw new ExpectedError(
      'usage',
      `--out ${out} lies in the dataset ${dataset}; results there would become samples.`,
    );
  }
}

/** @throws ExpectedError usage when something else has that name */
function requireFolder(out: string): void {
  if (existsSync(out) && !statSync(out).isDirectory()) {
    throw new ExpectedError('usage', `--out ${out} is a file; it must be a folder.`);
  }
}

export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || (!isAbsolute(way) && way.split(/[\\/]/)[0] !== '..');
}

/** A path with the links of its existing part followed. */
export function realPlace(path: string): string {
  if (existsSync(path) || dirname(path) === path) return realpathSync(path);
  return join(realPlace(dirname(path)), relative(dirname(path), path));
}

/**
 * Makes `out` where it is not there.
 * @throws ExpectedError usage when it is a file; out-not-empty when it holds anything but an unused project
 */
export function claimFolder(out: string, reader: ProjectReader): void {
  requireFolder(out);
  try {
    mkdirSync(out, { recursive: true });
    const inside = relative(out, reader.dir);
    const strangers = readdirSync(out).filter((name) => name !== inside);
    if (strangers.length > 0)
      throw new ExpectedError('out-not-empty', `${out} holds ${strangers.slice(0, 5).join(', ')}.`);
  } catch (error) {
    throw systemFailure(error, out);
  }
  // A run that failed before its inputs were committed holds nothing that could be lost.
  const earlier = reader
    .listRuns()
    .find(
      (run) =>
        folderOf(reader.dir, reader.run(run.id).environment) === out &&
        (run.state !== 'failed' || reader.step(run.id, 'preflight') !== null),
    );
  if (earlier !== undefined) {
    throw new ExpectedError('out-not-empty', `${out} belongs to run ${earlier.number}, which is ${earlier.state}.`);
  }
}

/** @throws ExpectedError nothing-to-resume when `out` has no run that can go on */
export function runToResume(out: string, reader: ProjectReader): RunSummary {
  const run = reader.listRuns().find((one) => folderOf(reader.dir, reader.run(one.id).environment) === out);
  if (run === undefined) throw new ExpectedError('nothing-to-resume', `${out} holds no run.`);
  if (run.state === 'finished') throw new ExpectedError('nothing-to-resume', `The run in ${out} is finished.`);
  return run;
}

/** @throws ExpectedError nothing-to-resume when there is no project to look into */
export function requireProject(project: string): void {
  if (!existsSync(resolve(project, 'project.sqlite'))) {
    throw new ExpectedError('nothing-to-resume', `There is no project in ${project}.`);
  }
}

/** @throws ExpectedError resume-differs naming every option that is not as the run was started with */
export function requireSameRequest(recorded: AuditRequest, chosen: Partial<AuditRequest>, environment: Json): void {
  const text = (value: unknown): string => canonicalJson(toJson(value ?? null));
  // Where it computes may change: a run whose GPU failed goes on elsewhere.
  const differing = (Object.keys(chosen) as (keyof AuditRequest)[])
    .filter((name) => name !== 'device' && name !== 'threads')
    .filter((name) => text(chosen[name]) !== text(recorded[name]))
    .map((name) => `${name} was ${text(recorded[name])}, is ${text(chosen[name])}`);
  const before = (environment as { readonly version?: unknown } | null)?.version;
  if (before !== version) differing.push(`Coresift was ${String(before)}, is ${version}`);
  if (differing.length > 0) throw new ExpectedError('resume-differs', `${differing.join('; ')}.`);
}

/** Decoded pixels, kept so that a resumed run need not decode again; may be deleted at any time. */
export function cacheOf(project: string): string {
  return join(project, 'cache');
}
