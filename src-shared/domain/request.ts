import { defaultMode, type AuditRequest } from './run.ts';

/** An audit request with everything a person did not choose at its default; `encoder` and `dataset` are paths. */
export function auditRequest(
  encoder: string,
  dataset: string,
  chosen: Partial<Omit<AuditRequest, 'encoder' | 'dataset'>> = {},
): AuditRequest {
  return {
    encoder,
    dataset,
    mode: defaultMode,
    preset: 'standard',
    seed: 7,
    device: 'auto',
    threads: null,
    arch: null,
    inputSize: null,
    mean: null,
    std: null,
    representation: null,
    classes: null,
    overrides: {},
    limits: {},
    ...chosen,
  };
}
