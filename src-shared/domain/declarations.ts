/** What people declare about an audit. None of it was examined; every writer says so. Null = nothing was declared. */

export interface Party {
  readonly organisation: string;
  readonly person: string | null;
  readonly role: string | null;
}

/** What the supplier or the commissioner says of a model or dataset. */
export interface DeclaredSubject {
  readonly name: string | null;
  readonly version: string | null;
  readonly supplier: string | null;
  readonly source: string | null;
  readonly licence: string | null;
}

export interface Signatory {
  readonly name: string;
  readonly role: string;
  readonly organisation: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}

export interface Declarations {
  readonly title: string | null;
  /** Classification marking, printed at the top and the foot of every page. */
  readonly marking: string | null;
  readonly assessor: Party | null;
  /** Whether the assessor is independent of who supplied the subject. */
  readonly thirdParty: boolean | null;
  readonly reviewer: Party | null;
  readonly commissionedBy: Party | null;
  readonly encoder: DeclaredSubject & {
    readonly pretrainingData: string | null;
    /** A signature of the supplier, and by whom it was checked. */
    readonly signature: string | null;
  };
  readonly dataset: DeclaredSubject & { readonly split: string | null; readonly labelSource: string | null };
  readonly signOff: { readonly statement: string | null; readonly signatories: readonly Signatory[] };
  /** RFC 3339 date (YYYY-MM-DD) until which whoever ordered the audit will rely on it. */
  readonly validUntil: string | null;
}

const nothing = { name: null, version: null, supplier: null, source: null, licence: null };

export const noDeclarations: Declarations = {
  title: null,
  marking: null,
  assessor: null,
  thirdParty: null,
  reviewer: null,
  commissionedBy: null,
  encoder: { ...nothing, pretrainingData: null, signature: null },
  dataset: { ...nothing, split: null, labelSource: null },
  signOff: { statement: null, signatories: [] },
  validUntil: null,
};
