/** Names of numbers as the use cases give them, made readable: "flipRateBefore", "flip-rate-before" -> "flip rate before". */
import { visibleName } from '../../../src-shared/text.ts';

export function readableName(name: string): string {
  return visibleName(name)
    .replace(/([a-z])([A-Z])/g, (_, low: string, high: string) => `${low} ${high.toLowerCase()}`)
    .replace(/[._-]+/g, ' ')
    .trim();
}
