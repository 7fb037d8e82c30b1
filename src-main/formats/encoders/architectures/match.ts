/** From named weights to a graph: which known architecture they are of, what stands in front of their names, what is left. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { visibleName } from '../../../../src-shared/text.ts';
import type { Graph } from '../../../engine/graph/ir.ts';
import type { KnownArchitecture, SuggestedNormalisation } from '../encoder-file.ts';
import type { Weights } from '../weights.ts';
import type { Architecture, ArchitectureFamily } from './architecture.ts';
import { denseNets } from './densenet.ts';
import { mobileNets } from './mobilenet.ts';
import { resnets } from './resnet.ts';
import { openScope, type Problems } from './scope.ts';
import { vggs } from './vgg.ts';
import { visionTransformers } from './vit.ts';

const families: readonly ArchitectureFamily[] = [resnets, vggs, mobileNets, denseNets, visionTransformers];

/** Every name that `--arch` takes. */
export const architectureNames: readonly string[] = families.flatMap((family) => family.names);

/** Named weights found somewhere in a file. */
export interface StateDict {
  /** Where, e.g. "model" or "state_dict"; '' at the top. */
  readonly path: string;
  readonly weights: Weights;
}

export interface MatchedEncoder {
  readonly graph: Graph;
  readonly architecture: KnownArchitecture;
  readonly normalisation: SuggestedNormalisation | null;
  readonly notes: readonly string[];
}

export interface MatchOptions {
  readonly arch: string | null;
  readonly inputSize: readonly [number, number] | null;
  /** As a file beside the weights has it; for architectures that leave the size open. */
  readonly statedSize?: readonly [number, number] | null;
}

interface Attempt {
  readonly dict: StateDict;
  readonly prefix: string;
  readonly architecture: Architecture;
  readonly graph: () => Graph;
  readonly size: readonly [number, number];
  readonly sizeFrom: string;
  readonly fitting: number;
  readonly problems: Problems;
  /** Weights below the prefix that the architecture has no place for although their names are of its kind. */
  readonly extra: readonly string[];
  /** Other weights: projections, momentum copies, … */
  readonly leftOut: readonly string[];
}

/** Names listed of each kind in a message; all are counted. */
const LISTED = 5;
/** Places in one set of weights where an encoder may begin; more are a trick. */
const MOST_PLACES = 32;

/**
 * The first set of weights that fits a known architecture (or the named one) without a parameter missing, extra or of
 * wrong shape.
 * @throws ExpectedError architecture-unknown, architecture-mismatch with counts and the first names, usage for an
 *   unknown `arch`, wrong-input-size
 */
export function matchArchitecture(dicts: readonly StateDict[], options: MatchOptions): MatchedEncoder {
  const { arch } = options;
  if (arch !== null && !architectureNames.includes(arch)) {
    throw new ExpectedError('usage', `--arch ${arch} is unknown; known are ${architectureNames.join(', ')}.`);
  }
  const attempts = dicts.flatMap((dict) => attemptsOn(dict, options));
  const fits = attempts.filter((attempt) => wrongOf(attempt) === 0);
  if (fits.length === 0) throw refusal(dicts, attempts, arch);
  const best = fits.reduce((a, b) => (rank(b) > rank(a) ? b : a));
  const graph = best.graph();
  return {
    graph,
    architecture: {
      name: best.architecture.name,
      how: `${arch === null ? 'found: ' : 'named by the analyst: '}${best.fitting} parameters fit by name and shape${placeOf(best)}`,
    },
    normalisation: inputChannels(graph) === 3 ? best.architecture.normalisation : null,
    notes: notesOn(best, fits),
  };
}

function attemptsOn(dict: StateDict, options: MatchOptions): Attempt[] {
  return families
    .filter((family) => options.arch === null || family.names.includes(options.arch))
    .flatMap((family) =>
      prefixesIn(dict.weights, family).flatMap((prefix) => {
        const attempt = attemptAt(dict, prefix, family, options);
        return attempt === null ? [] : [attempt];
      }),
    );
}

function prefixesIn(weights: Weights, family: ArchitectureFamily): string[] {
  const prefixes = new Set<string>();
  for (const name of weights.keys()) {
    for (const anchor of family.anchors) {
      if (name !== anchor && !name.endsWith(`.${anchor}`)) continue;
      const prefix = name.slice(0, name.length - anchor.length);
      // "0.weight" stands in every sequence; the one that is an encoder goes on with a normalisation.
      if (anchor === '0.weight' && !weights.has(`${prefix}1.running_mean`)) continue;
      if (prefixes.size < MOST_PLACES) prefixes.add(prefix);
    }
  }
  return [...prefixes];
}

function attemptAt(dict: StateDict, prefix: string, family: ArchitectureFamily, options: MatchOptions): Attempt | null {
  const below = new Map<string, NonNullable<ReturnType<Weights['get']>>>();
  const outside: string[] = [];
  for (const [name, weight] of dict.weights) {
    if (name.startsWith(prefix)) below.set(name.slice(prefix.length), weight);
    else outside.push(name);
  }
  const weights = family.canonical(below);
  if (weights === null) return null;
  const architecture = options.arch === null ? family.detect(weights) : family.named(options.arch, weights);
  if (architecture === null) return null;
  const { inputSize } = options;
  if (inputSize !== null && architecture.fixedSize && inputSize.join() !== architecture.size.join()) {
    throw new ExpectedError(
      'wrong-input-size',
      `Its position embeddings are made for ${architecture.size.join('x')} (height x width), asked for was ${inputSize.join('x')}.`,
    );
  }
  const stated = architecture.fixedSize ? null : (options.statedSize ?? null);
  const size = inputSize ?? stated ?? architecture.size;
  const scope = openScope(weights, architecture.name);
  const channels = architecture.channels(weights);
  const image = scope.builder.input('image', 'float32', ['N', channels, ...size]);
  const output = architecture.build(scope, { value: image, channels }, size);
  const missing = [...scope.problems.missing, ...scope.lostBiases()];
  const unused = [...weights.keys()].filter((name) => !scope.used.has(name) && !isBookkeeping(name));
  const extra = unused.filter((name) => architecture.roots.includes(name.split('.')[0]));
  return {
    dict,
    prefix,
    architecture,
    size,
    sizeFrom:
      inputSize !== null
        ? 'as the analyst chose'
        : stated !== null
          ? 'as the file beside the weights has it'
          : 'as the architecture has it',
    graph() {
      scope.fill();
      return scope.finish(output);
    },
    fitting: scope.used.size - scope.problems.missing.length - scope.problems.misshapen.length,
    problems: { ...scope.problems, missing },
    extra: extra.map((name) => prefix + name),
    leftOut: [...unused.filter((name) => !extra.includes(name)).map((name) => prefix + name), ...outside],
  };
}

/** What modules keep beside their weights and no forward pass reads. */
function isBookkeeping(name: string): boolean {
  return /(^|\.)(num_batches_tracked|position_ids|mask_token)$/.test(name);
}

function wrongOf({ problems, extra }: Attempt): number {
  return problems.missing.length + problems.misshapen.length + extra.length;
}

/** Encoders in use before averaged and momentum copies; then the one with more parameters; then the shorter prefix. */
function rank({ dict, prefix, fitting }: Attempt): number {
  const copy = /(^|[._])(ema|momentum|teacher|target|key|k|avg|averaged)([._]|$)/.test(`${dict.path}.${prefix}`);
  return (copy ? 0 : 1e9) + fitting * 100 - prefix.length - dict.path.length / 100;
}

function placeOf({ dict, prefix }: Attempt): string {
  const parts = [
    ...(dict.path === '' ? [] : [`in "${visibleName(dict.path)}"`]),
    ...(prefix === '' ? [] : [`under the prefix "${visibleName(prefix)}"`]),
  ];
  return parts.length === 0 ? '' : `, ${parts.join(' ')}`;
}

function notesOn(best: Attempt, fits: readonly Attempt[]): string[] {
  const { architecture, leftOut } = best;
  const others = fits.filter((fit) => fit !== best && fit.architecture.name === architecture.name);
  const types = new Map<string, number>();
  for (const { type } of best.dict.weights.values()) {
    if (['float64', 'float16', 'bfloat16'].includes(type)) types.set(type, (types.get(type) ?? 0) + 1);
  }
  return [
    `the weights were read as ${architecture.name}${placeOf(best)}`,
    `the images are ${best.size.join(' x ')} pixels, ${best.sizeFrom}`,
    ...architecture.assumptions,
    ...[...types].map(([type, count]) => `${count} tensors of ${type} were converted to float32`),
    ...(leftOut.length === 0
      ? []
      : [`${leftOut.length} tensors are no part of it and were not examined: ${listed(leftOut)}`]),
    ...(others.length === 0
      ? []
      : [
          `the file holds ${others.length} more encoders of this kind that were not examined:${others.map((each) => placeOf(each) || ' at the top').join(';')}`,
        ]),
  ];
}

function refusal(dicts: readonly StateDict[], attempts: readonly Attempt[], arch: string | null): ExpectedError {
  if (attempts.length === 0) {
    const names = dicts.flatMap(({ weights }) => [...weights.keys()]);
    const what =
      names.length === 0 ? 'It holds no named tensors.' : `It holds ${names.length} tensors: ${listed(names)}.`;
    if (arch === null || names.length === 0) return new ExpectedError('architecture-unknown', what);
    return new ExpectedError(
      'architecture-mismatch',
      `Nothing in it begins as ${arch} does (${anchorsOf(arch)}). ${what}`,
    );
  }
  const closest = attempts.reduce((a, b) => (wrongOf(b) - b.fitting < wrongOf(a) - a.fitting ? b : a));
  const { problems, extra, architecture } = closest;
  const kinds = [
    ['missing', problems.missing],
    ['of wrong shape', problems.misshapen],
    ['extra', extra],
  ] as const;
  const words = kinds
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${names.length} ${kind}: ${listed(names)}`);
  return new ExpectedError(
    'architecture-mismatch',
    `As ${architecture.name}${placeOf(closest)}, ${closest.fitting} parameters fit; ${words.join('. ')}.`,
  );
}

/** The parameters that an architecture is looked for by. */
function anchorsOf(arch: string): string {
  return families
    .filter(({ names }) => names.includes(arch))
    .flatMap(({ anchors }) => anchors)
    .join(', ');
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).map((name) => visibleName(name.slice(0, 200)));
  return shown.join(', ') + (names.length > LISTED ? ', …' : '');
}

function inputChannels(graph: Graph): number {
  return Number(graph.inputs[0].shape[1]);
}
