/**
 * The WebGPU provider on software Vulkan (SwiftShader, of Debian's package chromium, behind the loader of libvulkan1):
 * right or wrong, never fast. Where one of them is missing the tests say so. All of PyTorch's cases take minutes of shader compiling and run with CORESIFT_GPU_ALL=1.
 */
import { existsSync, globSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { differentiate } from '../../../src-main/engine/graph/autodiff.ts';
import { simplify } from '../../../src-main/engine/graph/fold.ts';
import type { Tensor } from '../../../src-main/engine/graph/ir.ts';
import { withBatchStatistics } from '../../../src-main/engine/graph/modes.ts';
import { readOnnx } from '../../../src-main/engine/graph/onnx/read.ts';
import { numbersOf, scalarTensor } from '../../../src-main/engine/graph/tensors.ts';
import { LEARNING_RATE, trainingStep } from '../../../src-main/engine/graph/training.ts';
import { createOrtGpuProvider } from '../../../src-main/engine/providers/ort/gpu.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import {
  errorFloor,
  gradientCases,
  modelBytes,
  relativeError,
  trainingReferences,
  trainingSteps,
} from '../../fixtures/graph/cases.ts';

const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
/** Chromium has a loader of its own, where no other program looks. */
const loader = globSync('/usr/lib/*-linux-gnu/libvulkan.so.1').length > 0;
const found = existsSync(software) && loader;
if (found) {
  process.env['VK_ICD_FILENAMES'] = software;
  process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
} else
  console.warn(
    `NOT RUN: the WebGPU provider on software Vulkan; ${software} or a Vulkan loader is missing (Debian: chromium, libvulkan1).`,
  );

const all = process.env['CORESIFT_GPU_ALL'] === '1';
/** What WebGPU lacks or computes wrongly unless it is lowered our way; the self-test has the rest. */
const few = ['conv-depthwise-multiplier', 'max-pool-ceil', 'max-pool-dilated', 'average-pool-ceil'];
const cases = gradientCases.filter(({ name }) => all || few.includes(name));

// Shaders are compiled for every new shape, which takes minutes on a busy machine.
const patience = 600_000;

describe.runIf(found)('the WebGPU provider', { timeout: patience }, () => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await createOrtGpuProvider('webgpu');
  });
  afterAll(() => provider.dispose());

  test('passes the self-test that every provider must pass, and says where it runs', async () => {
    const rows = await provider.selfTest();
    expect(rows.length).toBeGreaterThan(7);
    expect(rows.filter((row) => !row.passed)).toEqual([]);
    expect(provider.describe()).toMatchObject({
      id: 'ort-webgpu',
      details: { 'state on device': true, driver: software },
    });
  });

  test.each(cases.map((each) => [each.name, each] as const))("has PyTorch's gradients: %s", async (_, each) => {
    const { graph, gradients } = differentiate(each.graph, { loss: each.loss, wrt: each.wrt, dims: each.dims });
    const compiled = await provider.compile(graph, { dims: each.dims });
    const results = await compiled.run(each.feeds);
    await compiled.dispose();
    const floor = errorFloor(each);
    for (const [name, expected] of each.expected.gradients) {
      const met = results[gradients.get(name) as string].data as Float32Array;
      const wanted = expected.data as Float64Array;
      const nothing = Math.hypot(...wanted) < 1e-9 * floor;
      expect(relativeError(met, wanted, nothing ? 100 * floor : floor), name).toBeLessThan(each.tolerance);
    }
  });

  test("keeps weights and moments on the device for three steps and leads where PyTorch's lead", async () => {
    const reference = trainingReferences.find(({ name }) => name === 'sgd-momentum-decay');
    if (reference === undefined) throw new Error('the reference is gone');
    const graph = simplify(readOnnx(modelBytes('net-vgg')).graph);
    const dims = { N: 3 };
    const trained = withBatchStatistics(graph, { dims, updateRunning: true, momentum: 0.1 });
    const names = [...graph.initializers.keys()].filter((name) => /\.(weight|bias)$/.test(name));
    const step = trainingStep({
      graph: trained.graph,
      carried: trained,
      dims,
      loss: 'loss',
      parameters: names.map((name) => ({ name })),
      optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: 0.01 },
    });
    const compiled = await provider.compile(step.graph, { dims, state: step.state });
    await expect(compiled.run(trainingSteps[0])).rejects.toThrow('was not');
    compiled.setState(step.initialState);
    const rates = [0.05, 0.1, 0.02];
    for (const [at, feeds] of trainingSteps.entries()) {
      const { loss } = await compiled.run({ ...feeds, [LEARNING_RATE]: scalarTensor(rates[at]) });
      expect(Number(loss.data[0])).toBeCloseTo(reference.losses[at], 4);
    }
    const met = step.readParameters(compiled.getState());
    for (const [name, expected] of Object.entries(reference.state)) {
      const start = numbersOf(graph.initializers.get(name) as Tensor);
      const moved = Math.hypot(...numbersOf(expected).map((value, at) => value - start[at]));
      const gap = Math.hypot(...numbersOf(expected).map((value, at) => value - Number(met[name].data[at])));
      expect(gap, name).toBeLessThan(2e-3 * moved + 1e-6);
    }
    await compiled.dispose();
  });
});

describe('a GPU part that this build of ONNX Runtime lacks', () => {
  test('is named with what there is instead', async () => {
    const missing = process.platform === 'win32' ? 'coreml' : 'dml';
    await expect(createOrtGpuProvider(missing)).rejects.toMatchObject({ code: 'device-unavailable' });
    await expect(createOrtGpuProvider(missing)).rejects.toThrow(/has no "(dml|coreml)" here; it has cpu/);
  });
});
