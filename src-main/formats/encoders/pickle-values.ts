/**
 * What a pickle says, as plain data. Nothing that a pickle would have called or imported is called or imported: globals,
 * calls and persistent ids stay symbols, each with the byte offset of its opcode.
 */

export type PickleValue =
  | null
  | boolean
  /** Floats, and integers within the safe range; others are bigint. */
  | number
  | bigint
  | string
  /** bytes, bytearray, and the byte strings of Python 2 (STRING, BINSTRING): a view of the file. */
  | Uint8Array
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleCall
  | PicklePersistent
  | PickleOpaque;

export interface PickleList {
  readonly kind: 'list' | 'tuple' | 'set' | 'frozenset';
  readonly items: PickleValue[];
}

export interface PickleDict {
  readonly kind: 'dict';
  /** In the order written; a key may be repeated, the last one counts. */
  readonly entries: (readonly [key: PickleValue, value: PickleValue])[];
}

/** A name that would have been imported. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly module: string;
  readonly name: string;
  readonly at: number;
}

/** An object that would have been made by a call, with all that was done to it afterwards. */
export interface PickleCall {
  readonly kind: 'call';
  readonly opcode: 'REDUCE' | 'NEWOBJ' | 'NEWOBJ_EX' | 'INST' | 'OBJ';
  readonly callee: PickleValue;
  readonly args: readonly PickleValue[];
  /** Keyword arguments (NEWOBJ_EX); null for the other opcodes. */
  readonly keywords: PickleValue;
  /** States given by BUILD, in order. */
  readonly states: PickleValue[];
  /** Items appended or added. */
  readonly items: PickleValue[];
  /** Items set by key. */
  readonly entries: (readonly [key: PickleValue, value: PickleValue])[];
  readonly at: number;
}

export interface PicklePersistent {
  readonly kind: 'persistent';
  readonly id: PickleValue;
  readonly at: number;
}

/** What only the unpickler's surroundings could give: extension codes and out-of-band buffers. */
export interface PickleOpaque {
  readonly kind: 'extension' | 'buffer';
  readonly code: number;
  readonly at: number;
}

export function isObject(value: PickleValue): value is Exclude<PickleValue, Uint8Array | null> & object {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}

/** The text of a str or of a Python 2 byte string (read as Latin-1, which loses nothing); null for anything else. */
export function textOf(value: PickleValue): string | null {
  if (typeof value === 'string') return value;
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : null;
}

/** `module.name` of a global; null for anything else. */
export function globalName(value: PickleValue): string | null {
  return isObject(value) && value.kind === 'global' ? `${value.module}.${value.name}` : null;
}

/**
 * The name that a call is made of. PyTorch before 1.6 wrote classes of modules as ids of the form ('module', class, file,
 * source): the class is named in them, and the text of its source is a warning to the reader, never run.
 */
export function calledName(callee: PickleValue): PickleGlobal | null {
  if (!isObject(callee)) return null;
  if (callee.kind === 'global') return callee;
  const id = callee.kind === 'persistent' ? sequenceOf(callee.id) : null;
  if (id?.length !== 4 || textOf(id[0]) !== 'module') return null;
  const [, named, ...source] = id;
  const said = source.every((part) => part === null || textOf(part) !== null);
  return said && isObject(named) && named.kind === 'global' ? named : null;
}

/** The call whose callee is one of the named globals, else null. */
export function callOf(value: PickleValue, ...names: readonly string[]): PickleCall | null {
  if (!isObject(value) || value.kind !== 'call') return null;
  const name = globalName(value.callee);
  return name !== null && names.includes(name) ? value : null;
}

/**
 * Items of a dict, of a collections.OrderedDict (or defaultdict, Counter) or of what a subclass of them adds, by text
 * keys; null for anything else. Keys that are no text are left out; of equal keys the last counts, as in Python.
 */
export function dictOf(value: PickleValue): Map<string, PickleValue> | null {
  let entries: readonly (readonly [PickleValue, PickleValue])[];
  if (isObject(value) && value.kind === 'dict') entries = value.entries;
  else {
    const call = callOf(value, 'collections.OrderedDict', 'collections.defaultdict', 'collections.Counter');
    if (call === null) return null;
    entries = [...pairsOf(call.args[0] ?? null), ...call.entries];
  }
  const found = new Map<string, PickleValue>();
  for (const [key, item] of entries) {
    const text = textOf(key);
    if (text !== null) found.set(text, item);
  }
  return found;
}

/** The pairs that OrderedDict([[k, v], …]) was made of (Python 2 and early 3 wrote it so). */
function pairsOf(value: PickleValue): (readonly [PickleValue, PickleValue])[] {
  if (!isObject(value)) return [];
  if (value.kind === 'dict') return value.entries;
  if (value.kind !== 'list' && value.kind !== 'tuple') return [];
  return value.items.flatMap((pair) =>
    isObject(pair) && (pair.kind === 'list' || pair.kind === 'tuple') && pair.items.length === 2
      ? [[pair.items[0], pair.items[1]] as const]
      : [],
  );
}

/** Items of a tuple or list (torch.Size too); null for anything else. */
export function sequenceOf(value: PickleValue): readonly PickleValue[] | null {
  if (!isObject(value)) return null;
  if (value.kind === 'tuple' || value.kind === 'list') return value.items;
  const size = callOf(value, 'torch.Size');
  return size !== null && size.args.length === 1 ? sequenceOf(size.args[0]) : null;
}

/** A sequence of integers; null when it is none or holds anything else. */
export function integersOf(value: PickleValue): number[] | null {
  const items = sequenceOf(value);
  if (items === null) return null;
  const numbers = items.filter((item): item is number => typeof item === 'number' && Number.isSafeInteger(item));
  return numbers.length === items.length ? numbers : null;
}
