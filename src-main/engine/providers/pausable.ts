/** A provider whose answers are held back while the run is paused: whoever asked waits, and asks for nothing more. */
import type { CompiledGraph, Provider } from './provider.ts';

/** @param wait null while the run goes on, else resolves when it may go on */
export function pausable(provider: Provider, wait: () => Promise<void> | null): Provider {
  // The answer is held, not the question: runs keep their order, and what they are fed from may be filled again after.
  const held = <T>(answer: Promise<T>): Promise<T> =>
    answer.then((value) => {
      const opened = wait();
      return opened === null ? value : opened.then(() => value);
    });
  return {
    describe: () => provider.describe(),
    selfTest: () => provider.selfTest(),
    dispose: () => provider.dispose(),
    async compile(graph, options) {
      const compiled = await held(provider.compile(graph, options));
      const pausing: CompiledGraph = {
        run: (feeds) => held(compiled.run(feeds)),
        setState: (values) => compiled.setState(values),
        getState: (names) => compiled.getState(names),
        dispose: () => compiled.dispose(),
        ...(compiled.ahead === undefined ? {} : { ahead: compiled.ahead }),
      };
      return pausing;
    },
    ...(provider.aside === undefined
      ? {}
      : {
          async aside() {
            const beside = (await provider.aside?.()) ?? null;
            return beside === null ? null : pausable(beside, wait);
          },
        }),
  };
}
