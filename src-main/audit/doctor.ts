/** What this machine can compute with, tested rather than claimed. */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import type { DoctorReport } from '../../src-shared/contract.ts';
import { serializeFailure } from '../../src-shared/failure.ts';
import { connectEngine } from '../engine/jobs/client.ts';
import type { Examined } from '../engine/providers/examine.ts';
import type { SelfTestRow } from '../engine/providers/provider.ts';
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
    const { providers, fastest } = await client.run('doctor', { device });
    const process: Check = {
      name: 'engine process',
      state: 'ok',
      detail: 'started, answered',
      values: { 'whole check s': round((performance.now() - start) / 1000), 'peak MB': megabytes(client.peakBytes()) },
    };
    return [process, ...providers.flatMap(checksOf), ...absent(providers), choice(device, fastest)];
  } catch (error) {
    return [{ name: 'engine process', state: 'failed', detail: serializeFailure(error).message, values: {} }];
  } finally {
    await client.close();
  }
}

type Met = Exclude<Examined, { readonly state: 'unavailable' }>;

function checksOf(examined: Examined): Check[] {
  if (examined.state === 'unavailable') return [];
  return [summary(examined), ...examined.tests.map((test) => selfTest(examined, test))];
}

function summary({ info, tests, state, speed }: Met): Check {
  const passed = tests.filter((test) => test.passed).length;
  return {
    name: `provider ${info.id}`,
    state: state === 'right' ? 'ok' : 'failed',
    detail:
      tests.length === 0
        ? 'It has no self-test and is not used.'
        : `${passed} of ${tests.length} self-tests passed${state === 'right' ? '' : '; it is not used'}`,
    values: {
      device: info.device,
      threads: info.threads,
      ...Object.fromEntries(
        Object.entries(info.details).map(([name, value]) => [name, typeof value === 'boolean' ? String(value) : value]),
      ),
      ...(speed === null
        ? {}
        : { 'forward images/s': Math.round(speed.forward), 'forward GFLOP/s': round(speed.gflops) }),
    },
  };
}

function selfTest({ id }: Met, test: SelfTestRow): Check {
  return {
    name: `${id}: ${test.name}`,
    state: test.passed ? 'ok' : 'failed',
    detail: test.detail,
    values: test.error === null ? {} : { 'relative error': Number(test.error.toExponential(2)) },
  };
}

/** Providers that cannot be had here, with the reasons: nothing is wrong with a machine without a GPU. */
function absent(providers: readonly Examined[]): Check[] {
  const missing = providers.flatMap((each) => (each.state === 'unavailable' ? [[each.id, each.reason] as const] : []));
  if (missing.length === 0) return [];
  const state = missing.length === providers.length ? 'failed' : 'ok';
  return [{ name: 'other providers', state, detail: 'cannot be used here', values: Object.fromEntries(missing) }];
}

function choice(device: string, fastest: string | null): Check {
  if (fastest === null)
    return { name: `device ${device}`, state: 'failed', detail: 'no provider is right', values: {} };
  return {
    name: `device ${device}`,
    state: 'ok',
    detail: `would compute with ${fastest}, the fastest that is right`,
    values: {},
  };
}

const round = (value: number): number => Number(value.toPrecision(3));
