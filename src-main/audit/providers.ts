/** Which provider a device name means, and which there are. */
import { existsSync, readdirSync } from 'node:fs';
import { ExpectedError } from '../../src-shared/failure.ts';
import { examineProvider, fastest, type Candidate, type Examined } from '../engine/providers/examine.ts';
import { createOrtGpuProvider, gpuKinds } from '../engine/providers/ort/gpu.ts';
import { createOrtProvider } from '../engine/providers/ort/provider.ts';
import type { Provider } from '../engine/providers/provider.ts';
import { loadTfjsGpu } from '../engine/providers/tfjs/load.ts';
import { createTfjsProvider } from '../engine/providers/tfjs/provider.ts';

const cpu: Candidate = {
  id: 'ort-cpu',
  open: (threads) => createOrtProvider(threads === undefined ? {} : { threads }),
};
const gpus: readonly Candidate[] = [
  ...gpuKinds.map((kind): Candidate => ({ id: `ort-${kind}`, open: () => createOrtGpuProvider(kind) })),
  { id: 'tfjs-gpu', open: async () => createTfjsProvider(await loadTfjsGpu()) },
];

/** The providers that a device name stands for, the CPU's first. */
export function candidatesFor(device: string): readonly Candidate[] {
  switch (device) {
    case 'auto':
      return [cpu, ...gpus];
    case 'cpu':
      return [cpu];
    case 'gpu':
      return gpus;
    default:
      return [cpu, ...gpus].filter(({ id }) => id === device);
  }
}

/**
 * Looks only at the name: cheap enough to be asked before the inputs are read.
 * @throws ExpectedError device-unavailable
 */
export function requireDevice(device: string): void {
  if (candidatesFor(device).length > 0) return;
  const known = ['auto', 'cpu', 'gpu', ...candidatesFor('auto').map(({ id }) => id)].join(', ');
  throw new ExpectedError('device-unavailable', `There is ${known}; met ${JSON.stringify(device)}.`);
}

/**
 * Whether a look for a GPU can find one. Asking the libraries costs a third of a second and wakes drivers; the kernel's
 * own list costs nothing.
 */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  if ((process.env['VK_ICD_FILENAMES'] ?? process.env['VK_DRIVER_FILES'] ?? '') !== '') return true;
  if (existsSync('/dev/nvidia0') || existsSync('/dev/dxg')) return true;
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('render'));
}

/** What `auto` and `gpu` came to in this process; the answer does not change while it runs. */
const chosen = new Map<string, Promise<Candidate>>();

async function choose(device: string): Promise<Candidate> {
  const candidates = candidatesFor(device);
  if (device === 'auto' && !mayHaveGpu()) return cpu;
  const examined: Examined[] = [];
  for (const candidate of candidates) examined.push(await examineProvider(candidate));
  const best = candidates.find(({ id }) => id === fastest(examined));
  if (best !== undefined) return best;
  if (device === 'auto') return cpu;
  throw new ExpectedError('device-unavailable', examined.map(complaint).join(' '));
}

function complaint(examined: Examined): string {
  if (examined.state === 'unavailable') return `${examined.id}: ${examined.reason}`;
  const failed = examined.tests.filter((test) => !test.passed).map(({ name }) => name);
  return `${examined.id}: wrong answers (${failed.join(', ')}).`;
}

/**
 * @param threads of the CPU's provider; null = as many as the machine has
 * @throws ExpectedError device-unavailable, provider-failed
 */
export async function openProvider(device: string, threads: number | null = null): Promise<Provider> {
  requireDevice(device);
  const candidates = candidatesFor(device);
  if (candidates.length === 1) return await candidates[0].open(threads ?? undefined);
  let choice = chosen.get(device);
  if (choice === undefined) {
    choice = choose(device);
    chosen.set(device, choice);
  }
  return await (await choice).open(threads ?? undefined);
}

/**
 * A provider whose answers to known questions were right just now, on this machine: wrong numbers would look like a verdict.
 * @throws ExpectedError device-unavailable; provider-failed naming the self-test
 */
export async function openTestedProvider(device: string, threads: number | null = null): Promise<Provider> {
  const provider = await openProvider(device, threads);
  const failed = (await provider.selfTest()).filter((test) => !test.passed);
  if (failed.length === 0) return provider;
  await provider.dispose();
  const named = failed.map((test) => `${test.name} (${test.detail}; met ${test.error})`).join('; ');
  throw new ExpectedError('provider-failed', `Its self-test failed: ${named}.`);
}
