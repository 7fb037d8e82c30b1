/** Puts recovered triggers to the test: what they flip in the undefended and in the sanitized model, and what chance flips. */
import { flipsAsTrigger } from '../../../src-shared/domain/result.ts';
import type { Graph } from '../graph/ir.ts';
import { spread } from '../math/spread.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { argmax } from '../tcore/epochs.ts';
import { sweep } from '../tcore/features.ts';
import { triggeredSource, type Trigger } from './trigger.ts';

export interface TriggerTest {
  /** Share (0..1) of the images not called the target without the trigger which are called that with it. */
  readonly flippedUndefended: number;
  readonly flippedSanitized: number;
  /** Images that could be flipped in the undefended model, or in the sanitized one where those are fewer. */
  readonly n: number;
  /** Class whose images alone were counted, because the trigger works on them only; null = all. */
  readonly from: number | null;
}

export interface TriggerTester {
  test(trigger: Trigger): Promise<TriggerTest>;
  /**
   * Share flipped in the undefended model by the strongest of some patterns that mean nothing (`controlsFor`).
   * @param from class whose images alone are counted; null = all
   */
  strongest(controls: readonly Trigger[], from: number | null): Promise<number>;
  dispose(): Promise<void>;
}

/** Share flipped from which a trigger counts as one for all classes; below it the class it works best on is looked at. */
const general = 0.5;
/** Fewest images of one class that say something of it. */
export const fewestOfClass = 30;
/** Images to try triggers on: so many in all, where there are as many, and of a class twice what says something of it. */
const [wanted, mostInAll] = [400, 2000];

/**
 * An even part of the images of every class, for a trigger that works on one class only is counted on that alone.
 * @param unseen samples that had no part in the triggers, none of the target @returns ascending
 */
export function testImages(unseen: Int32Array, labels: Int32Array, classes: number): Int32Array {
  const others = Math.max(1, classes - 1);
  const each = Math.max(Math.ceil(wanted / others), Math.min(2 * fewestOfClass, Math.floor(mostInAll / others)));
  const chosen = Array.from({ length: classes }, (_, c) => [
    ...spread(
      unseen.filter((i) => labels[i] === c),
      each,
    ),
  ]);
  return Int32Array.from(chosen.flat()).sort();
}

/**
 * @param indices samples to try triggers on, none labelled `target` @param target class that the triggers lead to
 */
export async function triggerTester(
  provider: Provider,
  models: { readonly undefended: Graph; readonly sanitized: Graph },
  samples: SampleSource,
  indices: Int32Array,
  target: number,
  options: { batch: number; signal: AbortSignal },
): Promise<TriggerTester> {
  const { batch, signal } = options;
  const dims = { N: batch };
  const undefended = await provider.compile(logitsOf(models.undefended), { dims });
  const sanitized = await provider.compile(logitsOf(models.sanitized), { dims }).catch(async (error: unknown) => {
    await undefended.dispose();
    throw error;
  });
  const hits = async (model: typeof undefended, source: SampleSource): Promise<Uint8Array> => {
    const called = new Uint8Array(indices.length);
    await sweep(model, {
      samples: source,
      indices,
      batch,
      signal,
      onBatch: ({ logits }, at, count) => {
        const classes = logits.length / count;
        for (let i = 0; i < count; i++) called[at + i] = argmax(logits, i * classes, classes) === target ? 1 : 0;
      },
    });
    return called;
  };
  const before = { undefended: await hits(undefended, samples), sanitized: await hits(sanitized, samples) };
  const classOf = Int32Array.from(indices, (i) => samples.labels[i]);
  /** Share flipped among the images of one class, or of all. */
  const flips = (was: Uint8Array, is: Uint8Array, only: number | null): { share: number; n: number } => {
    let [n, flipped] = [0, 0];
    for (let i = 0; i < was.length; i++) {
      if (was[i] === 1 || (only !== null && classOf[i] !== only)) continue;
      n++;
      flipped += is[i];
    }
    return { share: n > 0 ? flipped / n : 0, n };
  };
  return {
    async test(trigger) {
      const triggered = triggeredSource(samples, trigger);
      const after = { undefended: await hits(undefended, triggered), sanitized: await hits(sanitized, triggered) };
      const counted = (only: number | null): TriggerTest => {
        const open = flips(before.undefended, after.undefended, only);
        const left = flips(before.sanitized, after.sanitized, only);
        const n = Math.min(open.n, left.n);
        return { flippedUndefended: open.share, flippedSanitized: left.share, n, from: only };
      };
      const all = counted(null);
      if (all.flippedUndefended >= general) return all;
      const classes = [...new Set(classOf)].sort((a, b) => a - b).map((only) => counted(only));
      const [best] = classes
        .filter(({ n, flippedUndefended }) => n >= fewestOfClass && flippedUndefended >= general)
        .sort((a, b) => marginOf(b) - marginOf(a));
      return best !== undefined && marginOf(best) > marginOf(all) ? best : all;
    },
    async strongest(controls, from) {
      let most = 0;
      for (const control of controls) {
        const called = await hits(undefended, triggeredSource(samples, control));
        most = Math.max(most, flips(before.undefended, called, from).share);
      }
      return most;
    },
    async dispose() {
      await undefended.dispose();
      await sanitized.dispose();
    },
  };
}

/**
 * Order in which triggers are told of: what turns all classes comes first, for the one class that another turns was chosen
 * by how many of it turn; then the one that tells the two models apart by most.
 */
export function byReach(a: TriggerTest, b: TriggerTest): number {
  const turnsAll = (test: TriggerTest): number => (test.from === null && flipsAsTrigger(test) ? 1 : 0);
  return turnsAll(b) - turnsAll(a) || marginOf(b) - marginOf(a);
}

/** By how much the undefended model follows the trigger more than the sanitized one. */
function marginOf({ flippedUndefended, flippedSanitized }: TriggerTest): number {
  return flippedUndefended - flippedSanitized;
}

function logitsOf(classifier: Graph): Graph {
  return { ...classifier, outputs: classifier.outputs.filter(({ name }) => name === 'logits') };
}
