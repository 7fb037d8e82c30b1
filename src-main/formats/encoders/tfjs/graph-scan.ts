/** TensorFlow operators that reach outside the graph: files, Python, other machines. */
import type { ScanFinding } from '../../../../src-shared/domain/scan.ts';
import { type Fields, fieldsOf } from '../fields.ts';

/** Operators that read or write files, run Python or native code, or open connections when the graph runs. */
const REACHES_OUT: Readonly<Record<string, string>> = {
  ReadFile: 'reads any file of whoever runs the graph',
  WriteFile: 'writes any file of whoever runs the graph',
  MergeV2Checkpoints: 'writes and deletes files',
  Save: 'writes files',
  SaveV2: 'writes files',
  SaveSlices: 'writes files',
  WholeFileReaderV2: 'reads files',
  TextLineReaderV2: 'reads files',
  TFRecordReaderV2: 'reads files',
  FixedLengthRecordReaderV2: 'reads files',
  TextLineDataset: 'reads files',
  TFRecordDataset: 'reads files',
  MatchingFiles: 'lists files',
  InitializeTableFromTextFileV2: 'reads files',
  PrintV2: 'writes to files when told to',
  PyFunc: 'runs Python code',
  PyFuncStateless: 'runs Python code',
  EagerPyFunc: 'runs Python code',
  LoadLibrary: 'loads native code',
  RpcCall: 'opens a connection',
  RpcClient: 'opens a connection',
  RpcServer: 'opens a port',
  DebugIdentityV2: 'may send values to a URL',
  DebugIdentity: 'may send values to a URL',
  BigQueryReader: 'opens a connection',
};

/** Savers stand in every SavedModel and do nothing until a checkpoint is asked for. */
const SAVERS = new Set(['SaveV2', 'MergeV2Checkpoints']);

/** @param allowSavers true for a SavedModel, whose saver is part of the format */
export function judgeOperators(counts: ReadonlyMap<string, number>, file: string, allowSavers: boolean): ScanFinding[] {
  return [...counts].flatMap(([op, count]): ScanFinding[] => {
    const what = Object.hasOwn(REACHES_OUT, op) ? REACHES_OUT[op] : '';
    if (what === '' || (allowSavers && SAVERS.has(op))) return [];
    return [
      {
        rule: 'tensorflow.unsafe-operator',
        severity: 'danger',
        title: `The operator ${op} ${what}`,
        where: `${file}, ${count} ${count === 1 ? 'node' : 'nodes'}`,
        detail: 'It would act when the graph is run; it was not.',
        atlas: 'AML.T0018.002',
      },
    ];
  });
}

/** Operators of a GraphDef in JSON, its functions included. Entries that are no nodes are passed over: the reader refuses them. */
export function countOperators(topology: Fields): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (nodes: unknown): void => {
    if (!Array.isArray(nodes)) return;
    for (const node of nodes as unknown[]) {
      const op = (node as { op?: unknown } | null)?.op;
      if (typeof op === 'string') counts.set(op.slice(0, 200), (counts.get(op.slice(0, 200)) ?? 0) + 1);
    }
  };
  add(topology.raw('node'));
  const library = topology.raw('library');
  const functions: unknown = library === undefined ? [] : fieldsOf(library, 'the library').raw('function');
  if (Array.isArray(functions)) {
    for (const each of functions as unknown[]) add((each as { nodeDef?: unknown } | null)?.nodeDef);
  }
  return counts;
}

export function scanOperators(topology: Fields, file: string): ScanFinding[] {
  return judgeOperators(countOperators(topology), file, false);
}
