/** Which blocks of the product have run, counted by V8 (precise block coverage). */
import { Session, type Profiler } from 'node:inspector';

export interface Coverage {
  /** Blocks that ran since the last look and never before it; they stay new until `keep` is told of them. */
  look(): readonly string[];
  keep(blocks: readonly string[]): void;
  /** All that were kept. */
  count(): number;
}

/** Must be asked for before the product's modules are loaded: what was compiled earlier is not counted. */
export function watchCoverage(): Coverage {
  const session = new Session();
  session.connect();
  const post = <T>(method: string, parameters: object = {}): T => {
    let answer: { readonly value: T } | null = null;
    // A session of the own process answers before `post` returns.
    session.post(method, parameters, (error, value) => {
      if (error !== null) throw error;
      answer = { value: value as T };
    });
    if (answer === null) throw new Error(`${method} gave no answer.`);
    return (answer as { readonly value: T }).value;
  };
  post('Profiler.enable');
  post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  const known = new Set<string>();
  return {
    look() {
      const { result } = post<Profiler.TakePreciseCoverageReturnType>('Profiler.takePreciseCoverage');
      const found: string[] = [];
      for (const { url, scriptId, functions } of result) {
        if (!url.includes('/src-main/')) continue;
        for (const { ranges } of functions) {
          for (const { count, startOffset, endOffset } of ranges) {
            const block = `${scriptId}:${startOffset}:${endOffset}`;
            if (count > 0 && !known.has(block)) found.push(block);
          }
        }
      }
      return found;
    },
    keep(blocks) {
      for (const block of blocks) known.add(block);
    },
    count: () => known.size,
  };
}
