/**
 * PyTorch checkpoints: the zip format (1.6 and newer), the older one of several pickles with the storages behind them,
 * and plain pickles of arrays. Pickles are read by our own machine; nothing in them is imported or called.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import { visibleName } from '../../../src-shared/text.ts';
import type { PickleLimits } from '../limits.ts';
import { matchArchitecture } from './architectures/match.ts';
import type { EncoderReader, OpenOptions, ReadEncoder } from './encoder-file.ts';
import { scanPickle } from './pickle-scan.ts';
import { pickleMet, readPickle, type PickleContent, type PickleMet } from './pickle.ts';
import { isObject, sequenceOf, textOf, type PickleValue } from './pickle-values.ts';
import { stateDictsIn } from './state-dicts.ts';
import { storageIdOf, type FindStorage } from './torch-tensors.ts';
import { elementBytes } from './weights.ts';
import { looksLikeZip, openZip, type ZipArchive } from './zip.ts';

/** What a container holds: the pickled object, how to find its storages, what the scan met. */
interface Checkpoint {
  readonly root: PickleValue;
  readonly find: FindStorage;
  readonly findings: readonly ScanFinding[];
  readonly producer: string;
}

export const pytorchReader: EncoderReader = {
  format: 'pytorch',
  recognises({ kind, content }) {
    if (kind !== 'file') return false;
    if (looksLikeZip(content))
      return Buffer.from(content.buffer, content.byteOffset, content.length).includes('data.pkl');
    return looksLikePickle(content) || looksLikeTar(content);
  },
  scan({ content }, options) {
    if (looksLikeTar(content)) return { findings: [], notExamined: [] };
    const checkpoint = looksLikeZip(content)
      ? readZip(content, options)
      : isLegacy(content)
        ? readLegacy(content, options)
        : readPlain(content, options);
    return { findings: checkpoint.findings, notExamined: [] };
  },
  read({ content }, options) {
    if (looksLikeZip(content)) return encoderOf(readZip(content, options), options);
    if (looksLikeTar(content)) {
      throw new ExpectedError(
        'unsupported-encoder',
        'It is a tar archive, the format of PyTorch before 0.1.10; load and save it again with a newer PyTorch.',
      );
    }
    return encoderOf(isLegacy(content) ? readLegacy(content, options) : readPlain(content, options), options);
  },
};

function encoderOf({ root, find, findings, producer }: Checkpoint, options: OpenOptions): ReadEncoder {
  const { dicts, modules, beside, unread } = guarded(findings, () => stateDictsIn(root, find));
  const unreadNote = `${unread.length} tensors are of a form that is not read: ${unread.slice(0, 5).join(', ')}${unread.length > 5 ? ', …' : ''}`;
  const matched = guarded(findings, () => {
    if (dicts.length === 0 && unread.length > 0) throw new ExpectedError('unsupported-encoder', `${unreadNote}.`);
    try {
      return matchArchitecture(dicts, options);
    } catch (error) {
      if (unread.length === 0 || !(error instanceof ExpectedError)) throw error;
      throw new ExpectedError(error.code, `${error.detail} ${unreadNote}.`, { cause: error });
    }
  });
  const others = beside.filter((name) => !dicts.some(({ path }) => path === name || path.startsWith(`${name}.`)));
  return {
    graph: matched.graph,
    format: 'pytorch',
    architecture: matched.architecture,
    opset: null,
    producer,
    notes: [
      ...matched.notes,
      ...(modules
        ? ['the file holds pickled modules; their weights were taken by form, their code was not looked at']
        : []),
      ...(unread.length > 0 ? [unreadNote] : []),
      ...(others.length > 0
        ? [
            `beside weights it holds: ${others
              .slice(0, 10)
              .map((name) => visibleName(name.slice(0, 60)))
              .join(', ')}${others.length > 10 ? ', …' : ''}`,
          ]
        : []),
    ],
    normalisation: matched.normalisation,
    findings,
  };
}

/** A refusal of a file in which the scan met something dangerous says that first. */
function guarded<T>(findings: readonly ScanFinding[], act: () => T): T {
  try {
    return act();
  } catch (error) {
    const worst = findings.find(({ severity }) => severity === 'danger');
    if (worst === undefined || !(error instanceof ExpectedError)) throw error;
    throw new ExpectedError(
      'encoder-unsafe',
      `${worst.title} (${worst.rule}, ${worst.where}). ${worst.detail} Besides: ${error.message}`,
      { cause: error },
    );
  }
}

/** One pickle of a file with its findings; when it breaks off behind something dangerous, that is what is said. */
function scanned(
  bytes: Uint8Array,
  start: number,
  where: string,
  findings: ScanFinding[],
  limits: PickleLimits,
  met = pickleMet(),
): PickleContent {
  const add = (): void => {
    findings.push(...scanPickle({ globals: [...met.globals.values()], oddities: met.oddities }, where));
  };
  let content: PickleContent;
  try {
    content = readPickle(bytes, limits, start, met);
  } catch (error) {
    add();
    return guarded(findings, () => {
      throw error;
    });
  }
  add();
  return content;
}

function note(rule: string, title: string, where: string, detail: string): ScanFinding {
  return { rule, severity: 'note', title, where, detail, atlas: null };
}

function readZip(content: Uint8Array, { pickle, zip: limits }: OpenOptions): Checkpoint {
  const zip = openZip(content, limits);
  const names = [...zip.entries.keys()];
  const pickles = names.filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new ExpectedError(
      'encoder-malformed',
      `The archive holds ${pickles.length} files data.pkl at its top, not one.`,
    );
  }
  const folder = pickles[0].slice(0, -'data.pkl'.length);
  const program = names.find((name) => name.startsWith(`${folder}code/`) || name === `${folder}constants.pkl`);
  if (program !== undefined) {
    throw new ExpectedError(
      'encoder-is-program',
      `It is a TorchScript archive (${visibleName(program.slice(0, 200))}).`,
    );
  }
  const findings: ScanFinding[] = [];
  const known = new RegExp(
    `^(data/[^/]+|data\\.pkl|version|byteorder|\\.data/serialization_id|\\.format_version|\\.storage_alignment)$`,
  );
  const strange = names.filter((name) => !name.startsWith(folder) || !known.test(name.slice(folder.length)));
  if (strange.length > 0) {
    const [first] = strange;
    const detail = `${strange.length} such entries; none of them was read.`;
    findings.push(
      note('zip.unexpected-entry', 'An entry that PyTorch does not write', visibleName(first.slice(0, 200)), detail),
    );
  }
  const { value } = scanned(
    zip.read(pickles[0]),
    0,
    `${visibleName(pickles[0].slice(0, 200))} in the archive`,
    findings,
    pickle,
  );
  return { root: value, find: storagesIn(zip, folder), findings, producer: 'PyTorch' };
}

function storagesIn(zip: ZipArchive, folder: string): FindStorage {
  const order = zip.entries.has(`${folder}byteorder`)
    ? Buffer.from(zip.read(`${folder}byteorder`)).toString('latin1')
    : 'little';
  if (order !== 'little' && order !== 'big')
    throw new ExpectedError('encoder-malformed', 'Its byte order is neither little nor big.');
  return (key) => {
    const name = `${folder}data/${key}`;
    const entry = zip.entries.get(name);
    if (entry === undefined) {
      throw new ExpectedError(
        'encoder-malformed',
        `The storage "${visibleName(key.slice(0, 50))}" is not in the archive.`,
      );
    }
    return { byteCount: entry.size, bigEndian: order === 'big', bytes: () => zip.read(name) };
  };
}

/** The first pickle of a file of the old format holds this number. */
const MAGIC = 0x1950a86a20f9469cfc6cn;

function isLegacy(content: Uint8Array): boolean {
  try {
    return readPickle(content.subarray(0, 64)).value === MAGIC;
  } catch {
    return false;
  }
}

function readLegacy(content: Uint8Array, { pickle }: OpenOptions): Checkpoint {
  const findings: ScanFinding[] = [];
  let at = 0;
  const next = (where: string, met?: PickleMet): PickleValue => {
    const read = scanned(content, at, where, findings, pickle, met);
    at = read.end;
    return read.value;
  };
  next('the magic number');
  const version = next('the version');
  if (version !== 1001)
    throw new ExpectedError('unsupported-encoder', 'It is of an unknown version of the old PyTorch format.');
  next('the system information');
  const met = pickleMet();
  const root = next('the checkpoint', met);
  const keys = sequenceOf(next('the list of storages'))?.map(
    (key) => textOf(key) ?? (typeof key === 'number' ? String(key) : null),
  );
  if (keys === undefined || keys.includes(null))
    throw new ExpectedError('encoder-malformed', 'Its list of storages is none.');
  return guarded(findings, () => {
    const storages = rawStorages(content, at, keys as string[], met);
    if (storages.end !== content.length) {
      const detail = `${content.length - storages.end} bytes follow the last storage; they were not read.`;
      findings.push(note('file.trailing-bytes', 'Bytes behind the end of the file', `byte ${storages.end}`, detail));
    }
    return { root, find: storages.find, findings, producer: 'PyTorch' };
  });
}

/** Behind the pickles: each storage's count of elements (8 bytes) and its elements, in the order of the keys. */
function rawStorages(
  content: Uint8Array,
  start: number,
  keys: readonly string[],
  { persistents }: PickleMet,
): { readonly find: FindStorage; readonly end: number } {
  const widths = new Map<string, number>();
  for (const { id } of persistents) {
    const storage = storageIdOf(id);
    if (storage !== null) widths.set(storage.key, storage.type === null ? 1 : elementBytes[storage.type]);
  }
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const places = new Map<string, Uint8Array>();
  let at = start;
  for (const key of keys) {
    const width = widths.get(key);
    if (width === undefined || places.has(key))
      throw new ExpectedError(
        'encoder-malformed',
        `The storage "${visibleName(key.slice(0, 50))}" is listed and not used, or listed twice.`,
      );
    const elements = at + 8 <= content.length ? view.getBigUint64(at, true) : null;
    if (elements === null || elements * BigInt(width) > BigInt(content.length - at - 8)) {
      throw new ExpectedError(
        'encoder-malformed',
        `The storage "${visibleName(key.slice(0, 50))}" reaches past the end of the file.`,
      );
    }
    const bytes = Number(elements) * width;
    places.set(key, content.subarray(at + 8, at + 8 + bytes));
    at += 8 + bytes;
  }
  return {
    end: at,
    find(key) {
      const bytes = places.get(key);
      if (bytes === undefined)
        throw new ExpectedError(
          'encoder-malformed',
          `The storage "${visibleName(key.slice(0, 50))}" is not in the file.`,
        );
      return { byteCount: bytes.length, bigEndian: false, bytes: () => bytes };
    },
  };
}

/** A pickle alone, e.g. a dict of numpy arrays. */
function readPlain(content: Uint8Array, { pickle }: OpenOptions): Checkpoint {
  const findings: ScanFinding[] = [];
  const { value, end } = scanned(content, 0, 'the pickle', findings, pickle);
  if (end !== content.length) {
    const detail = `${content.length - end} bytes follow its end; they were not read.`;
    findings.push(note('file.trailing-bytes', 'Bytes behind the end of the pickle', `byte ${end}`, detail));
  }
  const find: FindStorage = (key) => {
    throw new ExpectedError(
      'encoder-malformed',
      `A plain pickle has no storages, and it names "${visibleName(key.slice(0, 50))}".`,
    );
  };
  return { root: isObject(value) ? value : null, find, findings, producer: '' };
}

/** PROTO of version 2 to 5, or the first opcodes of the older textual protocols. */
function looksLikePickle(content: Uint8Array): boolean {
  if (content[0] === 0x80 && content[1] >= 2 && content[1] <= 5) return true;
  const head = Buffer.from(content.subarray(0, 200)).toString('latin1');
  return /^(\(?[ci][\w.]+\n[\w.]+\n|\([dlt]p?\d|\(?(ccopy_reg|ccollections)\n|[\](})]q)/.test(head);
}

function looksLikeTar(content: Uint8Array): boolean {
  return content.length > 512 && Buffer.from(content.subarray(257, 262)).toString('latin1') === 'ustar';
}
