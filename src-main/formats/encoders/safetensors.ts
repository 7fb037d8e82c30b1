/** safetensors files and their sharded index (`model.safetensors.index.json`): weights without code and without a graph. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { visibleName } from '../../../src-shared/text.ts';
import { readRawSafetensors, type RawTensor } from '../models-out/safetensors.ts';
import type { ModelLimits } from '../limits.ts';
import { matchArchitecture } from './architectures/match.ts';
import type { EncoderReader } from './encoder-file.ts';
import type { EncoderSource } from './source.ts';
import { weightIn, type ElementType, type Weight } from './weights.ts';

const TYPES: Readonly<Record<string, ElementType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};

export const safetensorsReader: EncoderReader = {
  format: 'safetensors',
  recognises: (source) => source.kind === 'file' && (isSafetensors(source.content) || isIndex(source.content)),
  read(source, options) {
    const index = isIndex(source.content);
    const { tensors, metadata, notes } = index
      ? readShards(source, options.limits)
      : { ...readRawSafetensors(source.content, options.limits), notes: [] };
    const weights = new Map<string, Weight>();
    const foreign: string[] = [];
    for (const [name, raw] of tensors) {
      if (Object.hasOwn(TYPES, raw.type)) weights.set(name, weightOf(name, raw, TYPES[raw.type]));
      else foreign.push(`${visibleName(name.slice(0, 200))} (${raw.type})`);
    }
    const matched = matchArchitecture([{ path: '', weights }], options);
    const producer = metadata.format === undefined ? '' : visibleName(metadata.format.slice(0, 100));
    return {
      graph: matched.graph,
      format: index ? 'safetensors (sharded)' : 'safetensors',
      architecture: matched.architecture,
      opset: null,
      producer,
      notes: [
        ...matched.notes,
        ...notes,
        ...(foreign.length > 0
          ? [`${foreign.length} tensors are of a type that is not read: ${foreign.slice(0, 5).join(', ')}`]
          : []),
      ],
      normalisation: matched.normalisation,
      findings: [],
    };
  },
};

function weightOf(name: string, raw: RawTensor, type: ElementType): Weight {
  const layout = { type, dims: raw.dims, strides: null, offset: 0, bigEndian: false };
  return weightIn(() => raw.bytes, raw.bytes.length, layout, `The tensor "${visibleName(name.slice(0, 200))}"`);
}

/** A length (8 bytes) and a JSON object. */
function isSafetensors(content: Uint8Array): boolean {
  if (content.length < 10 || content[8] !== 0x7b) return false;
  const header = new DataView(content.buffer, content.byteOffset).getBigUint64(0, true);
  return header >= 2n && header < 2n ** 40n;
}

function isIndex(content: Uint8Array): boolean {
  const head = Buffer.from(content.subarray(0, 64)).toString('latin1').trimStart();
  return (
    head.startsWith('{') && Buffer.from(content.buffer, content.byteOffset, content.length).includes('"weight_map"')
  );
}

/**
 * Every tensor from the file that the index names for it; what index and files do not agree on is noted.
 * @throws ExpectedError encoder-malformed, encoder-too-large, file-missing, safetensors-malformed
 */
function readShards(
  source: EncoderSource,
  limits: ModelLimits,
): ReturnType<typeof readRawSafetensors> & { readonly notes: readonly string[] } {
  const { map, totalSize } = weightMap(source.content, limits);
  const shards = new Map<string, ReturnType<typeof readRawSafetensors>>();
  const tensors = new Map<string, RawTensor>();
  for (const [name, file] of map) {
    let shard = shards.get(file);
    if (shard === undefined) {
      shard = readRawSafetensors(source.part(file), limits);
      shards.set(file, shard);
    }
    const tensor = shard.tensors.get(name);
    if (tensor === undefined)
      throw malformed(`the tensor "${visibleName(name.slice(0, 200))}" is not in the file named for it`);
    tensors.set(name, tensor);
  }
  const [first] = shards.values();
  const unnamed = [...shards].flatMap(([file, shard]) =>
    [...shard.tensors.keys()]
      .filter((name) => tensors.get(name) !== shard.tensors.get(name))
      .map((name) => [name, file]),
  );
  const bytes = [...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0);
  const shown = unnamed.slice(0, 5).map(([name, file]) => `${visibleName(name.slice(0, 200))} in ${visibleName(file)}`);
  const notes = [
    ...(unnamed.length === 0
      ? []
      : [
          `${unnamed.length} tensors of its files are not named by the index and were not examined: ${shown.join(', ')}${unnamed.length > 5 ? ', …' : ''}`,
        ]),
    ...(totalSize === null || totalSize === bytes
      ? []
      : [`the index says that its tensors have ${totalSize} bytes; they have ${bytes}`]),
  ];
  return { tensors, metadata: first?.metadata ?? {}, notes };
}

interface Index {
  readonly map: readonly (readonly [tensor: string, file: string])[];
  /** Bytes of all tensors as the index has it; null when it says nothing. */
  readonly totalSize: number | null;
}

function weightMap(content: Uint8Array, limits: ModelLimits): Index {
  if (content.length > limits.maxHeaderBytes) {
    throw new ExpectedError(
      'encoder-too-large',
      `The index has ${content.length} bytes (limit maxHeaderBytes = ${limits.maxHeaderBytes}).`,
    );
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    throw malformed('it is no JSON', error);
  }
  const map = (parsed as { readonly weight_map?: unknown }).weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw malformed('its weight_map is none');
  const entries = Object.entries(map as Record<string, unknown>);
  if (entries.length > limits.maxTensors) {
    throw new ExpectedError(
      'encoder-too-large',
      `The index names more than ${limits.maxTensors} tensors (limit maxTensors).`,
    );
  }
  for (const [, file] of entries) if (typeof file !== 'string') throw malformed('a file in its weight_map is no text');
  const stated = (parsed as { readonly metadata?: { readonly total_size?: unknown } | null }).metadata?.total_size;
  return { map: entries as [string, string][], totalSize: typeof stated === 'number' ? stated : null };
}

function malformed(what: string, cause?: unknown): ExpectedError {
  return new ExpectedError('encoder-malformed', `The index of shards: ${what}.`, cause === undefined ? {} : { cause });
}
