/** The provider "tfjs" on TensorFlow.js's plain JavaScript backend: slow, and an implementation that shares no line with ours. */
import { createRequire } from 'node:module';
import { createTfjsProvider } from '../../src-main/engine/providers/tfjs/provider.ts';
import type { Tf } from '../../src-main/engine/providers/tfjs/load.ts';
import type { Provider } from '../../src-main/engine/providers/provider.ts';

const require = createRequire(import.meta.url);

export async function tfjsOnCpu(): Promise<Tf> {
  const tf = require('@tensorflow/tfjs-core') as Tf;
  require('@tensorflow/tfjs-backend-cpu');
  await tf.setBackend('cpu');
  await tf.ready();
  return tf;
}

export async function createTfjsCpuProvider(): Promise<Provider> {
  const tf = await tfjsOnCpu();
  return createTfjsProvider({
    tf,
    id: 'tfjs-cpu',
    device: 'cpu (JavaScript)',
    details: { 'tfjs-core': tf.version_core },
  });
}
