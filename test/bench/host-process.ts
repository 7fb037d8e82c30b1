/**
 * The loopback host of a project as a process of its own that watches how long it stands still: `node host-process.ts
 * <project>`, told by messages: "begin", and "end", which is answered with the longest delay of its event loop, in ms.
 */
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createApp } from '../../src-main/audit/app.ts';
import { forkEngine } from '../../src-main/audit/spawn-engine.ts';
import { createLoopback } from '../../src-main/hosts/loopback/server.ts';

const root = new URL('../..', import.meta.url).pathname;
const [project = ''] = process.argv.slice(2);
const app = await createApp({
  project,
  sample: join(root, 'resources/samples/fashion'),
  spawn: () => forkEngine(join(root, 'out/main/engine.js')),
  settings: join(project, 'settings.json'),
  keys: join(project, 'keys'),
});
const server = await createLoopback(app, { rendererDir: join(root, 'out/renderer') });
/** A timer of 1 ms: what comes later than that is delay. */
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on('message', (message) => {
  if (message === 'begin') delay.reset();
  else process.send?.({ longest: delay.max / 1e6 });
});
process.once('disconnect', () => process.exit());
process.send?.({ url: server.url });
