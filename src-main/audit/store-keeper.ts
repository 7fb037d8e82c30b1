/** The steps of a run in the project's store: found with what they were asked for, committed with what views read. */
import type { SiftingFacts } from '../../src-shared/domain/result.ts';
import type { PoolRound } from '../../src-shared/domain/run.ts';
import type { StepRecord, ProjectReader } from '../store/reader.ts';
import type { NewStep, ProjectWriter, SiftedSet } from '../store/writer.ts';
import { readSafetensors } from '../formats/models-out/safetensors.ts';
import type { EngineProtocol, StepMessage, StoredStep } from './engine-protocol.ts';
import type { Answers } from '../engine/jobs/client.ts';
import { requireSameStep } from './journal.ts';

/**
 * What the engine's journal asks for, answered from the store of `run`.
 * @param labels of the samples, known once the inputs were read
 * @param flush commits the events told so far: a run that is killed after a step has what the step told on its way
 */
export function storeKeeper(
  writer: ProjectWriter,
  run: string,
  labels: () => Int32Array,
  flush: () => void,
): Pick<Answers<EngineProtocol>, 'step.find' | 'step.commit'> {
  const { reader } = writer;
  return {
    'step.find': (spec) => {
      const step = reader.step(run, spec.name);
      if (step === null) return null;
      requireSameStep(step, spec);
      return stored(reader, step);
    },
    'step.commit': (message) => {
      flush();
      const step = writer.commitStep(run, {
        name: message.spec.name,
        params: message.spec.params,
        inputs: message.spec.inputs,
        data: message.data,
        tensors: message.tensors,
        keep: 'kept',
        seconds: message.seconds,
        ...rowsOf(message, labels()),
      });
      // The engine has the tensors; sending them back would only cost time.
      return { data: step.data, digest: step.digest, tensors: null };
    },
  };
}

function stored(reader: ProjectReader, step: StepRecord): StoredStep {
  return { data: step.data, tensors: reader.stepTensors(step), digest: step.digest };
}

type Rows = Pick<NewStep, 'poolRounds' | 'siftedSet'>;

/** What views read while the run goes on is also kept in rows of its own, committed with the step. */
function rowsOf(message: StepMessage, labels: Int32Array): Rows {
  const [stage] = message.spec.name.split('/', 1);
  switch (stage) {
    case 'warm-up':
    case 'grow':
    case 'final':
      return { poolRounds: [message.data as unknown as PoolRound] };
    case 'sift':
      return { siftedSet: siftedSet(message, labels) };
    default:
      return {};
  }
}

function siftedSet(message: StepMessage, labels: Int32Array): SiftedSet {
  const { facts } = message.data as unknown as { readonly facts: SiftingFacts };
  const { tensors } = readSafetensors(message.tensors ?? new Uint8Array(0));
  const column = <T>(name: string): T => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`The sift step has no tensor ${name}.`);
    return tensor.data as T;
  };
  const plane = column<Float32Array>('plane');
  return {
    // Sifted again, where some who had been picked were set aside: a set of its own.
    label: message.spec.name,
    facts,
    columns: {
      index: labels.map((_, i) => i),
      label: labels,
      majority: column<Float32Array>('majority'),
      consistency: column<Float32Array>('consistency'),
      seed: membership(column<Int32Array>('seeds'), labels.length),
      pool: membership(column<Int32Array>('pool'), labels.length),
      scatterX: plane.filter((_, i) => i % 2 === 0),
      scatterY: plane.filter((_, i) => i % 2 === 1),
    },
  };
}

function membership(members: Int32Array, count: number): Uint8Array {
  const flags = new Uint8Array(count);
  for (const i of members) flags[i] = 1;
  return flags;
}
