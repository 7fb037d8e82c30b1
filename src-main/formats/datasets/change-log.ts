/** Counts the images that the decoder did more to than unpacking them. */
import { changeTexts, type DecodedImage, type ImageChange } from '../images/image.ts';

export interface ChangeLog {
  add(image: Pick<DecodedImage, 'changes'>): void;
  /** One sentence for each change that was met. */
  notes(): readonly string[];
}

export function openChangeLog(): ChangeLog {
  const counts = new Map<ImageChange, number>();
  return {
    add({ changes = [] }) {
      for (const change of changes) counts.set(change, (counts.get(change) ?? 0) + 1);
    },
    notes: () =>
      (Object.keys(changeTexts) as ImageChange[])
        .filter((change) => counts.has(change))
        .map(
          (change) => `${counts.get(change)} ${counts.get(change) === 1 ? 'image' : 'images'}: ${changeTexts[change]}`,
        ),
  };
}
