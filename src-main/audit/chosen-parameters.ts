/** The parameters of a run: defaults, preset, and what a person set, typed as the table has them. */
import type { AuditRequest } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { requireSomeMemory } from '../engine/tcore/memory.ts';
import { parameterTable, resolveParameters, type ResolvedParameters } from '../engine/tcore/parameters.ts';

type Chosen = Pick<AuditRequest, 'preset' | 'overrides'>;

/** A list of one share, typed by a person, looks like a number: it is the text that it was. */
export function typedOverrides({ preset, overrides }: Chosen): AuditRequest['overrides'] {
  const texts = new Set(
    parameterTable(preset)
      .filter(({ value }) => typeof value === 'string')
      .map(({ name }) => name),
  );
  return Object.fromEntries(
    Object.entries(overrides).map(([name, value]) => [name, texts.has(name) ? String(value) : value]),
  );
}

/** @throws ExpectedError usage naming the parameter; memory-too-small */
export function parametersOf(request: Chosen): ResolvedParameters {
  try {
    const resolved = resolveParameters(request.preset, typedOverrides(request));
    requireSomeMemory(Number(resolved['memory.limit'].value));
    return resolved;
  } catch (error) {
    if (error instanceof RangeError) throw new ExpectedError('usage', `${error.message}.`, { cause: error });
    throw error;
  }
}
