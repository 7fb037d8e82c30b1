/**
 * channel-masks.json: which channels of the encoder were kept, and the mask value each was judged by. In distilled mode
 * `used` is false: no channel was kept and no mask computed.
 */
import type { ChannelFacts } from '../../src-shared/domain/result.ts';
import type { Json } from '../../src-shared/json.ts';
import { plainJson } from './plain-json.ts';

export const channelMasksSchema = 'urn:coresift:schema:channel-masks:1';

export interface MaskSubject {
  readonly encoder: { readonly sha256: string; readonly file: string };
  readonly runId: string;
  readonly createdAt: string;
}

/** Valid against `schemas/channel-masks.schema.json`. Channels are in the order of the layer's output. */
export function channelMasksJson(channels: ChannelFacts, subject: MaskSubject): string {
  const value: Json = {
    $schema: channelMasksSchema,
    createdAt: subject.createdAt,
    run: subject.runId,
    encoder: { file: subject.encoder.file, sha256: subject.encoder.sha256 },
    used: channels.used,
    saturatedAtOne: finite(channels.saturatedAtOne),
    unlearnedAccuracy: finite(channels.unlearnedAccuracy),
    recoveredAccuracy: finite(channels.recoveredAccuracy),
    layers: channels.layers.map((layer) => ({
      id: layer.id,
      label: layer.label,
      channels: layer.channels,
      kept: layer.kept,
      mask: layer.mask.map(finite),
      trusted: layer.trusted.map((one) => one),
    })),
  };
  return plainJson(value);
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
