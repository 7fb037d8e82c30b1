/** What this machine can compute with, tested rather than claimed. */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import type { DoctorReport } from '../../src-shared/contract.ts';
import { serializeFailure } from '../../src-shared/failure.ts';
import { connectEngine } from '../engine/jobs/client.ts';
import { sqliteVersion } from '../store/database.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import type { EngineSpawner } from './spawn-engine.ts';
import { version } from './version.ts';

type Check = DoctorReport['checks'][number];

const megabytes = (bytes: number): number => Math.round(bytes / 1e6);

/** Runs every check; a check that fails is a line of the report, not an error. */
export async function examineMachine(spawn: EngineSpawner, device: string): Promise<DoctorReport> {
  return { checks: [runtime(), memory(), database(), ...(await engine(spawn, device))] };
}

function runtime(): Check {
  const major = Number(process.versions.node.split('.')[0]);
  return {
    name: 'runtime',
    state: major >= 24 ? 'ok' : 'failed',
    detail: `Coresift ${version} on Node ${process.versions.node}, ${process.platform}-${process.arch}`,
    values: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      processors: cpus().length,
      threads: availableParallelism(),
    },
  };
}

function memory(): Check {
  const free = freemem();
  return {
    name: 'memory',
    state: free < 1e9 ? 'warning' : 'ok',
    detail:
      free < 1e9 ? 'Less than 1 GB is free; an audit may be killed for want of it.' : 'Enough for the sample audit.',
    values: { 'total MB': megabytes(totalmem()), 'free MB': megabytes(free) },
  };
}

function database(): Check {
  return tested('database', () => {
    const found = sqliteVersion();
    return { detail: `SQLite ${found} through better-sqlite3`, values: {} };
  });
}

function tested(name: string, act: () => Pick<Check, 'detail' | 'values'>): Check {
  try {
    return { name, state: 'ok', ...act() };
  } catch (error) {
    return { name, state: 'failed', detail: serializeFailure(error).message, values: {} };
  }
}

async function engine(spawn: EngineSpawner, device: string): Promise<Check[]> {
  const start = performance.now();
  const client = connectEngine<EngineProtocol>(spawn());
  try {
    const { provider, tests, speed } = await client.run('doctor', { device });
    const failed = tests.filter((test) => !test.passed);
    const process: Check = {
      name: 'engine process',
      state: 'ok',
      detail: 'started, answered',
      values: { 'whole check s': round((performance.now() - start) / 1000), 'peak MB': megabytes(client.peakBytes()) },
    };
    const summary: Check = {
      name: `provider ${provider.id}`,
      state: failed.length === 0 && tests.length > 0 ? 'ok' : 'failed',
      detail:
        tests.length === 0
          ? 'It has no self-test.'
          : `${tests.length - failed.length} of ${tests.length} self-tests passed`,
      values: {
        device: provider.device,
        threads: provider.threads,
        ...Object.fromEntries(
          Object.entries(provider.details).map(([name, value]) => [
            name,
            typeof value === 'boolean' ? String(value) : value,
          ]),
        ),
        'forward images/s': Math.round(speed.forward),
        'forward GFLOP/s': round(speed.gflops),
      },
    };
    const rows = tests.map((test): Check => ({
      name: test.name,
      state: test.passed ? 'ok' : 'failed',
      detail: test.detail,
      values: test.error === null ? {} : { 'relative error': Number(test.error.toExponential(2)) },
    }));
    return [process, summary, ...rows];
  } catch (error) {
    return [{ name: 'engine process', state: 'failed', detail: serializeFailure(error).message, values: {} }];
  } finally {
    await client.close();
  }
}

const round = (value: number): number => Number(value.toPrecision(3));
