/** Where the keys of an ARIA grid go (WAI-ARIA Authoring Practices, "Grid"). Pure. */

export interface GridPlace {
  /** -1 is the row of headers. */
  readonly row: number;
  readonly column: number;
}

/**
 * The cell that a key leads to; null for a key that is none of the grid's.
 * @param rows and columns that can be reached; rows on all pages
 * @param perPage rows that PageUp and PageDown pass over
 */
export function gridMove(
  { row, column }: GridPlace,
  key: string,
  ctrl: boolean,
  { rows, columns, perPage }: { readonly rows: number; readonly columns: number; readonly perPage: number },
): GridPlace | null {
  const within = (toRow: number, toColumn: number): GridPlace => ({
    row: Math.max(-1, Math.min(rows - 1, toRow)),
    column: Math.max(0, Math.min(columns - 1, toColumn)),
  });
  switch (key) {
    case 'ArrowUp':
      return within(row - 1, column);
    case 'ArrowDown':
      return within(row + 1, column);
    case 'ArrowLeft':
      return within(row, column - 1);
    case 'ArrowRight':
      return within(row, column + 1);
    case 'PageUp':
      return within(row < 0 ? row : Math.max(0, row - perPage), column);
    case 'PageDown':
      return within(row < 0 ? row : row + perPage, column);
    case 'Home':
      return within(ctrl ? Math.min(0, rows - 1) : row, 0);
    case 'End':
      return within(ctrl ? rows - 1 : row, columns - 1);
    default:
      return null;
  }
}

/** Narrower, a column could not be taken hold of; in pixels. */
export const narrowest = 40;
/** What one press of a key adds to a width or takes from it, in pixels. */
export const widthStep = 16;

/** Widths of all columns when one is made `by` pixels wider; a column is never narrower than `narrowest`. */
export function widened(widths: readonly number[], column: number, by: number): number[] {
  return widths.map((width, at) => (at === column ? Math.max(narrowest, Math.round(width + by)) : width));
}
