/**
 * Normalisation and size as the model's publisher states them in the JSON file that hubs put beside the weights:
 * `preprocessor_config.json` (HF transformers) or `config.json` (timm, `pretrained_cfg`). Weights hold neither.
 */
import { ExpectedError } from '../../../src-shared/failure.ts';
import type { ModelLimits } from '../limits.ts';
import type { SuggestedNormalisation } from './encoder-file.ts';
import { fieldsOf, parseJson, type Fields } from './fields.ts';
import type { EncoderSource } from './source.ts';

export interface ImageConfig {
  readonly normalisation: SuggestedNormalisation | null;
  /** Height and width. */
  readonly size: readonly [number, number] | null;
  /** What was read, or why it was not. */
  readonly notes: readonly string[];
}

const nothing: ImageConfig = { normalisation: null, size: null, notes: [] };

/** As hubs name the weights of a model that has a folder of its own; beside other names the JSON may be of another model. */
const HUB_NAME = /^(?:model\.safetensors|pytorch_model\.bin|model\.safetensors\.index\.json)$/;

/** Never throws for what the JSON holds: it is a help, and what is not understood in it is said. */
export function imageConfig(source: EncoderSource, limits: ModelLimits): ImageConfig {
  if (!HUB_NAME.test(source.file.name)) return nothing;
  for (const [name, read] of [
    ['preprocessor_config.json', fromTransformers],
    ['config.json', fromTimm],
  ] as const) {
    if (!source.hasPart(name)) continue;
    try {
      const { mean, std, size } = read(fieldsOf(parseJson(source.part(name), name, limits), name));
      if (mean === null && size === null) continue;
      const normalisation = mean === null ? null : { mean, std, source: `from the file (${name})` };
      return { normalisation, size, notes: [`${name} beside the weights was read`] };
    } catch (error) {
      if (!(error instanceof ExpectedError)) throw error;
      return { ...nothing, notes: [`${name} beside the weights was not understood: ${error.detail}`] };
    }
  }
  return nothing;
}

interface Stated {
  readonly mean: readonly number[] | null;
  readonly std: readonly number[];
  readonly size: readonly [number, number] | null;
}

function fromTransformers(config: Fields): Stated {
  const size = sizeIn(config.raw('crop_size')) ?? sizeIn(config.raw('size'));
  if (!config.flag('do_normalize', true) || config.raw('image_mean') === undefined)
    return { mean: null, std: [], size };
  // Pixels 0..255 are multiplied by a factor first; ours are 0..1 before that.
  const factor = config.flag('do_rescale', true) ? config.number('rescale_factor', 1 / 255) : 1;
  if (!(factor > 0)) return { mean: null, std: [], size };
  const scaled = (key: string): number[] => channels(config, key).map((value) => rounded(value / (255 * factor)));
  return { mean: scaled('image_mean'), std: deviations(scaled('image_std'), config), size };
}

function fromTimm(config: Fields): Stated {
  const inner = config.raw('pretrained_cfg') === undefined ? config : config.object('pretrained_cfg');
  const stated = inner.raw('input_size');
  const size = Array.isArray(stated) && stated.length === 3 ? sizeIn({ height: stated[1], width: stated[2] }) : null;
  if (inner.raw('mean') === undefined) return { mean: null, std: [], size: null };
  return { mean: channels(inner, 'mean'), std: deviations(channels(inner, 'std'), inner), size };
}

/** @throws ExpectedError encoder-malformed */
function channels(fields: Fields, key: string): number[] {
  const values = fields.list(key);
  const fits = [1, 3].includes(values.length) && values.every((value) => Number.isFinite(value));
  if (!fits) throw new ExpectedError('encoder-malformed', `"${key}" is not one or three numbers.`);
  return values.map(Number);
}

function deviations(std: number[], { what }: Fields): number[] {
  if (std.every((value) => value > 0)) return std;
  throw new ExpectedError('encoder-malformed', `${what}: a deviation is not above 0.`);
}

/** A factor of 1/255 leaves its rounding behind: 0.485 must stay 0.485. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}

function sizeIn(value: unknown): readonly [number, number] | null {
  const {
    height,
    width,
    shortest_edge: edge,
  } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const pair = typeof value === 'number' ? [value, value] : [height ?? edge, width ?? edge];
  const fits = pair.every((side) => Number.isInteger(side) && Number(side) >= 1 && Number(side) <= 4096);
  return fits ? [Number(pair[0]), Number(pair[1])] : null;
}
