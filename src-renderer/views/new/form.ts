/** The form of a new audit: texts as typed -> a request, or what is wrong with which field. */
import type { Preview } from '../../../src-shared/contract.ts';
import { auditRequest } from '../../../src-shared/domain/request.ts';
import type { OpinionExtent } from '../../../src-shared/domain/opinion.ts';
import { parseLimit, parseMemory, parseOverride, parseThreads } from '../../../src-shared/option-texts.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { defaultMode, type AuditRequest, type Mode, type Preset } from '../../../src-shared/domain/run.ts';
import type { SettingTable } from '../../../src-shared/domain/setting.ts';
import { t } from '../../state/language.svelte.ts';

export interface FormTexts {
  readonly encoder: string;
  readonly dataset: string;
  readonly mode: Mode;
  readonly preset: Preset;
  /** Empty: as the preset says. */
  readonly opinions: OpinionExtent | '';
  readonly seed: string;
  readonly arch: string;
  readonly inputSize: string;
  readonly mean: string;
  readonly std: string;
  readonly out: string;
  readonly classes: string;
  readonly representation: string;
  readonly device: string;
  readonly threads: string;
  readonly memory: string;
  /** What was typed for single parameters and limits, by dotted name; empty or absent: as they are. */
  readonly overrides: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, string>>;
}

/** Fields with one text each. */
export type TextField = Exclude<keyof FormTexts, 'mode' | 'preset' | 'opinions' | 'overrides' | 'limits'>;
/** The name of the field of one parameter or limit. */
export const namedField = (of: 'overrides' | 'limits', name: string): string => `${of} ${name}`;

export const emptyForm: FormTexts = {
  encoder: '',
  dataset: '',
  mode: defaultMode,
  preset: 'standard',
  opinions: '',
  seed: '7',
  arch: '',
  inputSize: '',
  mean: '',
  std: '',
  out: '',
  classes: '',
  representation: '',
  device: 'auto',
  threads: '',
  memory: '',
  overrides: {},
  limits: {},
};

/** By field; those of single parameters and limits are called as `namedField` says. */
export type FormErrors = Readonly<Partial<Record<string, string>>>;
export type FormResult =
  | { readonly ok: true; readonly request: AuditRequest; readonly out: string | null }
  | { readonly ok: false; readonly errors: FormErrors };

const seedLimit = 2 ** 32 - 1;

export function readForm(texts: FormTexts): FormResult {
  const errors: Partial<Record<string, string>> = {};
  const encoder = texts.encoder.trim();
  const dataset = texts.dataset.trim();
  if (encoder === '') errors.encoder = t().wizard.needEncoder;
  if (dataset === '') errors.dataset = t().wizard.needDataset;

  const seed = Number(texts.seed.trim() === '' ? NaN : texts.seed);
  if (!Number.isInteger(seed) || seed < 0 || seed > seedLimit) errors.seed = t().wizard.seedWrong(seedLimit);

  let inputSize: readonly [number, number] | null = null;
  if (texts.inputSize.trim() !== '') {
    const [, height, width] = /^(\d{1,4})\s*[x×]\s*(\d{1,4})$/i.exec(texts.inputSize.trim()) ?? [];
    if (Number(height) > 0 && Number(width) > 0) inputSize = [Number(height), Number(width)];
    else errors.inputSize = t().wizard.inputSizeWrong;
  }
  const mean = readNumbers(texts.mean);
  const std = readNumbers(texts.std);
  if (mean === 'wrong') errors.mean = t().wizard.meanWrong;
  if (std === 'wrong' || (std !== null && std.some((value) => value <= 0))) errors.std = t().wizard.stdWrong;
  if (mean !== 'wrong' && std !== 'wrong' && mean?.length !== std?.length) {
    errors.std ??= t().wizard.bothOrNeither;
  }
  /** As the command line reads it, and refuses it. */
  const read = <T>(field: string, text: string, parse: (text: string) => T): T | null => {
    if (text.trim() === '') return null;
    try {
      return parse(text.trim());
    } catch (error) {
      if (!(error instanceof ExpectedError)) throw error;
      errors[field] = error.detail;
      return null;
    }
  };
  const threads = read('threads', texts.threads, parseThreads);
  const memory = read('memory', texts.memory, parseMemory);
  const named = <T>(of: 'overrides' | 'limits', parse: (text: string) => readonly [string, T]): Record<string, T> =>
    Object.fromEntries(
      Object.entries(texts[of]).flatMap(([name, text]) => {
        const pair = read(namedField(of, name), text, (value) => parse(`${name}=${value}`));
        return pair === null ? [] : [pair];
      }),
    );
  const overrides: Record<string, number | string | boolean> = named('overrides', parseOverride);
  if (texts.opinions !== '') overrides['opinions.extent'] = texts.opinions;
  if (memory !== null) overrides['memory.limit'] = memory;
  const limits = named('limits', parseLimit);
  if (Object.keys(errors).length > 0 || mean === 'wrong' || std === 'wrong') return { ok: false, errors };
  const orNull = (text: string): string | null => (text.trim() === '' ? null : text.trim());
  return {
    ok: true,
    request: auditRequest(encoder, dataset, {
      mode: texts.mode,
      preset: texts.preset,
      seed,
      arch: orNull(texts.arch),
      inputSize,
      mean,
      std,
      classes: orNull(texts.classes),
      representation: orNull(texts.representation),
      device: texts.device,
      threads,
      overrides,
      limits,
    }),
    out: orNull(texts.out),
  };
}

/** What the settings refuse of the values they were asked about, at the fields these were typed in. */
export function refusedFields(faults: SettingTable['faults']): FormErrors {
  return Object.fromEntries(
    faults.map(({ field, name, message }) => [
      field === 'device' ? 'device' : name === 'memory.limit' ? 'memory' : namedField(field, name),
      message,
    ]),
  );
}

/** What a look at the inputs depends on; another key means that what was seen is stale. */
export function lookKey(texts: FormTexts): string {
  const { encoder, dataset, arch, inputSize, mean, std, representation, classes } = texts;
  const { device, threads, memory, overrides, limits } = texts;
  return JSON.stringify([
    ...[encoder, dataset, arch, inputSize, mean, std, representation, classes],
    ...[device, threads, memory, overrides, limits],
  ]);
}

/** @param found what the encoder itself says; null where it says nothing, or was not read */
export function normalisationWords(
  texts: Pick<FormTexts, 'mean' | 'std'>,
  found: Extract<Preview['encoder'], { state: 'read' }>['normalisation'] | null,
): string {
  const mean = readNumbers(texts.mean);
  const std = readNumbers(texts.std);
  const list = (numbers: readonly number[]): string => t().f.list(numbers.map(t().f.number));
  if (mean === null && std === null && found !== null)
    return t().wizard.normalisationFound(list(found.mean), list(found.std), found.source);
  return mean === null || std === null || mean === 'wrong' || std === 'wrong'
    ? t().wizard.normalisationNone
    : t().wizard.normalisationGiven(list(mean), list(std));
}

/** What was set beyond the preset, for a person to read before it starts. */
export function changedSettings(
  texts: FormTexts,
  table: SettingTable | null,
): readonly { readonly name: string; readonly value: string; readonly usual: string }[] {
  const known = new Map(
    [...(table?.parameters ?? []), ...(table?.limits ?? [])].map(({ name, value }) => [name, value]),
  );
  return (['overrides', 'limits'] as const).flatMap((of) =>
    Object.entries(texts[of])
      .filter(([, text]) => text.trim() !== '')
      .map(([name, text]) => ({ name, value: text.trim(), usual: String(known.get(name) ?? '') })),
  );
}

export function readNumbers(text: string): readonly number[] | null | 'wrong' {
  if (text.trim() === '') return null;
  const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  return numbers.length <= 16 && numbers.every(Number.isFinite) ? numbers : 'wrong';
}

const modelName = /\.(onnx|pt|pth|safetensors|keras)$|^model\.json$/i;
const dataName = /\.(zip|tar|tgz|gz|npz|npy|csv|jsonl|mat)$/i;

/** What something that was dropped is taken for: a folder is a dataset, a file what its name or else the step says. */
export function dropTarget(name: string, folder: boolean, atModel: boolean): 'encoder' | 'dataset' {
  if (folder) return 'dataset';
  if (modelName.test(name)) return 'encoder';
  return atModel && !dataName.test(name) ? 'encoder' : 'dataset';
}
