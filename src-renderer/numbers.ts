/** Numbers as people of the page's language read them. */
import { t } from './state/language.svelte.ts';

export const formatCount = (count: number): string => t().f.count(count);
export const formatNumber = (value: number): string => t().f.number(value);
export const formatShare = (share: number): string => t().f.share(share);
export const formatDuration = (seconds: number): string => t().f.duration(seconds);
export const formatBytes = (bytes: number): string => t().f.bytes(bytes);
export const formatMoment = (time: string): string => t().f.moment(time);
