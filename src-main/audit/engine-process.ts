/** Entry of the engine process: all decoding of untrusted files and all computing happens here; it may be killed at any time. */
import { parentChannel } from '../engine/jobs/entry.ts';
import { serveJobs } from '../engine/jobs/server.ts';
import { auditJob } from './audit-job.ts';
import { benchJob } from './bench-cell.ts';
import { doctorJob } from './doctor-job.ts';
import { endOnFault } from './engine-faults.ts';
import { exportJob } from './export-job.ts';
import { inspectJob } from './inspect-job.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { mapJob } from './map-job.ts';
import { previewJob } from './preview-job.ts';
import { renderJob } from './render-job.ts';
import { verifyAny } from './verify.ts';

// Ctrl-C reaches the whole terminal group; the host decides what becomes of this process.
process.on('SIGINT', () => {});
endOnFault();

const leave = (): void => process.exit(0);

serveJobs<EngineProtocol>(
  parentChannel(leave),
  {
    audit: auditJob,
    bench: benchJob,
    doctor: doctorJob,
    export: exportJob,
    inspect: inspectJob,
    map: mapJob,
    preview: previewJob,
    render: renderJob,
    verify: ({ path, key }) => verifyAny(path, key),
  },
  { onExit: leave },
);
