/** model.json of TF.js: which kind of model it is, its network, and the weights it names (tfjs-core/src/io/types.ts). */
import type { EncoderSource } from '../source.ts';
import type { ModelLimits } from '../../limits.ts';
import { fieldsOf, malformedModel, parseJson, shown, type Fields } from '../fields.ts';
import { readTfjsWeights, type TfjsWeights } from './weights.ts';

export interface TfjsModel {
  readonly kind: 'layers' | 'graph';
  /** `{class_name, config}` of a layers model, the GraphDef of a graph model. */
  readonly topology: Fields;
  readonly producer: string;
  readonly root: Fields;
  weights(): TfjsWeights;
}

const NAME = 'model.json';

/** A JSON text that speaks of a topology, or a folder with a model.json. */
export function looksLikeTfjs(source: EncoderSource): boolean {
  if (source.kind === 'folder') return source.hasPart(NAME);
  const { content } = source;
  const start = content.findIndex((byte) => byte > 0x20);
  if (content[start] !== 0x7b) return false;
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  return bytes.includes('"modelTopology"') || bytes.includes('"weightsManifest"');
}

/** @throws ExpectedError encoder-malformed, encoder-too-large */
export function openTfjsModel(source: EncoderSource, limits: ModelLimits): TfjsModel {
  const bytes = source.kind === 'folder' ? source.part(NAME) : source.content;
  const root = fieldsOf(parseJson(bytes, NAME, limits), NAME);
  const topology = root.object('modelTopology');
  const stated = root.raw('format');
  const isGraph = topology.raw('node') !== undefined || topology.raw('library') !== undefined;
  if (stated !== undefined && stated !== (isGraph ? 'graph-model' : 'layers-model')) {
    throw malformedModel(`${NAME} calls itself ${shown(stated)}, but holds a ${isGraph ? 'graph' : 'list of layers'}.`);
  }
  // The converter wraps what TF.js itself saves bare.
  const network = topology.raw('model_config') === undefined ? topology : topology.object('model_config');
  const says = (key: string): string => (typeof root.raw(key) === 'string' ? root.text(key) : '');
  return {
    kind: isGraph ? 'graph' : 'layers',
    topology: isGraph ? topology : network,
    producer: [says('generatedBy'), says('convertedBy')].filter((part) => part !== '').join(', '),
    root,
    weights: () => readTfjsWeights(root.raw('weightsManifest'), source.part, limits),
  };
}
