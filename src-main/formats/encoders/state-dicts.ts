/** Sets of named weights within what a checkpoint holds: at the top, nested, or in pickled modules. */
import { visibleName } from '../../../src-shared/text.ts';
import type { StateDict } from './architectures/match.ts';
import { dictOf, globalName, isObject, type PickleValue } from './pickle-values.ts';
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
  /** Tensors of a form that is not read (quantised, sparse, …), as "name (form)". */
  readonly unread: readonly string[];
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
  const unread: string[] = [];
  for (let next = queue.shift(); next !== undefined && seen.size < MOST_DICTS; next = queue.shift()) {
    const { value, path, depth } = next;
    if (!isObject(value) || seen.has(value)) continue;
    seen.add(value);
    const module = moduleState(value);
    if (module !== null) {
      modules = true;
      const weights = new Map<string, Weight>();
      collectModule(module, '', { weights, unread, find, seen }, 0);
      if (weights.size > 0) dicts.push({ path, weights });
      continue;
    }
    const entries = dictOf(value);
    if (entries === null) continue;
    const weights = new Map<string, Weight>();
    for (const [name, item] of entries) {
      const tensor = torchTensorOf(item, find, visibleName(name.slice(0, 200)));
      if (tensor !== null) {
        weights.set(name, tensor);
        continue;
      }
      const below = path === '' ? name : `${path}.${name}`;
      const form = unreadForm(item);
      if (form !== null) unread.push(`${visibleName(below.slice(0, 200))} (${form})`);
      else if (depth < DEEPEST) queue.push({ value: item, path: below, depth: depth + 1 });
      if (depth === 0 && form === null) beside.push(name);
    }
    if (weights.size > 0) dicts.push({ path, weights });
  }
  return { dicts, modules, beside, unread };
}

/** The attributes of a pickled `nn.Module`: an object that got a state with parameters and submodules; else null. */
function moduleState(value: PickleValue): Map<string, PickleValue> | null {
  if (!isObject(value) || value.kind !== 'call' || value.states.length !== 1) return null;
  const state = dictOf(value.states[0]);
  return state !== null && state.has('_parameters') && state.has('_modules') ? state : null;
}

/** What PyTorch calls the rebuilding of a tensor of another kind than `torchTensorOf` reads; null for what is none. */
function unreadForm(value: PickleValue): string | null {
  if (!isObject(value) || value.kind !== 'call') return null;
  const [, form] =
    /^torch\._utils\._rebuild_(?!(?:tensor(?:_v[23])?|parameter(?:_with_state)?)$)(\w+)$/.exec(
      globalName(value.callee) ?? '',
    ) ?? [];
  return form?.slice(0, 40) ?? null;
}

interface Collected {
  readonly weights: Map<string, Weight>;
  readonly unread: string[];
  readonly find: FindStorage;
  readonly seen: Set<PickleValue>;
}

function collectModule(state: Map<string, PickleValue>, prefix: string, collected: Collected, depth: number): void {
  const { weights, unread, find, seen } = collected;
  for (const kind of ['_parameters', '_buffers']) {
    for (const [name, item] of dictOf(state.get(kind) ?? null) ?? []) {
      const shown = visibleName((prefix + name).slice(0, 200));
      const tensor = torchTensorOf(item, find, shown);
      const form = tensor === null ? unreadForm(item) : null;
      if (tensor !== null) weights.set(prefix + name, tensor);
      else if (form !== null) unread.push(`${shown} (${form})`);
    }
  }
  if (depth >= DEEPEST_MODULE) return;
  for (const [name, item] of dictOf(state.get('_modules') ?? null) ?? []) {
    // A module that stands in two places is read at the first: shared ones would multiply without end.
    if (seen.has(item)) continue;
    seen.add(item);
    const inner = moduleState(item);
    if (inner !== null) collectModule(inner, `${prefix}${name}.`, collected, depth + 1);
  }
}
