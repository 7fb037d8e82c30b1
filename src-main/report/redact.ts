/**
 * A record without the names that came with the data: paths, files, samples, classes and people become numbers. Digests
 * stay, so that a redacted report still belongs to its files.
 */
import type { Json } from '../../src-shared/json.ts';
import type { ReportRecord } from './record.ts';

export function redactRecord(record: ReportRecord): ReportRecord {
  const { encoder, dataset } = record.subject;
  const { request } = record.method;
  const secrets = new Map<string, string>();
  const hide = (name: string | null, as: string): void => {
    if (name === null || name === '') return;
    for (const one of [name, lastPart(name)]) if (one.length > 2 && !secrets.has(one)) secrets.set(one, as);
  };
  hide(request.encoder, 'encoder');
  hide(encoder.file, 'encoder');
  hide(request.dataset, 'dataset');
  hide(dataset.path, 'dataset');
  hide(request.classes, 'class list');
  record.samples.suspects.listed.forEach((suspect) => hide(suspect.name, `sample ${suspect.index}`));
  dataset.unreadable.forEach((item, i) => hide(item.name, `item ${i + 1}`));
  record.fileFindings.forEach((item) => hide(item.file, 'file'));
  const people = new Set(record.decisions.map((one) => one.who));
  [...people].forEach((who, i) => hide(who, `person ${i + 1}`));
  const classes = new Map(dataset.classes.map((one, i) => [one.name, `class ${i + 1}`]));
  // Longest first: a path holds the names of its parts.
  const ordered = [...secrets].toSorted((a, b) => b[0].length - a[0].length);
  const text = (value: string): string => {
    const whole = classes.get(value);
    if (whole !== undefined) return whole;
    let shown = value;
    for (const [name, as] of ordered) if (shown.includes(name)) shown = shown.replaceAll(name, as);
    for (const [name, as] of classes) {
      shown = shown.replaceAll(`"${name}"`, `"${as}"`).replaceAll(`“${name}”`, `“${as}”`);
    }
    return shown;
  };
  const redacted = walk(record as unknown as Json, text) as unknown as ReportRecord;
  const { pictures, mappings, threatModel, integrity, verification } = record;
  return {
    ...redacted,
    // Ours, not the data's: a class called "Model" must not change a taxonomy.
    ...{ mappings, threatModel, integrity, verification },
    pictures,
    document: { ...record.document, redacted: true },
  };
}

function walk(value: Json, text: (value: string) => string): Json {
  if (typeof value === 'string') return value.length > 10_000 ? value : text(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: Json) => walk(item, text));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item as Json, text)]));
}

function lastPart(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? path;
}
