/** Which provider a device name means. */
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Provider } from '../engine/providers/provider.ts';
import { createOrtProvider } from '../engine/providers/ort/provider.ts';

/**
 * Looks only at the name: cheap enough to be asked before the inputs are read.
 * @throws ExpectedError device-unavailable
 */
export function requireDevice(device: string): void {
  if (device === 'auto' || device === 'cpu' || device === 'ort-cpu') return;
  throw new ExpectedError('device-unavailable', `This version computes on "cpu" only, met ${JSON.stringify(device)}.`);
}

/** @throws ExpectedError device-unavailable, provider-failed */
export async function openProvider(device: string): Promise<Provider> {
  requireDevice(device);
  return await createOrtProvider();
}

/**
 * A provider whose answers to known questions were right just now, on this machine: wrong numbers would look like a verdict.
 * @throws ExpectedError device-unavailable; provider-failed naming the self-test
 */
export async function openTestedProvider(device: string): Promise<Provider> {
  const provider = await openProvider(device);
  const failed = (await provider.selfTest()).filter((test) => !test.passed);
  if (failed.length === 0) return provider;
  await provider.dispose();
  const named = failed.map((test) => `${test.name} (${test.detail}; met ${test.error})`).join('; ');
  throw new ExpectedError('provider-failed', `Its self-test failed: ${named}.`);
}
