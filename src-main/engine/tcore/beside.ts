/** A second provider beside a run's own, for work that can go on while the run does something else. */
import type { Provider } from '../providers/provider.ts';
import type { PipelineContext } from './context.ts';

export interface Beside {
  /** The same one every time, started when it is first asked for; null where the run has to do everything itself. */
  provider(): Promise<Provider | null>;
  /** Ends it once, after what was asked for; whoever comes later waits for the same end. */
  dispose(): Promise<void>;
}

/** The answers are the same bit by bit with it and without, so a thread that does not start costs time only. */
export function besideOf({ provider, parameters, emit }: PipelineContext): Beside {
  let starting: Promise<Provider | null> | null = null;
  const start = async (): Promise<Provider | null> => {
    // The bound on memory was fitted for one net at a time.
    if (parameters['memory.limit'] > 0) return null;
    try {
      return (await provider.aside?.()) ?? null;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `All is computed one after the other, for a second thread could not be had. ${reason}`;
      emit({ type: 'warning', code: 'one-computing-thread', message, subject: null, values: { reason } });
      return null;
    }
  };
  let ending: Promise<void> | null = null;
  const end = async (): Promise<void> => (await starting)?.dispose();
  return { provider: () => (starting ??= start()), dispose: () => (ending ??= end()) };
}
