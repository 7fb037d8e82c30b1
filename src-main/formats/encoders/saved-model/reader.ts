/**
 * TensorFlow SavedModel. What it says of itself, its operators and its variables are read and looked at; it is not made into
 * an encoder: the network lies in traced functions, and which variable belongs to which of their arguments is what a
 * tree of Python objects in the same file says. Building the network from these was left undone because no file that
 * TensorFlow wrote was at hand to prove it on; the refusal says all of it.
 */
import type { ScanFinding } from '../../../../src-shared/domain/scan.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { visibleName } from '../../../../src-shared/text.ts';
import type { ModelLimits } from '../../limits.ts';
import type { EncoderReader, ScannedEncoder } from '../encoder-file.ts';
import { malformedModel, unsupportedModel } from '../fields.ts';
import { refuseUnsafe } from '../layered/unsafe.ts';
import type { EncoderSource } from '../source.ts';
import { judgeOperators } from '../tfjs/graph-scan.ts';
import { scanWeights } from '../weight-scan.ts';
import { floatsOf, readCheckpointIndex, shardName, type Checkpoint } from './checkpoint.ts';
import { readSavedModel, type SavedModel, type SavedTensor } from './messages.ts';

const NAME = 'saved_model.pb';
const VARIABLES = 'variables/variables';
/** Written by Keras 2 beside the graph. */
const KERAS = 'keras_metadata.pb';
/** Signatures, tensors and variables that the refusal names. */
const NAMED = 8;
/** Variables that are no numbers and are named. */
const MOST_FINDINGS = 20;

export const savedModelReader: EncoderReader = {
  format: 'saved-model',
  recognises: (source) => (source.kind === 'folder' ? source.hasPart(NAME) : source.file.name.toLowerCase() === NAME),
  scan: (source, { limits }) => scanSavedModel(source, limits),
  read(source, { limits }) {
    const { findings, model, checkpoint } = scanSavedModel(source, limits);
    refuseUnsafe(findings.filter(({ severity }) => severity === 'danger'));
    throw unsupportedModel(`${described(model, checkpoint)} ${wayOut(source)}`);
  },
};

interface ScannedSavedModel extends ScannedEncoder {
  readonly model: SavedModel;
  /** Null where there are no variables beside the graph. */
  readonly checkpoint: Checkpoint | null;
}

/** @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder (a compressed index) */
function scanSavedModel(source: EncoderSource, limits: ModelLimits): ScannedSavedModel {
  return inOwnWords(() => {
    const model = readSavedModel(source.kind === 'folder' ? source.part(NAME) : source.content, NAME, limits);
    if (model.operators.size === 0) throw malformedModel(`${NAME} holds no graph.`);
    const index = `${VARIABLES}.index`;
    const checkpoint = source.hasPart(index) ? readCheckpointIndex(source.part(index), index, limits) : null;
    return {
      model,
      checkpoint,
      findings: [...judgeOperators(model.operators, NAME, true), ...lookAtValues(checkpoint, source)],
      notExamined: [
        checkpoint === null
          ? `values of its variables: there is no ${index} beside it`
          : 'which variable is used where in its graph',
      ],
    };
  });
}

function lookAtValues(checkpoint: Checkpoint | null, source: EncoderSource): ScanFinding[] {
  if (checkpoint === null) return [];
  const { shards } = checkpoint;
  const findings: ScanFinding[] = [];
  for (const named of floatsOf(checkpoint, (shard) => source.part(shardName(VARIABLES, shard, shards)))) {
    if (findings.length < MOST_FINDINGS) findings.push(...scanWeights({ nodes: [], initializers: new Map([named]) }));
  }
  return findings;
}

/** The messages are read by the ONNX reader's means, whose errors speak of ONNX. */
function inOwnWords<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code !== 'onnx-malformed') throw error;
    throw malformedModel(`${NAME}: ${error.detail}`, error);
  }
}

function described({ version, tags, signatures, functions, operators }: SavedModel, met: Checkpoint | null): string {
  const count = [...operators.values()].reduce((sum, each) => sum + each, 0);
  const written = version === '' ? '' : ` written by TensorFlow ${visibleName(version)}`;
  const says = [
    tags.length === 0 ? 'no tags' : `tags ${tags.map(visibleName).join(', ')}`,
    ...some(
      signatures.map(
        ({ name, inputs, outputs }) =>
          `signature ${visibleName(name)}: ${some(inputs.map(tensorText)).join(', ')} to ${some(outputs.map(tensorText)).join(', ')}`,
      ),
    ),
    variablesText(met),
  ];
  return (
    `It is a TensorFlow SavedModel${written}: ${says.join('; ')}. Its graph of ${count} operators, ${functions} functions included, ` +
    'was scanned without finding one that reaches outside.'
  );
}

const tensorText = ({ name, dtype, dims }: SavedTensor): string =>
  `${visibleName(name)} ${dtype} ${dims === null ? 'of any shape' : `[${dims.map((dim) => (dim < 0 ? '?' : dim)).join()}]`}`;

function variablesText(checkpoint: Checkpoint | null): string {
  if (checkpoint === null) return `no variables (${VARIABLES}.index is not beside it)`;
  // The tree of Python objects is kept as a text among them.
  const numbers = checkpoint.variables.filter(({ kind }) => kind.bytes > 0);
  const total = numbers.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0);
  const names = numbers.map(
    ({ name, kind, dims }) =>
      `${visibleName(name.slice(0, 200).replace(/\/\.ATTRIBUTES\/VARIABLE_VALUE$/, ''))} ${kind.name} [${dims.join()}]`,
  );
  return `${numbers.length} variables of ${total} values (${some(names).join(', ')})`;
}

function some(texts: readonly string[]): readonly string[] {
  return texts.length <= NAMED ? texts : [...texts.slice(0, NAMED), `${texts.length - NAMED} more`];
}

function wayOut(source: EncoderSource): string {
  const why =
    'Its network lies in traced functions, and which variable goes to which of them is what a tree of Python objects says; ' +
    'Coresift does not build a network from these, so it is not audited.';
  if (source.hasPart(KERAS)) {
    return `${why} Keras wrote it: tf.keras.models.load_model(FOLDER).save("encoder.h5") makes a file that is read.`;
  }
  return `${why} python -m tf2onnx.convert --saved-model FOLDER --output encoder.onnx makes a file that is read, and so does tensorflowjs_converter.`;
}
