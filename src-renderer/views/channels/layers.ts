/** What the channel views say of a layer. */
import { visibleName } from '../../../src-shared/text.ts';

/** Without what the view says anyway. */
export const layerName = (label: string): string =>
  visibleName(label).replace(/ \(\d+ (filters|hidden units|heads)\)$/, '');

/** NaN where no mask was computed. */
export const meanMask = (mask: readonly number[]): number =>
  mask.length === 0 ? NaN : mask.reduce((sum, one) => sum + one, 0) / mask.length;
