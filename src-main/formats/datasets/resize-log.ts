/** Counts the images whose own size is not the one they are examined at. */
import type { Resized } from './pixel-file.ts';

interface Size {
  readonly height: number;
  readonly width: number;
}

export interface ResizeLog {
  add(image: Size): void;
  result(): Resized;
}

/** A hostile dataset has a different size per file: beyond this many, sizes are counted only as a whole. */
const sizesKept = 4096;
const sizesListed = 5;

/** @param to height and width in pixels that everything is brought to */
export function openResizeLog(to: Size): ResizeLog {
  const counts = new Map<string, { readonly height: number; readonly width: number; count: number }>();
  let count = 0;
  return {
    add({ height, width }) {
      if (height === to.height && width === to.width) return;
      count++;
      const key = `${height}x${width}`;
      const known = counts.get(key);
      if (known !== undefined) known.count++;
      else if (counts.size < sizesKept) counts.set(key, { height, width, count: 1 });
    },
    result: () => ({
      count,
      sizes: [...counts.values()]
        .sort((a, b) => b.count - a.count || a.height - b.height || a.width - b.width)
        .slice(0, sizesListed),
    }),
  };
}
