/** The form of a report that is written anew: its texts, and the order they make. */
import type { Declarations, Party } from '../../../src-shared/domain/declarations.ts';

export const partyFields = ['organisation', 'person', 'role'] as const;
export const parties = ['assessor', 'reviewer', 'commissionedBy'] as const;
const subjectFields = ['name', 'version', 'supplier', 'source', 'licence'] as const;
export const encoderFields = [...subjectFields, 'pretrainingData', 'signature'] as const;
export const datasetFields = [...subjectFields, 'split', 'labelSource'] as const;
export const signatoryFields = ['name', 'role', 'organisation', 'date'] as const;

export type DeclaredField =
  | 'title'
  | 'marking'
  | 'validUntil'
  | 'statement'
  | `${(typeof parties)[number]}.${(typeof partyFields)[number]}`
  | `encoder.${(typeof encoderFields)[number]}`
  | `dataset.${(typeof datasetFields)[number]}`
  | `signatory.${(typeof signatoryFields)[number]}`;
/** A field that is not in it is empty. */
export type DeclaredTexts = Readonly<Partial<Record<DeclaredField, string>>>;
export type Independent = '' | 'yes' | 'no';

/** What is wrong with a field: `needed` beside others that were filled, `date` = no day of the calendar. */
export type DeclaredFault = 'needed' | 'date';

export type ReadDeclarations =
  | { readonly ok: true; readonly declarations: Declarations }
  | { readonly ok: false; readonly faults: Partial<Record<DeclaredField, DeclaredFault>> };

export function readDeclared(texts: DeclaredTexts, independent: Independent): ReadDeclarations {
  const faults: Partial<Record<DeclaredField, DeclaredFault>> = {};
  const text = (field: DeclaredField): string | null => {
    const value = texts[field]?.trim() ?? '';
    return value === '' ? null : value;
  };
  const needed = (field: DeclaredField): string => {
    const value = text(field);
    if (value === null) faults[field] = 'needed';
    return value ?? '';
  };
  const day = (field: DeclaredField): string | null => {
    const value = text(field);
    if (value === null) return null;
    if (!isDay(value)) faults[field] = 'date';
    return value;
  };
  const party = (name: (typeof parties)[number]): Party | null => {
    const [person, role] = [text(`${name}.person`), text(`${name}.role`)];
    if (person === null && role === null && text(`${name}.organisation`) === null) return null;
    return { organisation: needed(`${name}.organisation`), person, role };
  };
  const signed = signatoryFields.some((field) => text(`signatory.${field}`) !== null);
  const signatory = signed
    ? {
        name: needed('signatory.name'),
        role: needed('signatory.role'),
        organisation: needed('signatory.organisation'),
        at: `${day('signatory.date') ?? needed('signatory.date')}T00:00:00Z`,
      }
    : null;
  const declarations: Declarations = {
    title: text('title'),
    marking: text('marking'),
    assessor: party('assessor'),
    thirdParty: independent === '' ? null : independent === 'yes',
    reviewer: party('reviewer'),
    commissionedBy: party('commissionedBy'),
    encoder: {
      name: text('encoder.name'),
      version: text('encoder.version'),
      supplier: text('encoder.supplier'),
      source: text('encoder.source'),
      licence: text('encoder.licence'),
      pretrainingData: text('encoder.pretrainingData'),
      signature: text('encoder.signature'),
    },
    dataset: {
      name: text('dataset.name'),
      version: text('dataset.version'),
      supplier: text('dataset.supplier'),
      source: text('dataset.source'),
      licence: text('dataset.licence'),
      split: text('dataset.split'),
      labelSource: text('dataset.labelSource'),
    },
    signOff: { statement: text('statement'), signatories: signatory === null ? [] : [signatory] },
    validUntil: day('validUntil'),
  };
  return Object.keys(faults).length === 0 ? { ok: true, declarations } : { ok: false, faults };
}

function isDay(text: string): boolean {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(text);
}
