/**
 * TensorFlow SavedModel. Its graph is scanned for operators that reach outside; it is not made into an encoder: the network
 * lies in traced functions, its values in a checkpoint beside it (variables/, a tensor bundle), and which value belongs to
 * which variable is what a restoring function of the same file computes (saved_model.proto, tensor_bundle.proto). A reader
 * of these was not written, because no file that TensorFlow wrote was at hand to prove it on. The reader says so.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { bytesOf, textOf, visitFields } from '../../engine/graph/onnx/wire.ts';
import type { ModelLimits } from '../limits.ts';
import type { EncoderReader, ScannedEncoder } from './encoder-file.ts';
import { malformedModel, tooLargeModel, unsupportedModel } from './fields.ts';
import { refuseUnsafe } from './layered/unsafe.ts';
import type { EncoderSource } from './source.ts';
import { judgeOperators } from './tfjs/graph-scan.ts';

const NAME = 'saved_model.pb';

export const savedModelReader: EncoderReader = {
  format: 'saved-model',
  recognises: (source) => (source.kind === 'folder' ? source.hasPart(NAME) : source.file.name.toLowerCase() === NAME),
  scan: (source, { limits }) => scanSavedModel(source, limits),
  read(source, { limits }) {
    const { findings, operators } = scanSavedModel(source, limits);
    refuseUnsafe(findings);
    const count = [...operators.values()].reduce((sum, each) => sum + each, 0);
    throw unsupportedModel(
      `It is a TensorFlow SavedModel of ${count} operators, scanned without finding one that reaches outside. Its network ` +
        'lies in traced functions and its values in a checkpoint that another function restores; Coresift reads neither, so it is ' +
        'not audited. Save it as .keras or .h5, or convert it to ONNX (tf2onnx) or TF.js (tensorflowjs_converter).',
    );
  },
};

/** @throws ExpectedError encoder-malformed, encoder-too-large */
function scanSavedModel(
  source: EncoderSource,
  limits: ModelLimits,
): ScannedEncoder & { operators: Map<string, number> } {
  const bytes = source.kind === 'folder' ? source.part(NAME) : source.content;
  const operators = operatorsOf(bytes, limits);
  if (operators.size === 0) throw malformedModel(`${NAME} holds no graph.`);
  return {
    operators,
    findings: judgeOperators(operators, NAME, true),
    notExamined: ['the values of its variables (variables/), which are not read'],
  };
}

/** Field numbers of saved_model.proto, meta_graph.proto, graph.proto, function.proto and node_def.proto. */
function operatorsOf(bytes: Uint8Array, limits: ModelLimits): Map<string, number> {
  const counts = new Map<string, number>();
  let nodes = 0;
  const node = (body: Uint8Array): void => {
    nodes += 1;
    if (nodes > limits.maxLayers * 20) throw tooLargeModel(`${NAME} has more than ${limits.maxLayers * 20} operators.`);
    visitFields(body, 'a node', (field) => {
      if (field.number !== 2) return;
      const op = textOf(field, 'a node').slice(0, 200);
      counts.set(op, (counts.get(op) ?? 0) + 1);
    });
  };
  const inside = (body: Uint8Array, what: string, number: number, use: (inner: Uint8Array) => void): void =>
    visitFields(body, what, (field) => {
      if (field.number === number) use(bytesOf(field, what));
    });
  try {
    inside(bytes, NAME, 2, (meta) =>
      inside(meta, 'a meta graph', 2, (graph) => {
        inside(graph, 'a graph', 1, node);
        inside(graph, 'a graph', 2, (library) =>
          inside(library, 'a library', 1, (definition) => inside(definition, 'a function', 3, node)),
        );
      }),
    );
  } catch (error) {
    if (error instanceof ExpectedError && error.code === 'onnx-malformed')
      throw malformedModel(`${NAME}: ${error.detail}`, error);
    throw error;
  }
  return counts;
}
