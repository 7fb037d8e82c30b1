/** Every provider's self-tests and a known net's speed, in the engine process as an audit would meet them. */
import { examineProvider, fastest, type Examined } from '../engine/providers/examine.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { candidatesFor, requireDevice } from './providers.ts';

type DoctorJob = EngineProtocol['jobs']['doctor'];

/** @throws ExpectedError device-unavailable for a name that means nothing */
export async function doctorJob({ device }: DoctorJob['request']): Promise<DoctorJob['result']> {
  requireDevice(device);
  const providers: Examined[] = [];
  for (const candidate of candidatesFor(device)) providers.push(await examineProvider(candidate));
  return { providers, fastest: fastest(providers) };
}
