/** Which provider a device name means. */
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Provider } from '../engine/providers/provider.ts';
import { createOrtProvider } from '../engine/providers/ort/provider.ts';

/** @throws ExpectedError device-unavailable, provider-failed */
export async function openProvider(device: string): Promise<Provider> {
  switch (device) {
    case 'auto':
    case 'cpu':
    case 'ort-cpu':
      return await createOrtProvider();
    default:
      throw new ExpectedError(
        'device-unavailable',
        `This version computes on "cpu" only, met ${JSON.stringify(device)}.`,
      );
  }
}
