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
