/** Unlearning, recovering and filtering as journalled stages: see `unlearn.ts`, `recover.ts`, `filter.ts`. */
import type { ChannelFacts } from '../../../src-shared/domain/result.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { layerWires } from '../encoder/layer-wires.ts';
import { headParameters, joinHead } from './probe.ts';
import { progressOf, type PipelineContext } from './context.ts';
import { channelLipschitz, filterChannels } from './filter.ts';
import { recoverFilters } from './recover.ts';
import { fitPoolHead } from './stage-probe.ts';
import type { ExpandStage } from './stage-sift.ts';
import { count, select, stage, vector } from './steps.ts';
import { withInitializers } from '../graph/training.ts';
import { unlearn, unlearnBatch, unlearnedParameters } from './unlearn.ts';

export interface ChannelStage {
  readonly facts: ChannelFacts;
  readonly trusted: readonly Uint8Array[];
  readonly digest: string;
}

/** The named parameters of a graph. */
function learnable(graph: Graph, names: readonly string[]): Record<string, Tensor> {
  return Object.fromEntries(names.map((name) => [name, graph.initializers.get(name) as Tensor]));
}

export async function runChannels(
  context: PipelineContext,
  encoder: Encoder,
  expanded: ExpandStage,
): Promise<ChannelStage> {
  const { provider, samples, parameters, seed, signal } = context;
  const { pool } = expanded;
  const forgotten = await stage(
    context,
    'unlearn',
    select(context, 'unlearn', 'probe'),
    [expanded.digest],
    async () => {
      const { classifier } = await fitPoolHead(context, encoder, pool, 'unlearn/head');
      const trained = unlearnedParameters(encoder, parameters['unlearn.layers'] as 'last' | 'all');
      const result = await unlearn(provider, classifier, trained, samples, pool, {
        parameters,
        seed,
        signal,
        onEpoch: (epoch, epochs, loss) => {
          progressOf(context, 'unlearn', 'epochs')(epoch, epochs);
          context.emit({ type: 'metric', stage: 'unlearn', name: 'loss on the pool', at: epoch, value: loss });
        },
      });
      return {
        data: { accuracy: result.accuracy, epochs: result.epochs, stopped: result.stopped },
        tensors: learnable(result.classifier, [...encoder.parameters, ...Object.keys(headParameters(classifier))]),
      };
    },
  );
  const recovered = await stage(context, 'recover', select(context, 'recover'), [forgotten.digest], async () => {
    const unlearned = withInitializers(joinHead(encoder, forgotten.tensors, false), forgotten.tensors);
    const result = await recoverFilters(provider, unlearned, encoder, samples, pool, {
      parameters,
      batch: Math.max(32, unlearnBatch(pool.length)),
      seed,
      signal,
      onEpoch: (epoch, epochs, loss) => {
        progressOf(context, 'recover', 'epochs')(epoch, epochs);
        context.emit({ type: 'metric', stage: 'recover', name: 'loss on the pool', at: epoch, value: loss });
      },
    });
    return {
      data: { accuracy: result.accuracy },
      tensors: Object.fromEntries(encoder.layers.map((layer, l) => [layer.id, vector(result.masks[l])])),
    };
  });
  const filtered = await stage(context, 'filter', select(context, 'filter'), [recovered.digest], () => {
    const masks = encoder.layers.map((layer) => recovered.tensors[layer.id].data as Float32Array);
    const lipschitz = encoder.layers.map((layer) => channelLipschitz(layer, encoder.graph.initializers));
    const trusted = filterChannels(encoder, masks, lipschitz, {
      keep: parameters['filter.keep'],
      scope: parameters['filter.scope'] as 'layer' | 'global',
      ranking: parameters['filter.ranking'] as 'masks' | 'random',
      seed,
    });
    return Promise.resolve({
      data: {},
      tensors: Object.fromEntries(encoder.layers.map((layer, l) => [layer.id, vector(trusted[l])])),
    });
  });
  const trusted = encoder.layers.map((layer) => filtered.tensors[layer.id].data as Uint8Array);
  const masks = encoder.layers.map((layer) => recovered.tensors[layer.id].data as Float32Array);
  const all = masks.flatMap((mask) => [...mask]);
  return {
    trusted,
    digest: filtered.digest,
    facts: {
      used: true,
      layers: encoder.layers.map((layer, l) => ({
        id: layer.id,
        label: layer.label,
        channels: layer.channels,
        kept: count(trusted[l], (value) => value === 1),
        mask: [...masks[l]],
        trusted: Array.from(trusted[l], (value) => value === 1),
      })),
      wires: layerWires(encoder),
      saturatedAtOne: count(all, (value) => value >= 0.99) / all.length,
      unlearnedAccuracy: (forgotten.data as { accuracy: number }).accuracy,
      recoveredAccuracy: (recovered.data as { accuracy: number }).accuracy,
    },
  };
}

/** What is said of the channels where none is filtered: no mask was computed and none was kept. */
export function unusedChannels(encoder: Encoder): ChannelFacts {
  return {
    used: false,
    layers: encoder.layers.map(({ id, label, channels }) => ({
      id,
      label,
      channels,
      kept: 0,
      mask: [],
      trusted: new Array<boolean>(channels).fill(false),
    })),
    wires: layerWires(encoder),
    saturatedAtOne: null,
    unlearnedAccuracy: null,
    recoveredAccuracy: null,
  };
}
