/** The engine's journal as the audit keeps it: each step is looked up and committed by the host that owns the store. */
import { ExpectedError } from '../../src-shared/failure.ts';
import type { Json } from '../../src-shared/json.ts';
import type { Tensor } from '../engine/graph/ir.ts';
import type { StepJournal, StepSpec } from '../engine/journal.ts';
import { readSafetensors, writeSafetensors } from '../formats/models-out/safetensors.ts';
import { canonicalJson, sha256, toJson } from '../store/canonical.ts';
import { stepDigest } from '../store/entries.ts';
import type { StoredStep, StepMessage } from './engine-protocol.ts';

/** Where steps are kept; in the engine process this is a question to the host. */
export interface StepKeeper {
  find(spec: StepSpec): Promise<StoredStep | null>;
  commit(step: StepMessage): Promise<StoredStep>;
}

/**
 * What `compute` returned is committed before anyone sees it. The data a caller gets went through the store's written
 * form either way, so a run that computes and a run that reads back go on with the very same values.
 */
export function stepJournal(keeper: StepKeeper): StepJournal {
  const seen = new Set<string>();
  return {
    async step(spec, compute) {
      if (seen.has(spec.name)) throw new Error(`The run has two steps called ${spec.name}.`);
      seen.add(spec.name);
      const found = await keeper.find(spec);
      if (found !== null) {
        return { data: found.data, tensors: unpack(found.tensors), digest: found.digest, resumed: true };
      }
      const start = performance.now();
      const { data, tensors } = await compute();
      const seconds = (performance.now() - start) / 1000;
      const stored = await keeper.commit({ spec, data, tensors: pack(tensors), seconds });
      return { data: stored.data, tensors, digest: stored.digest, resumed: false };
    },
  };
}

/** A journal that is gone with the process, with the digests a store would give: for benches and tests. */
export function memoryJournal(): StepJournal {
  return stepJournal({
    find: () => Promise.resolve(null),
    commit: ({ spec, data, tensors }) => {
      const { name, inputs } = spec;
      const written = toJson(data);
      const blob = tensors === null ? null : sha256(tensors);
      const digest = stepDigest({ name, params: toJson(spec.params), inputs, data: written, blob });
      return Promise.resolve({ data: written, tensors: null, digest });
    },
  });
}

/** Null when there are none. */
function pack(tensors: Readonly<Record<string, Tensor>>): Uint8Array | null {
  const entries = Object.entries(tensors);
  return entries.length === 0 ? null : writeSafetensors(new Map(entries));
}

function unpack(bytes: Uint8Array | null): Record<string, Tensor> {
  return bytes === null ? {} : Object.fromEntries(readSafetensors(bytes).tensors);
}

/**
 * Whether a committed step is the one that is asked for.
 * @throws ExpectedError resume-differs naming the step and what differs
 */
export function requireSameStep(
  committed: { readonly name: string; readonly params: Json; readonly inputs: readonly string[] },
  spec: StepSpec,
): void {
  const same = (a: unknown, b: unknown): boolean => canonicalJson(toJson(a)) === canonicalJson(toJson(b));
  const differing = [
    same(committed.params, spec.params) ? null : 'parameters',
    same(committed.inputs, spec.inputs) ? null : 'inputs',
  ].filter((part) => part !== null);
  if (differing.length > 0) {
    throw new ExpectedError(
      'resume-differs',
      `Step ${spec.name} was committed with other ${differing.join(' and ')}, or by another version of its rule.`,
    );
  }
}
