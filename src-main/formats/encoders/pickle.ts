/**
 * Python pickles (protocols 0 to 5) read as data. This is a machine for the pickle opcodes that executes nothing: where
 * Python would import or call, it notes a symbol. Opcodes and their arguments are those of CPython's pickletools.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { defaultLimits, type PickleLimits } from '../limits.ts';
import { floatOf, rawUnicodeEscape, stringLiteral } from './pickle-literals.ts';
import { pickleOperands } from './pickle-operands.ts';
import { OPCODES } from './pickle-opcodes.ts';
import {
  calledName,
  isObject,
  type PickleCall,
  type PickleDict,
  type PickleList,
  type PicklePersistent,
  type PickleValue,
} from './pickle-values.ts';

/** A global the pickle names, with the first place where it does. */
export interface NamedGlobal {
  readonly module: string;
  readonly name: string;
  readonly opcode: string;
  /** Number of the opcode, from 0, and its byte offset in the bytes given. */
  readonly position: number;
  readonly at: number;
  /** The opcode that would have called it first; null while nothing does. */
  called: { readonly opcode: string; readonly position: number; readonly at: number } | null;
}

/** An opcode that asks for something outside the pickle which no reader can prove harmless. */
export interface PickleOddity {
  readonly what: 'extension' | 'computed-global' | 'computed-callee' | 'changed-symbol';
  readonly opcode: string;
  readonly position: number;
  readonly at: number;
}

/** Filled while reading, so that a caller knows what was named even when the pickle breaks off behind it. */
export interface PickleMet {
  readonly globals: Map<string, NamedGlobal>;
  readonly oddities: PickleOddity[];
  /** Objects that the surroundings would have given. */
  readonly persistents: PicklePersistent[];
}

export function pickleMet(): PickleMet {
  return { globals: new Map(), oddities: [], persistents: [] };
}

export interface PickleContent {
  readonly value: PickleValue;
  /** Each once, in the order met. */
  readonly globals: readonly NamedGlobal[];
  readonly oddities: readonly PickleOddity[];
  /** Highest protocol that a PROTO opcode names; 0 without one. */
  readonly protocol: number;
  readonly opcodes: number;
  /** Offset behind STOP; other bytes may follow. */
  readonly end: number;
}

/** Oddities beyond these are not listed: a file with one is as bad as a file with many. */
const MOST_ODDITIES = 100;

/**
 * Reads the pickle that starts at `start`.
 * @throws ExpectedError encoder-malformed (cut off, unknown opcode, wrong operands), encoder-too-large (a limit)
 */
export function readPickle(
  bytes: Uint8Array,
  limits: PickleLimits = defaultLimits.pickle,
  start = 0,
  { globals, oddities, persistents }: PickleMet = pickleMet(),
): PickleContent {
  const stack: PickleValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, PickleValue>();
  let opcodeAt = start;
  let position = -1;
  let opcode = '';
  let protocol = 0;
  let containers = 0;

  const place = (): string => `Pickle, opcode ${position} (${opcode}) at byte ${opcodeAt}`;
  const malformed = (what: string, cause?: unknown): ExpectedError => {
    const options = cause === undefined ? {} : { cause };
    return new ExpectedError('encoder-malformed', `${place()}: ${what}.`, options);
  };
  const tooLarge = (what: string, limit: keyof PickleLimits): ExpectedError =>
    new ExpectedError('encoder-too-large', `${place()}: ${what} (limit ${limit} = ${limits[limit]}).`);

  const operands = pickleOperands(bytes, start, limits, { malformed, tooLarge });
  const { at, take, uint, float, line, utf8Line, utf8, integer, long } = operands;

  const push = (value: PickleValue): void => {
    if (stack.length >= limits.maxStack) throw tooLarge('the stack is full', 'maxStack');
    stack.push(value);
  };
  /** Nothing below the last mark may be taken one by one, as in CPython. */
  const pop = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw malformed('the stack is empty');
    return stack.pop() as PickleValue;
  };
  const top = (): PickleValue => {
    if (stack.length <= (marks.at(-1) ?? 0)) throw malformed('the stack is empty');
    return stack[stack.length - 1];
  };
  const popMark = (): PickleValue[] => {
    const mark = marks.pop();
    if (mark === undefined) throw malformed('there is no mark');
    return stack.splice(mark);
  };
  const container = <T extends PickleValue>(value: T): T => {
    containers += 1;
    if (containers > limits.maxContainers) throw tooLarge('too many containers', 'maxContainers');
    return value;
  };
  const list = (kind: PickleList['kind'], items: PickleValue[]): PickleList => container({ kind, items });
  const remember = (index: number, value: PickleValue): void => {
    memo.set(index, value);
    if (memo.size > limits.maxMemo) throw tooLarge('the memo is full', 'maxMemo');
  };
  const memoIndex = (): number => {
    const index = integer(line());
    if (typeof index !== 'number' || index < 0) throw malformed('a memo index below zero or out of range');
    return index;
  };
  const recall = (index: number): void => {
    const value = memo.get(index);
    if (value === undefined) throw malformed(`the memo has no entry ${index}`);
    push(value);
  };

  const odd = (what: PickleOddity['what']): void => {
    if (oddities.length < MOST_ODDITIES) oddities.push({ what, opcode, position, at: opcodeAt });
  };
  const global = (module: string, name: string): PickleValue => {
    const key = `${module}\n${name}`;
    if (!globals.has(key)) {
      if (globals.size >= limits.maxGlobals) throw tooLarge('too many globals', 'maxGlobals');
      globals.set(key, { module, name, opcode, position, at: opcodeAt, called: null });
    }
    return container({ kind: 'global', module, name, at: opcodeAt });
  };
  const call = (
    how: PickleCall['opcode'],
    callee: PickleValue,
    args: readonly PickleValue[],
    keywords: PickleValue = null,
  ): void => {
    const known = calledName(callee);
    if (known !== null) {
      const named = globals.get(`${known.module}\n${known.name}`);
      if (named !== undefined) named.called ??= { opcode: how, position, at: opcodeAt };
    } else odd('computed-callee');
    push(
      container({
        kind: 'call',
        opcode: how,
        callee,
        args,
        keywords,
        states: [],
        items: [],
        entries: [],
        at: opcodeAt,
      }),
    );
  };
  const persistent = (id: PickleValue): PicklePersistent => {
    const made = container<PicklePersistent>({ kind: 'persistent', id, at: opcodeAt });
    persistents.push(made);
    return made;
  };
  const tupleArgs = (value: PickleValue): readonly PickleValue[] => {
    if (isObject(value) && value.kind === 'tuple') return value.items;
    // A symbolic object may well be a tuple in Python; what it holds is then unknown.
    if (isObject(value) && value.kind !== 'list' && value.kind !== 'dict') return [value];
    throw malformed('its arguments are no tuple');
  };
  const extend = (target: PickleValue, items: readonly PickleValue[], kind: 'list' | 'set'): void => {
    if (isSymbol(target)) return odd('changed-symbol');
    if (!isObject(target) || (target.kind !== kind && target.kind !== 'call')) {
      throw malformed(`it adds to what is no ${kind}`);
    }
    for (const item of items) target.items.push(item);
  };
  const setItems = (target: PickleValue, items: readonly PickleValue[]): void => {
    if (isSymbol(target)) return odd('changed-symbol');
    if (!isObject(target) || (target.kind !== 'dict' && target.kind !== 'call'))
      throw malformed('it sets items of no dict');
    for (const pair of pairs(items)) target.entries.push(pair);
  };
  const pairs = (items: readonly PickleValue[]): PickleDict['entries'] => {
    if (items.length % 2 !== 0) throw malformed('a key has no value');
    const made: PickleDict['entries'] = [];
    for (let i = 0; i < items.length; i += 2) made.push([items[i], items[i + 1]]);
    return made;
  };

  for (;;) {
    opcodeAt = at();
    position += 1;
    if (opcodeAt >= bytes.length) {
      opcode = 'end of file';
      throw malformed('the pickle has no end');
    }
    if (position >= limits.maxOpcodes) throw tooLarge('too many opcodes', 'maxOpcodes');
    const code = uint(1);
    const name = OPCODES[code];
    if (name === undefined) {
      opcode = `0x${code.toString(16).padStart(2, '0')}`;
      throw malformed('no such opcode');
    }
    opcode = name;
    switch (name) {
      case 'PROTO': {
        const version = uint(1);
        if (version > 5) throw malformed(`protocol ${version} is unknown`);
        protocol = Math.max(protocol, version);
        break;
      }
      case 'FRAME': {
        const length = uint(8);
        const left = bytes.length - at();
        if (length > left) throw malformed(`a frame of ${length} bytes, ${left} are left`);
        break;
      }
      case 'STOP': {
        const value = pop();
        return { value, globals: [...globals.values()], oddities, protocol, opcodes: position + 1, end: at() };
      }
      case 'MARK':
        if (marks.length >= limits.maxMarks) throw tooLarge('too many marks', 'maxMarks');
        marks.push(stack.length);
        break;
      case 'POP':
        // CPython lets POP take a mark away when nothing lies above it.
        if (marks.at(-1) === stack.length) marks.pop();
        else pop();
        break;
      case 'POP_MARK':
        popMark();
        break;
      case 'DUP':
        push(top());
        break;
      case 'NONE':
        push(null);
        break;
      case 'NEWTRUE':
        push(true);
        break;
      case 'NEWFALSE':
        push(false);
        break;
      case 'INT': {
        const text = line();
        push(text === '01' ? true : text === '00' ? false : integer(text));
        break;
      }
      case 'LONG': {
        const text = line();
        push(integer(text.endsWith('L') ? text.slice(0, -1) : text));
        break;
      }
      case 'BININT':
        push(uint(4) | 0);
        break;
      case 'BININT1':
        push(uint(1));
        break;
      case 'BININT2':
        push(uint(2));
        break;
      case 'LONG1':
        push(long(uint(1)));
        break;
      case 'LONG4': {
        const length = uint(4);
        if (length > 0x7fffffff) throw malformed('a negative length');
        push(long(length));
        break;
      }
      case 'FLOAT': {
        const text = line().trim();
        const number = floatOf(text);
        if (number === null) throw malformed(`${JSON.stringify(text.slice(0, 40))} is no number`);
        push(number);
        break;
      }
      case 'BINFLOAT':
        push(float());
        break;
      case 'STRING': {
        const bare = stringLiteral(line().trim());
        if (bare === null) throw malformed('its text is not quoted as Python quotes');
        push(bare);
        break;
      }
      case 'BINSTRING': {
        const length = uint(4);
        if (length > 0x7fffffff) throw malformed('a negative length');
        push(take(length));
        break;
      }
      case 'SHORT_BINSTRING':
      case 'SHORT_BINBYTES':
        push(take(uint(1)));
        break;
      case 'BINBYTES':
        push(take(uint(4)));
        break;
      case 'BINBYTES8':
      case 'BYTEARRAY8':
        push(take(uint(8)));
        break;
      case 'UNICODE': {
        const text = rawUnicodeEscape(line());
        if (text === null) throw malformed('its escapes are broken');
        push(text);
        break;
      }
      case 'SHORT_BINUNICODE':
        push(utf8(uint(1)));
        break;
      case 'BINUNICODE':
        push(utf8(uint(4)));
        break;
      case 'BINUNICODE8':
        push(utf8(uint(8)));
        break;
      case 'EMPTY_LIST':
        push(list('list', []));
        break;
      case 'EMPTY_TUPLE':
        push(list('tuple', []));
        break;
      case 'EMPTY_SET':
        push(list('set', []));
        break;
      case 'EMPTY_DICT':
        push(container({ kind: 'dict', entries: [] }));
        break;
      case 'LIST':
        push(list('list', popMark()));
        break;
      case 'TUPLE':
        push(list('tuple', popMark()));
        break;
      case 'FROZENSET':
        push(list('frozenset', popMark()));
        break;
      case 'DICT':
        push(container({ kind: 'dict', entries: pairs(popMark()) }));
        break;
      case 'TUPLE1':
        push(list('tuple', [pop()]));
        break;
      case 'TUPLE2': {
        const second = pop();
        push(list('tuple', [pop(), second]));
        break;
      }
      case 'TUPLE3': {
        const third = pop();
        const second = pop();
        push(list('tuple', [pop(), second, third]));
        break;
      }
      case 'APPEND': {
        const item = pop();
        extend(top(), [item], 'list');
        break;
      }
      case 'APPENDS': {
        const items = popMark();
        extend(top(), items, 'list');
        break;
      }
      case 'ADDITEMS': {
        const items = popMark();
        extend(top(), items, 'set');
        break;
      }
      case 'SETITEM': {
        const value = pop();
        const key = pop();
        setItems(top(), [key, value]);
        break;
      }
      case 'SETITEMS': {
        const items = popMark();
        setItems(top(), items);
        break;
      }
      case 'PUT':
        remember(memoIndex(), top());
        break;
      case 'BINPUT':
        remember(uint(1), top());
        break;
      case 'LONG_BINPUT':
        remember(uint(4), top());
        break;
      case 'MEMOIZE':
        remember(memo.size, top());
        break;
      case 'GET':
        recall(memoIndex());
        break;
      case 'BINGET':
        recall(uint(1));
        break;
      case 'LONG_BINGET':
        recall(uint(4));
        break;
      case 'GLOBAL': {
        const module = utf8Line();
        push(global(module, utf8Line()));
        break;
      }
      case 'STACK_GLOBAL': {
        const attribute = pop();
        const module = pop();
        if (typeof attribute === 'string' && typeof module === 'string') push(global(module, attribute));
        else {
          // Where a name is worked out by the pickle itself, nobody can say what it is.
          odd('computed-global');
          push(global(typeof module === 'string' ? module : '?', typeof attribute === 'string' ? attribute : '?'));
        }
        break;
      }
      case 'REDUCE': {
        const args = tupleArgs(pop());
        call('REDUCE', pop(), args);
        break;
      }
      case 'NEWOBJ': {
        const args = tupleArgs(pop());
        call('NEWOBJ', pop(), args);
        break;
      }
      case 'NEWOBJ_EX': {
        const keywords = pop();
        const args = tupleArgs(pop());
        call('NEWOBJ_EX', pop(), args, keywords);
        break;
      }
      case 'INST': {
        const module = utf8Line();
        const callee = global(module, utf8Line());
        call('INST', callee, popMark());
        break;
      }
      case 'OBJ': {
        const [callee, ...args] = popMark();
        if (callee === undefined) throw malformed('there is nothing to make an object of');
        call('OBJ', callee, args);
        break;
      }
      case 'BUILD': {
        const state = pop();
        const target = top();
        if (!isObject(target)) throw malformed('it gives a state to a plain value');
        // Giving a state to anything but a fresh object would set attributes of a module or class.
        if (target.kind === 'call') target.states.push(state);
        else odd('changed-symbol');
        break;
      }
      case 'PERSID':
        push(persistent(line()));
        break;
      case 'BINPERSID':
        push(persistent(pop()));
        break;
      case 'EXT1':
      case 'EXT2':
      case 'EXT4': {
        const registered = name === 'EXT1' ? uint(1) : name === 'EXT2' ? uint(2) : uint(4) | 0;
        if (registered <= 0) throw malformed('an extension code of zero or below');
        odd('extension');
        push(container({ kind: 'extension', code: registered, at: opcodeAt }));
        break;
      }
      case 'NEXT_BUFFER':
        push(container({ kind: 'buffer', code: 0, at: opcodeAt }));
        break;
      case 'READONLY_BUFFER':
        top();
        break;
    }
  }
}

/** What stands for a module's attribute or another object that exists outside the pickle. */
function isSymbol(value: PickleValue): boolean {
  return isObject(value) && !['list', 'tuple', 'set', 'frozenset', 'dict', 'call'].includes(value.kind);
}
