/** Started as a process of its own by tests: opens the project named in argv and commits until it is killed. */
import { openWriter } from '../../../src-main/store/writer.ts';
import { poolRound, request } from './sample.ts';

const dir = process.argv[2]!;
const writer = openWriter(dir, { appVersion: '0.1.0' });
const [left] = writer.reader.interruptedRuns();
const run = left?.id ?? writer.startRun({ request, parameters: {}, environment: {} }).id;
if (left !== undefined) writer.resumeRun(run);
const earlier = writer.reader.steps(run).slice(0, -1);
writer.dropTransient(
  run,
  earlier.map((step) => step.name),
);
const first = (writer.reader.lastStep(run)?.position ?? -1) + 1;
for (let i = first; ; i += 1) {
  writer.appendEvents(run, [{ type: 'metric', stage: 'grow', name: 'loss', at: i, value: 1 / (i + 1) }]);
  writer.commitStep(run, {
    name: `grow/${i}`,
    params: { round: i },
    inputs: i === 0 ? [] : [writer.reader.step(run, `grow/${i - 1}`)!.digest],
    data: { size: i },
    tensors: new Uint8Array(200_000).fill(i % 251).fill(i >> 8, 0, 4),
    keep: 'transient',
    seconds: 0.001,
    poolRounds: [{ ...poolRound, round: i, size: i }],
  });
  if (i === first) process.stdout.write('ready\n');
  if (i > 0) writer.dropTransient(run, [`grow/${i - 1}`]);
}
