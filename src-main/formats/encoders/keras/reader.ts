/** Keras networks: `.h5` (one HDF5 file) and `.keras` (a zip of config and weights). Nothing of a file is executed. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { EncoderReader, OpenOptions, ReadEncoder } from '../encoder-file.ts';
import { fieldsOf, malformedModel, parseJson, unsupportedModel } from '../fields.ts';
import { buildNetwork } from '../layered/build.ts';
import { refuseUnsafe, scanLayers } from '../layered/unsafe.ts';
import { unzipMembers } from './archive.ts';
import { looksLikeHdf5, withHdf5, type KerasFile } from './hdf5.ts';
import { countedWeights, namedWeights } from './weights.ts';

export const CONFIG = 'config.json';
export const METADATA = 'metadata.json';
export const WEIGHTS = 'model.weights.h5';

export const kerasH5Reader: EncoderReader = {
  format: 'keras-h5',
  recognises: ({ content }) => looksLikeHdf5(content),
  scan: ({ content }, options) =>
    withHdf5(content, 'The file', options, nothing, (file) => ({
      findings: scanLayers(h5Config(file, options), 'model_config'),
      notExamined: [],
    })),
  read({ content }, options) {
    refuseArch(options);
    return withHdf5(content, 'The file', options, inNetwork, (file) => {
      const value = h5Config(file, options);
      const findings = scanLayers(value, 'model_config');
      refuseUnsafe(findings);
      const root = file.groups.has('model_weights') ? 'model_weights' : '';
      if (root === '') throw malformedModel('The file has a network but no model_weights.');
      const built = buildNetwork(value, namedWeights(file, root), options.limits);
      const version = file.texts('', 'keras_version')?.[0] ?? '';
      return result('keras-h5', built, `Keras ${version}`.trim(), findings);
    });
  },
};

export const kerasArchiveReader: EncoderReader = {
  format: 'keras',
  recognises: ({ content }) => looksLikeKerasArchive(content),
  async scan({ content }, options) {
    const config = (await unzipMembers(content, new Set([CONFIG]), options)).get(CONFIG);
    if (config === undefined) throw malformedModel(`The archive has no ${CONFIG}.`);
    return { findings: scanLayers(parseJson(config, CONFIG, options.limits), CONFIG), notExamined: [] };
  },
  async read({ content }, options) {
    refuseArch(options);
    const members = await unzipMembers(content, new Set([CONFIG, METADATA, WEIGHTS]), options);
    const config = members.get(CONFIG);
    const weights = members.get(WEIGHTS);
    if (config === undefined) throw malformedModel(`The archive has no ${CONFIG}.`);
    const value = parseJson(config, CONFIG, options.limits);
    const findings = scanLayers(value, CONFIG);
    refuseUnsafe(findings);
    if (weights === undefined) throw malformedModel(`The archive has no ${WEIGHTS}.`);
    if (!looksLikeHdf5(weights)) throw malformedModel(`${WEIGHTS} is no HDF5 file.`);
    const metadata = members.get(METADATA);
    const version = metadata === undefined ? '' : versionOf(parseJson(metadata, METADATA, options.limits));
    return withHdf5(weights, WEIGHTS, options, notOfOptimizer, (file) =>
      result('keras', buildNetwork(value, countedWeights(file), options.limits), `Keras ${version}`.trim(), findings),
    );
  },
};

const nothing = (): boolean => false;
const inNetwork = (path: string): boolean => path.startsWith('model_weights/');
/** An optimiser's moments are twice as large as the weights, and no part of the network. */
const notOfOptimizer = (path: string): boolean => !path.startsWith('optimizer/');

function versionOf(metadata: unknown): string {
  const version = fieldsOf(metadata, METADATA).raw('keras_version');
  return typeof version === 'string' ? version.slice(0, 40) : '';
}

/** A zip whose directory, at its end, names a Keras config. */
export function looksLikeKerasArchive(content: Uint8Array): boolean {
  if (content[0] !== 0x50 || content[1] !== 0x4b) return false;
  const tail = content.subarray(Math.max(0, content.length - 2 ** 20));
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.length);
  return bytes.includes(WEIGHTS) || (bytes.includes(CONFIG) && bytes.includes(METADATA));
}

/** @throws ExpectedError unsupported-encoder for weights without a network, encoder-malformed */
export function h5Config(file: KerasFile, { limits }: Pick<OpenOptions, 'limits'>): unknown {
  const texts = file.texts('', 'model_config');
  if (texts !== null) return parseJson(Buffer.from(texts[0] ?? '', 'utf8'), 'model_config', limits);
  if (file.texts('', 'layer_names') !== null || file.groups.has('layers') || file.groups.has('model_weights')) {
    throw unsupportedModel(
      'It holds weights without the network they belong to. Save the whole network: model.save("encoder.keras") or model.save("encoder.h5").',
    );
  }
  throw new ExpectedError('encoder-unrecognised', 'It is an HDF5 file, but not one that Keras wrote.');
}

function refuseArch({ arch }: OpenOptions): void {
  if (arch !== null) {
    throw new ExpectedError('usage', '--arch is for files that hold weights only; a Keras file has its own network.');
  }
}

function result(
  format: string,
  built: ReturnType<typeof buildNetwork>,
  producer: string,
  findings: ReadEncoder['findings'],
): ReadEncoder {
  const { graph, notes } = built;
  return { graph, format, architecture: null, opset: null, producer, notes, normalisation: null, findings };
}
