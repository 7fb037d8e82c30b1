/** The form of a new audit: texts as typed -> a request, or what is wrong with which field. */
import { auditRequest } from '../../../src-shared/domain/request.ts';
import type { OpinionExtent } from '../../../src-shared/domain/opinion.ts';
import { defaultMode, type AuditRequest, type Mode, type Preset } from '../../../src-shared/domain/run.ts';
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
}

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
};

export type FormErrors = Partial<Record<keyof FormTexts, string>>;
export type FormResult =
  | { readonly ok: true; readonly request: AuditRequest; readonly out: string | null }
  | { readonly ok: false; readonly errors: FormErrors };

const seedLimit = 2 ** 32 - 1;

export function readForm(texts: FormTexts): FormResult {
  const errors: { -readonly [Field in keyof FormErrors]: FormErrors[Field] } = {};
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
  if (Object.keys(errors).length > 0 || mean === 'wrong' || std === 'wrong') return { ok: false, errors };
  const out = texts.out.trim();
  const arch = texts.arch.trim() === '' ? null : texts.arch.trim();
  return {
    ok: true,
    request: auditRequest(encoder, dataset, {
      mode: texts.mode,
      preset: texts.preset,
      seed,
      arch,
      inputSize,
      mean,
      std,
      overrides: texts.opinions === '' ? {} : { 'opinions.extent': texts.opinions },
    }),
    out: out === '' ? null : out,
  };
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
