/** The section on channels: kept and made anew, layer by layer, and where the mask values lie. */
import { histogram } from '../../../src-shared/charts/histogram.ts';
import type { Section } from './blocks.ts';
import type { Writing } from './writing.ts';

export function channelSection({ record, words, figures }: Writing): Section {
  const { channels } = record;
  const total = channels.layers.reduce((sum, layer) => sum + layer.channels, 0);
  const kept = channels.layers.reduce((sum, layer) => sum + layer.kept, 0);
  if (!channels.used && total > 0) {
    return {
      id: 'channels',
      name: words['section.channels'],
      claim: words['channels.unused-claim']({ total: figures.count(total) }),
      blocks: [{ kind: 'text', text: words['channels.unused'] }],
    };
  }
  const claim = words['channels.claim']({
    kept: figures.count(kept),
    total: figures.count(total),
    rest: figures.count(total - kept),
    count: total,
  });
  const masks = histogram(channels.layers.flatMap((layer) => layer.mask).filter(Number.isFinite), [0, 1], 20);
  return {
    id: 'channels',
    name: words['section.channels'],
    claim,
    blocks:
      total === 0
        ? []
        : [
            {
              kind: 'chart',
              chart: {
                kind: 'bars',
                rows: channels.layers.map((layer) => ({
                  label: layer.label,
                  parts: [layer.kept, layer.channels - layer.kept],
                  note: words['channels.kept-of']({
                    kept: figures.count(layer.kept),
                    of: figures.count(layer.channels),
                  }),
                })),
              },
              alt: claim,
              caption: words['channels.caption'],
            },
            {
              kind: 'text',
              text: words['channels.accuracy']({
                unlearned: figures.percent(channels.unlearnedAccuracy),
                recovered: figures.percent(channels.recoveredAccuracy),
                saturated: figures.percent(channels.saturatedAtOne),
              }),
            },
            {
              kind: 'chart',
              chart: {
                kind: 'columns',
                columns: masks.map((bin) => ({ label: figures.fixed(bin.from, 2), value: bin.count })),
                axis: words['axis.mask'],
              },
              alt: words['channels.histogram'],
              caption: words['channels.histogram'],
            },
            {
              kind: 'table',
              caption: words['table.masks'],
              heads: [
                { name: words['column.layer'] },
                { name: words['column.channels'], kind: 'number' },
                { name: words['column.kept'], kind: 'number' },
                { name: words['column.lowest'], kind: 'number' },
                { name: words['column.mean'], kind: 'number' },
                { name: words['column.lowest-kept'], kind: 'number' },
              ],
              rows: channels.layers.map((layer) => [
                layer.label,
                figures.count(layer.channels),
                figures.count(layer.kept),
                figures.fixed(least(layer.mask), 3),
                figures.fixed(mean(layer.mask), 3),
                figures.fixed(least(layer.mask.filter((_, i) => layer.trusted[i])), 3),
              ]),
            },
          ],
  };
}

function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((low, value) => (value < low ? value : low), Infinity);
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
