/** Looks at one model file in the engine process: what it is, what is in it, what in it an ordinary file does not have. */
import type { GraphSummary, ModelScan, NotScanned, ScanFinding } from '../../src-shared/domain/scan.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { understandEncoder } from '../engine/encoder/understand.ts';
import type { Graph } from '../engine/graph/ir.ts';
import type { EncoderReader, OpenedEncoder, OpenOptions } from '../formats/encoders/encoder-file.ts';
import { openEncoder, optionsWith, readerFor } from '../formats/encoders/open.ts';
import { openEncoderSource, type EncoderSource } from '../formats/encoders/source.ts';
import { polyglotFindings, sniffed } from '../formats/encoders/text-scan.ts';
import { parseLimits, withLimits, type Limits } from '../formats/limits.ts';

export interface InspectJob {
  readonly path: string;
  /** Limits set by hand, by dotted name. */
  readonly limits: Readonly<Record<string, number>>;
}

export interface Inspection extends ModelScan {
  /** The caps that were in force. */
  readonly limits: Limits;
}

/** Refusals that mean "somebody made this file so", and not "this is not for Coresift". */
const BROKEN = new Set(['encoder-malformed', 'onnx-malformed', 'safetensors-malformed']);

/** @throws ExpectedError file-missing, encoder-too-large; every other fault of the file is part of the answer */
export async function inspectJob({ path, limits }: InspectJob): Promise<Inspection> {
  const inForce = withLimits(parseLimits(limits));
  const options = optionsWith(inForce);
  const source = openEncoderSource(path, options.limits);
  const reader = readerFor(source);
  const findings: ScanFinding[] = [];
  const notExamined: NotScanned[] = [];
  const add = (more: readonly ScanFinding[]): void => {
    const known = new Set(findings.map(keyOf));
    findings.push(...more.filter((finding) => !known.has(keyOf(finding))));
  };
  const isZip = source.content[0] === 0x50 && source.content[1] === 0x4b;
  add(polyglotFindings(source.content, isZip));
  const stopped = await scanWith(reader, source, options, add, notExamined);
  let opened: OpenedEncoder | null = null;
  try {
    // Whoever kept its scanner busy without end would do the same to its reader.
    if (stopped !== null) throw stopped;
    opened = await openEncoder(path, options);
    add(opened.findings);
  } catch (error) {
    refusal(error, source, add, notExamined);
  }
  const graph = opened === null ? null : summary(opened.graph, notExamined);
  const parts = opened?.parts ?? source.parts();
  return {
    kind: source.kind,
    file: source.file,
    parts,
    format:
      opened?.format ?? (notExamined.some(({ reason }) => reason === 'no-reader') ? null : (reader?.format ?? null)),
    producer: opened?.producer ?? '',
    opset: opened?.opset ?? null,
    architecture: opened?.architecture ?? null,
    graph,
    sizes: {
      files: parts.reduce((sum, part) => sum + part.bytes, source.file.bytes),
      weights: opened === null ? null : weightBytes(opened.graph),
    },
    findings,
    notes: opened?.notes ?? [],
    limits: inForce,
    notExamined,
  };
}

const keyOf = ({ rule, where }: ScanFinding): string => `${rule} ${where}`;

async function scanWith(
  reader: EncoderReader | undefined,
  source: EncoderSource,
  options: OpenOptions,
  add: (findings: readonly ScanFinding[]) => void,
  notExamined: NotScanned[],
): Promise<ExpectedError | null> {
  if (reader?.scan === undefined) return null;
  try {
    const scanned = await reader.scan(source, options);
    add(scanned.findings);
    for (const what of scanned.notExamined) notExamined.push({ what, reason: 'not-scanned', detail: '' });
  } catch (error) {
    // The same fault meets the reader, which is asked next and says it.
    if (!(error instanceof ExpectedError)) throw error;
    if (error.code === 'reader-stopped') return error;
  }
  return null;
}

function refusal(
  error: unknown,
  source: EncoderSource,
  add: (findings: readonly ScanFinding[]) => void,
  notExamined: NotScanned[],
): void {
  if (!(error instanceof ExpectedError)) throw error;
  const { code, detail } = error;
  if (code === 'encoder-unrecognised' || code === 'not-onnx') {
    const is = sniffed(source.content);
    const what =
      is === null ? 'It is no model file of a known format.' : `It is ${is}, not a model file of a known format.`;
    const todo = 'Datasets are looked at by `coresift audit --dataset`.';
    notExamined.push({ what: source.file.name, reason: 'no-reader', detail: `${what} ${todo}` });
    return;
  }
  notExamined.push({ what: 'weights and graph', reason: code, detail });
  if (code === 'encoder-unsafe') {
    add([
      {
        rule: 'file.unsafe',
        severity: 'danger',
        title: 'Its content cannot be had without running code from the file',
        where: source.file.name,
        detail,
        atlas: 'AML.T0018.002',
      },
    ]);
  }
  if (code === 'reader-stopped') {
    add([
      {
        rule: 'file.stops-reader',
        severity: 'warning',
        title: 'The file kept its reader busy beyond the time limit',
        where: source.file.name,
        detail,
        atlas: 'AML.T0076',
      },
    ]);
  }
  if (BROKEN.has(code)) {
    add([
      {
        rule: 'file.malformed',
        severity: 'warning',
        title: 'The file breaks the rules of its format',
        where: source.file.name,
        detail,
        atlas: 'AML.T0076',
      },
    ]);
  }
}

function summary(graph: Graph, notExamined: NotScanned[]): GraphSummary {
  const counts = new Map<string, number>();
  for (const { op, domain } of graph.nodes) {
    const name = domain === '' ? op : `${domain}.${op}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  let parameters = 0;
  for (const { dtype, data } of graph.initializers.values()) if (dtype === 'float32') parameters += data.length;
  let family: string | null = null;
  let layers: number | null = null;
  try {
    const encoder = understandEncoder(graph, { inputSize: sizeFor(graph) });
    family = encoder.family;
    layers = encoder.layers.length;
  } catch (error) {
    if (!(error instanceof ExpectedError)) throw error;
    notExamined.push({ what: 'structure of the encoder', reason: error.code, detail: error.detail });
  }
  const shown = ({ name, dtype, shape }: Graph['inputs'][number]): string => `${name} ${dtype} [${shape.join(',')}]`;
  return {
    nodes: graph.nodes.length,
    operators: [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)),
    inputs: graph.inputs.map(shown),
    outputs: graph.outputs.map(shown),
    family,
    layers,
    parameters,
  };
}

/** An open image size is tried with the commonest one; nothing is computed with it. */
function sizeFor(graph: Graph): readonly [number, number] | null {
  const image = graph.inputs.find((input) => input.shape.length === 4);
  return image?.shape.slice(2).some((dim) => typeof dim !== 'number') === true ? [224, 224] : null;
}

function weightBytes(graph: Graph): number {
  let bytes = 0;
  for (const { data } of graph.initializers.values()) bytes += data.byteLength;
  return bytes;
}
