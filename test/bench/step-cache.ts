/** Steps of benches kept in a folder by what decides them, so that what differs in later steps only is computed once. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stepJournal } from '../../src-main/audit/journal.ts';
import type { StepJournal, StepSpec } from '../../src-main/engine/journal.ts';
import { canonicalJson, sha256, toJson } from '../../src-main/store/canonical.ts';
import type { Json } from '../../src-shared/json.ts';

/**
 * A round does not depend on the parameters of later rounds.
 * @param folder kept nowhere when it is left out
 * @param salt what decides the cross-fit and all that follows it beyond their parameters and inputs: a forced leak
 * @param never a step that is computed each time, because it is what is being worked on
 */
export function cachedJournal(folder: string | undefined, { salt = '', never = '' } = {}): StepJournal {
  const keyOf = ({ name, params, inputs }: StepSpec): string => {
    const later = name === 'final' ? /^$/ : /^(distil\.(final|labels$|answers$)|grow\.(loss|meta|cap)$|final\.)/;
    const kept =
      name === 'final' || /^(warm-up|grow)/.test(name)
        ? Object.fromEntries(Object.entries(params as Record<string, Json>).filter(([key]) => !later.test(key)))
        : params;
    const salted = name === 'expand/cross-fit' && salt !== '' ? { salt } : {};
    return sha256(Buffer.from(canonicalJson(toJson({ name, params: kept, inputs, ...salted }))));
  };
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  return stepJournal({
    find: (spec) => {
      const key = keyOf(spec);
      const path = folder === undefined ? '' : join(folder, key);
      if (folder === undefined || spec.name === never || !existsSync(`${path}.json`)) return Promise.resolve(null);
      const data = JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Json;
      const tensors = existsSync(`${path}.safetensors`) ? readFileSync(`${path}.safetensors`) : null;
      return Promise.resolve({ data, tensors, digest: key });
    },
    commit: ({ spec, data, tensors }) => {
      const key = keyOf(spec);
      const written = toJson(data);
      if (folder !== undefined) {
        if (tensors !== null) writeFileSync(join(folder, `${key}.safetensors`), tensors);
        writeFileSync(join(folder, `${key}.json`), JSON.stringify(written));
      }
      return Promise.resolve({ data: written, tensors: null, digest: key });
    },
  });
}
