/** HTML that is escaped unless it was made here: a value put into `html` is text, only `Markup` is taken as it is. */
import { nameHtml } from '../../../src-shared/text.ts';

export interface Markup {
  readonly markup: string;
}

export type Content = Markup | string | number | null | readonly Content[];

/** Template tag. Strings are written as text with invisible characters spelled out; `null` is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let markup = parts[0];
  values.forEach((value, i) => (markup += written(value) + parts[i + 1]));
  return { markup };
}

function written(value: Content): string {
  if (value === null) return '';
  if (typeof value === 'string') return nameHtml(value);
  if (typeof value === 'number') return nameHtml(String(value));
  if ('markup' in value) return value.markup;
  return value.map(written).join('');
}

/** Our own constant markup (styles, SVG from numbers): never for a string that came with the data. */
export function trusted(markup: string): Markup {
  return { markup };
}
