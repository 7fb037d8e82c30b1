/** Every provider that the same cases are run on: ONNX Runtime in both layouts, and TensorFlow.js's JavaScript backend. */
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import { createTfjsCpuProvider } from '../../support/tfjs-cpu.ts';

export const testedProviders = ['ort nchw', 'ort nchwc', 'tfjs'] as const;

export function openTested(name: (typeof testedProviders)[number]): Promise<Provider> {
  switch (name) {
    case 'ort nchw':
      return createOrtProvider({ threads: 1, layout: 'nchw' });
    case 'ort nchwc':
      return createOrtProvider({ threads: 1, layout: 'nchwc' });
    case 'tfjs':
      return createTfjsCpuProvider();
  }
}
