/** Tables and lists of the report. */
import type { Cell, ColumnHead } from '../document/blocks.ts';
import { html, type Content, type Markup } from './markup.ts';
import { badge } from './pictures.ts';

/** The first cell of each row is its header. */
export function table(caption: string, heads: readonly ColumnHead[], rows: readonly (readonly Content[])[]): Markup {
  const kindOf = (k: number): string => ({ text: '', number: 'n', word: 'w' })[heads[k]?.kind ?? 'text'];
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads.map((head, k) => html`<th scope="col" class="${kindOf(k)}">${head.name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell, k) => (k === 0 ? html`<th scope="row" class="${kindOf(k)}">${cell}</th>` : html`<td class="${kindOf(k)}">${cell}</td>`))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Names and values; a value that is null is left out with its name. */
export function facts(pairs: readonly (readonly [name: string, value: Content])[]): Markup {
  return html`<dl>
    ${pairs
      .filter(([, value]) => value !== null)
      .map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd>`,
      )}
  </dl>`;
}

function digest(sha256: string): Markup {
  return html`<span class="digest">${sha256}</span>`;
}

/** A cell of the document as content: verdicts in shape and word, digests in their own type. */
export function cellContent(cell: Cell): Content {
  if (typeof cell === 'string') return cell;
  return 'digest' in cell ? digest(cell.digest) : badge(cell.verdict, cell.word);
}
