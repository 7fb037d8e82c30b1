/** Sets of named weights within what a checkpoint holds: at the top, nested, or in pickled modules. */
import { visibleName } from '../../../src-shared/text.ts';
import type { StateDict } from './architectures/match.ts';
import { dictOf, isObject, type PickleValue } from './pickle-values.ts';
import { torchTensorOf, type FindStorage } from './torch-tensors.ts';
import type { Weight } from './weights.ts';

/** Dicts within dicts, and modules within modules; files in use stay far below. */
const DEEPEST = 6;
const DEEPEST_MODULE = 64;
const MOST_DICTS = 10_000;

export interface FoundStateDicts {
  readonly dicts: readonly StateDict[];
  /** Whether weights were taken out of pickled modules. */
  readonly modules: boolean;
  /** Names of what else lies at the top. */
  readonly beside: readonly string[];
}

/** @throws ExpectedError encoder-malformed for tensors that contradict themselves */
export function stateDictsIn(root: PickleValue, find: FindStorage): FoundStateDicts {
  const dicts: StateDict[] = [];
  const seen = new Set<PickleValue>();
  const queue: { readonly value: PickleValue; readonly path: string; readonly depth: number }[] = [
    { value: root, path: '', depth: 0 },
  ];
  let modules = false;
  const beside: string[] = [];
  for (let next = queue.shift(); next !== undefined && seen.size < MOST_DICTS; next = queue.shift()) {
    const { value, path, depth } = next;
    if (!isObject(value) || seen.has(value)) continue;
    seen.add(value);
    const module = moduleState(value);
    if (module !== null) {
      modules = true;
      const weights = new Map<string, Weight>();
      collectModule(module, '', weights, find, seen, 0);
      if (weights.size > 0) dicts.push({ path, weights });
      continue;
    }
    const entries = dictOf(value);
    if (entries === null) continue;
    const weights = new Map<string, Weight>();
    for (const [name, item] of entries) {
      const tensor = torchTensorOf(item, find, visibleName(name.slice(0, 200)));
      if (tensor !== null) weights.set(name, tensor);
      else if (depth < DEEPEST)
        queue.push({ value: item, path: path === '' ? name : `${path}.${name}`, depth: depth + 1 });
      if (depth === 0 && tensor === null) beside.push(name);
    }
    if (weights.size > 0) dicts.push({ path, weights });
  }
  return { dicts, modules, beside };
}

/** The attributes of a pickled `nn.Module`: an object that got a state with parameters and submodules; else null. */
function moduleState(value: PickleValue): Map<string, PickleValue> | null {
  if (!isObject(value) || value.kind !== 'call' || value.states.length !== 1) return null;
  const state = dictOf(value.states[0]);
  return state !== null && state.has('_parameters') && state.has('_modules') ? state : null;
}

function collectModule(
  state: Map<string, PickleValue>,
  prefix: string,
  weights: Map<string, Weight>,
  find: FindStorage,
  seen: Set<PickleValue>,
  depth: number,
): void {
  for (const kind of ['_parameters', '_buffers']) {
    for (const [name, item] of dictOf(state.get(kind) ?? null) ?? []) {
      const tensor = torchTensorOf(item, find, visibleName((prefix + name).slice(0, 200)));
      if (tensor !== null) weights.set(prefix + name, tensor);
    }
  }
  if (depth >= DEEPEST_MODULE) return;
  for (const [name, item] of dictOf(state.get('_modules') ?? null) ?? []) {
    // A module that stands in two places is read at the first: shared ones would multiply without end.
    if (seen.has(item)) continue;
    seen.add(item);
    const inner = moduleState(item);
    if (inner !== null) collectModule(inner, `${prefix}${name}.`, weights, find, seen, depth + 1);
  }
}
