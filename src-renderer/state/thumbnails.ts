/** Pictures of samples, asked for once and a few at a time; addresses are given back when too many are kept. */
import type { Thumbnail } from '../../src-shared/contract.ts';

export type PictureSource = (index: number, size: number) => Promise<string>;

const mostKept = 600;
const mostAtOnce = 6;

export function createPictures(fetchOne: (index: number, size: number) => Promise<Thumbnail>): {
  readonly get: PictureSource;
  clear(): void;
} {
  const kept = new Map<string, Promise<string>>();
  const waiting: (() => void)[] = [];
  let going = 0;

  const turn = async (): Promise<void> => {
    if (going >= mostAtOnce) await new Promise<void>((go) => waiting.push(go));
    going += 1;
  };
  const done = (): void => {
    going -= 1;
    // The one asked for last is what somebody looks at now.
    waiting.pop()?.();
  };
  const draw = async (index: number, size: number): Promise<string> => {
    await turn();
    try {
      const { png } = await fetchOne(index, size);
      return URL.createObjectURL(new Blob([png], { type: 'image/png' }));
    } finally {
      done();
    }
  };
  const drop = (address: Promise<string>): void =>
    void address.then(
      (url) => URL.revokeObjectURL(url),
      () => undefined,
    );

  return {
    get(index, size) {
      const key = `${index} ${size}`;
      const known = kept.get(key);
      if (known !== undefined) return known;
      const asked = draw(index, size);
      kept.set(key, asked);
      // A failure is not kept: the file may be there the next time.
      asked.catch(() => kept.delete(key));
      for (const [old, address] of kept) {
        if (kept.size <= mostKept) break;
        kept.delete(old);
        drop(address);
      }
      return asked;
    },
    clear() {
      for (const address of kept.values()) drop(address);
      kept.clear();
    },
  };
}
