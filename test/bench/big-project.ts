/** A project that holds a finished run of many samples, as an audit of that size leaves it: for benches of hosts. */
import type { Tensor } from '../../src-main/engine/graph/ir.ts';
import { writeSafetensors } from '../../src-main/formats/models-out/safetensors.ts';
import { openWriter } from '../../src-main/store/writer.ts';
import type { SiftingFacts } from '../../src-shared/domain/result.ts';
import { stages } from '../../src-shared/domain/run.ts';
import type { SampleTable } from '../../src-shared/contract.ts';
import { dataset, encoder, poolRound, request, sifting, verdict } from '../unit/store/sample.ts';

/** Last taps of a network of eighteen layers, neighbours kept per sample, rounds, and numbers of its weights. */
const size = { taps: 8, used: 3, peers: 20, rounds: 17, weights: 3_000_000 };

const floats = (count: number, value: (i: number) => number): Tensor => {
  return { dtype: 'float32', dims: [count], data: Float32Array.from({ length: count }, (_, i) => value(i)) };
};
const ints = (count: number, value: (i: number) => number): Tensor => {
  return { dtype: 'int32', dims: [count], data: Int32Array.from({ length: count }, (_, i) => value(i)) };
};

/** @param table what the run knows of its samples @param result as the run recorded it */
export function fillBigProject(dir: string, table: SampleTable, result: object): void {
  const samples = table.columns.label.length;
  const writer = openWriter(dir, { appVersion: '0.1.0' });
  const { id: run } = writer.startRun({ request, parameters: {}, environment: { out: 'runs/0001' } });
  const classes = table.classNames.map((name) => ({ name, count: samples / table.classNames.length }));
  writer.setSubjects(run, { encoder, dataset: { ...dataset, samples, classes } });
  const taps = Array.from({ length: size.taps }, (_, t) => ({
    ...{ id: `tap${t}`, label: `stage ${t} (64 channels)`, neighbourShare: 0.7, chance: 0.1, reason: '' },
    used: t >= size.taps - size.used,
  }));
  const facts: SiftingFacts = { ...sifting, taps };
  const at = (name: string, data: object, tensors: Record<string, Tensor>): void => {
    const bytes = writeSafetensors(new Map(Object.entries(tensors)));
    const rounds = 'round' in data ? { poolRounds: [data as typeof poolRound] } : {};
    const step = {
      name,
      params: {},
      inputs: [],
      data: data as never,
      tensors: bytes,
      keep: 'kept',
      seconds: 1,
    } as const;
    writer.commitStep(run, { ...step, ...rounds });
  };
  at(
    'sift',
    { facts },
    {
      majority: floats(samples, Math.sin),
      ...Object.fromEntries(
        taps.flatMap(({ id }, t) => [
          [`plane/${id}`, { ...floats(2 * samples, (i) => Math.sin(i + t)), dims: [samples, 2] }],
          [`consistency/${id}`, floats(samples, (i) => Math.cos(i * (t + 1)))],
        ]),
      ),
      ...Object.fromEntries(
        taps.slice(-size.used).map(({ id }) => [`peers/${id}`, ints(size.peers * samples, (i) => (i * 7) % samples)]),
      ),
    },
  );
  for (let round = 0; round < size.rounds; round++) {
    const count = Math.round((samples * (round + 1)) / (size.rounds + 5));
    at(
      `grow/${round}`,
      { ...poolRound, round, size: count },
      { pool: ints(count, (i) => i), weights: floats(size.weights, (i) => Math.sin(i + round)) },
    );
  }
  writer.appendEvents(
    run,
    stages.flatMap((stage) => (['started', 'finished'] as const).map((state) => ({ type: 'stage', stage, state }))),
  );
  writer.saveSiftedSet(run, { label: 'final', facts, columns: { ...table.columns } });
  writer.finishRun(run, { verdict, result });
  writer.close();
}
