import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { svelte } from '@sveltejs/vite-plugin-svelte';

/** Folders of long tests first, so that no worker is left alone with one at the end. */
const order = ['integration', 'exploit', 'conformance', 'unit'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number =>
      order.findIndex((folder) => moduleId.includes(`/test/${folder}/`));
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  plugins: [svelte()],
  test: {
    pool: 'forks',
    // Tests open files in plain ONNX Runtime, too (src-main/engine/providers/ort/load.ts).
    env: { ORT_DISABLE_TELEMETRY: '1' },
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Far above what anything takes: a slow machine is no failure, a test that hangs still is one.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    // Two hundred modules are read once for a worker, not once for a file: a third of the time of the unit tests.
    isolate: false,
    projects: [
      { extends: true, test: { name: 'whole', include: ['test/integration/**/*.test.ts'] } },
      { extends: true, test: { name: 'unit', include: ['test/{exploit,conformance,unit}/**/*.test.ts'] } },
    ],
  },
});
