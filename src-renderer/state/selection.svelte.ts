/* eslint-disable svelte/prefer-svelte-reactivity -- every Set here is replaced as a whole, never changed after it is shown */
/** What is selected and what is looked at closely: one thing for every view of a run. */
export interface Selection {
  readonly rows: ReadonlySet<number>;
  /** Row of the sample whose sheet is open; null = none. */
  readonly focus: number | null;
  look(row: number | null): void;
  /** Replaces the selection, or adds to it. */
  choose(rows: Iterable<number>, add: boolean): void;
  toggle(row: number): void;
  clear(): void;
}

export function createSelection(): Selection {
  let rows = $state.raw<ReadonlySet<number>>(new Set());
  let focus = $state<number | null>(null);
  return {
    get rows() {
      return rows;
    },
    get focus() {
      return focus;
    },
    look(row) {
      focus = row;
    },
    choose(chosen, add) {
      rows = new Set(add ? [...rows, ...chosen] : chosen);
    },
    toggle(row) {
      const next = new Set(rows);
      if (!next.delete(row)) next.add(row);
      rows = next;
    },
    clear() {
      rows = new Set();
      focus = null;
    },
  };
}
