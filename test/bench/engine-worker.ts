/** One task of the engine benchmark in a process of its own; see `engine.ts` for the protocol. */
import { createInterface } from 'node:readline';
import { createOrtProvider } from '../../src-main/engine/providers/ort/provider.ts';
import { prepare } from './engine-steps.ts';

const [task, threads] = process.argv.slice(2);
const provider = await createOrtProvider({ threads: Number(threads) });
const step = await prepare(provider, task);
console.log(JSON.stringify({ ready: true, what: `coresift, onnxruntime ${provider.describe().details.onnxruntime}` }));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break;
  const [least, seconds] = line.split(' ').map(Number);
  const wall: number[] = [];
  const cpu: number[] = [];
  const start = performance.now();
  while (wall.length < least || performance.now() - start < seconds * 1e3) {
    const used = process.cpuUsage();
    const from = performance.now();
    await step();
    wall.push(performance.now() - from);
    const { user, system } = process.cpuUsage(used);
    cpu.push((user + system) / 1e3);
  }
  console.log(JSON.stringify({ wall, cpu, peak: process.resourceUsage().maxRSS / 1024 }));
}
await provider.dispose();
process.exit(0);
