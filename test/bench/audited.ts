/** What the project of an audit says of it, for the bench beside PyTorch: seconds per step, schedule, pools. */
import type { ResolvedParameters, MethodParameters } from '../../src-main/engine/tcore/parameters.ts';
import { parameterValues } from '../../src-main/engine/tcore/parameters.ts';
import { epochsFor } from '../../src-main/engine/tcore/epochs.ts';
import { unlearnBatch } from '../../src-main/engine/tcore/unlearn.ts';
import { planRounds } from '../../src-main/engine/tcore/bootstrap.ts';
import { openReader } from '../../src-main/store/reader.ts';
import { readSafetensors } from '../../src-main/formats/models-out/safetensors.ts';

export interface Audited {
  readonly parameters: MethodParameters;
  /** In the order of the journal; `trained`: images that a net was trained on, each time counted. */
  readonly stages: readonly { readonly name: string; readonly seconds: number; readonly trained: number }[];
  /** First and last pool: samples, and poison among them. */
  readonly pool: readonly [number, number];
  readonly final: readonly [number, number];
}

/** @param project folder of a project with one finished run in paper mode */
export function audited(project: string, poisoned: ReadonlySet<number>): Audited {
  const reader = openReader(project);
  try {
    const [{ id }] = reader.listRuns();
    const parameters = parameterValues(reader.run(id).parameters as unknown as ResolvedParameters);
    const steps = reader.steps(id);
    const poolOf = (name: string): Int32Array => {
      const step = steps.find((each) => each.name === name);
      const bytes = step === undefined ? null : reader.stepTensors(step);
      if (bytes === null) throw new Error(`the run has no tensors of ${name}`);
      return readSafetensors(bytes).tensors.get('pool')?.data as Int32Array;
    };
    const first = poolOf('sift');
    const sizes = new Map(
      planRounds(parameters).map(({ name }) => [
        name,
        steps.some((step) => step.name === name) ? poolOf(name).length : 0,
      ]),
    );
    const samples = reader.column(id, 'index')?.length ?? 0;
    const trained = imagesTrained(parameters, samples, first.length, sizes, steps);
    const withPoison = (pool: Int32Array): [number, number] => [
      pool.length,
      pool.filter((i) => poisoned.has(i)).length,
    ];
    return {
      parameters,
      stages: steps
        .filter(({ name }) => name !== 'preflight')
        .map(({ name, seconds }) => ({ name, seconds, trained: trained[name] ?? 0 })),
      pool: withPoison(first),
      final: withPoison(poolOf('final')),
    };
  } finally {
    reader.close();
  }
}

/** Whole batches, as `trainEpoch` makes them. */
function imagesTrained(
  p: MethodParameters,
  samples: number,
  pool: number,
  sizes: ReadonlyMap<string, number>,
  steps: readonly { readonly name: string; readonly data: unknown }[],
): Record<string, number> {
  const epochs = (count: number, size: number, batch: number): number =>
    count * batch * Math.max(1, Math.ceil(size / batch));
  const batch = unlearnBatch(pool);
  const unlearned = steps.find(({ name }) => name === 'unlearn')?.data as { epochs: number };
  const found: Record<string, number> = {
    probe: epochs(epochsFor(p['probe.epochs'], samples), samples, p['probe.batch']),
    'expand/cross-fit':
      epochs(p['crossfit.epochs'], Math.ceil(pool / 2), 16) + epochs(p['crossfit.epochs'], Math.floor(pool / 2), 16),
    // Its last epoch may have ended early.
    unlearn: epochs(100, pool, 64) + epochs(unlearned.epochs, pool, batch),
    recover: epochs(p['recover.epochs'], pool, Math.max(32, batch)),
  };
  for (const plan of planRounds(p)) {
    const size = sizes.get(plan.name) ?? 0;
    found[plan.name] = epochs(plan.epochs, size, plan.guidance === 'seeds' ? p['warmup.batch'] : p['train.batch']);
    if (plan.guidance === 'meta') found[plan.name] += epochs(1, samples, p['train.batch']);
  }
  return found;
}
