/** A journal in memory that can be cut off after any number of steps, as a killed run leaves it. */
import { requireSameStep, stepJournal, type StepKeeper } from '../../src-main/audit/journal.ts';
import type { StoredStep, StepMessage } from '../../src-main/audit/engine-protocol.ts';
import type { StepJournal } from '../../src-main/engine/journal.ts';
import { sha256, toJson } from '../../src-main/store/canonical.ts';
import { stepDigest } from '../../src-main/store/entries.ts';

interface Kept {
  readonly message: StepMessage;
  readonly stored: StoredStep;
}

export interface Recording {
  readonly journal: StepJournal;
  /** Names of the steps, in the order they were committed or read back. */
  readonly names: readonly string[];
  /** Names of the steps that were computed. */
  readonly computed: readonly string[];
  /** A fresh recording that starts with the first `count` steps of this one. */
  cutAfter(count: number): Recording;
  /** Data and tensors of a committed step as the store holds them. */
  step(name: string): StoredStep;
}

export function recording(start: readonly Kept[] = []): Recording {
  const kept: Kept[] = [...start];
  const names: string[] = [];
  const computed: string[] = [];
  const keeper: StepKeeper = {
    find: (spec) => {
      const found = kept.find(({ message }) => message.spec.name === spec.name);
      if (found === undefined) return Promise.resolve(null);
      requireSameStep(found.message.spec, spec);
      names.push(spec.name);
      return Promise.resolve(found.stored);
    },
    commit: (message) => {
      const { name, params, inputs } = message.spec;
      const data = toJson(message.data);
      const blob = message.tensors === null ? null : sha256(message.tensors);
      const digest = stepDigest({ name, params: toJson(params), inputs, data, blob });
      const stored = { data, tensors: message.tensors, digest };
      kept.push({ message, stored });
      names.push(name);
      computed.push(name);
      return Promise.resolve(stored);
    },
  };
  return {
    journal: stepJournal(keeper),
    names,
    computed,
    cutAfter: (count) => recording(kept.slice(0, count)),
    step: (name) => {
      const found = kept.find(({ message }) => message.spec.name === name);
      if (found === undefined) throw new Error(`no step "${name}"`);
      return found.stored;
    },
  };
}
