/** What a report consists of, before it is a page: sections of blocks. HTML and PDF draw the same ones. */
import type { Column } from '../../../src-shared/charts/bars.ts';
import type { Series } from '../../../src-shared/charts/lines.ts';
import type { Verdict } from '../../../src-shared/domain/verdict.ts';
import type { SectionId } from '../mappings.ts';
import type { Scatter } from '../record.ts';

/** Strings are text from anywhere; a renderer escapes them and makes invisible characters visible. */
export type Cell = string | { readonly verdict: Verdict; readonly word: string } | { readonly digest: string };

export interface ColumnHead {
  readonly name: string;
  /** Numbers stand on the right; a word column does not break. */
  readonly kind?: 'text' | 'number' | 'word';
}

export interface Table {
  readonly kind: 'table';
  readonly caption: string;
  readonly heads: readonly ColumnHead[];
  /** The first cell of each row is its header. */
  readonly rows: readonly (readonly Cell[])[];
}

export type Chart =
  | { readonly kind: 'scatter'; readonly scatter: Scatter; readonly marks: MarkNames }
  | { readonly kind: 'columns'; readonly columns: readonly Column[]; readonly axis: string }
  | {
      readonly kind: 'lines';
      readonly series: readonly Series[];
      readonly axis: string;
      readonly y?: readonly [number, number];
      readonly percent?: boolean;
    }
  /** Rows of two parts, each as long as the chart. */
  | {
      readonly kind: 'bars';
      readonly rows: readonly {
        readonly label: string;
        readonly parts: readonly [number, number];
        readonly note: string;
      }[];
    };

export interface MarkNames {
  readonly admitted: string;
  readonly open: string;
  readonly seed: string;
  readonly suspicious: string;
}

export interface FindingBlock {
  readonly subject: string;
  readonly verdict: Verdict;
  readonly word: string;
  readonly confidence: string;
  readonly claim: string;
  /** Name and value: what it rests on, what would change it, and where it differs the recorded wording. */
  readonly lines: readonly (readonly [name: string, value: string])[];
}

export type Block =
  | { readonly kind: 'text'; readonly text: string; readonly quiet?: boolean }
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'facts'; readonly items: readonly (readonly [name: string, value: Cell])[] }
  | { readonly kind: 'code'; readonly what: string; readonly code: string }
  | { readonly kind: 'findings'; readonly findings: readonly FindingBlock[] }
  | { readonly kind: 'chart'; readonly chart: Chart; readonly alt: string; readonly caption: string }
  | {
      readonly kind: 'pictures';
      readonly items: readonly { readonly png: string; readonly alt: string; readonly caption: string }[];
    }
  /** Side by side where there is room. */
  | { readonly kind: 'pair'; readonly blocks: readonly Block[] }
  | Table;

export interface Section {
  readonly id: SectionId;
  readonly name: string;
  /** One sentence that the section stands on. */
  readonly claim: string;
  readonly blocks: readonly Block[];
}

export interface ReportDocument {
  readonly language: string;
  readonly title: string;
  readonly subtitle: string;
  readonly marking: string | null;
  readonly sections: readonly Section[];
  /** Shown after the last section. */
  readonly closing: readonly string[];
}
