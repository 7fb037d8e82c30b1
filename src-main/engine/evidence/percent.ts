/** A share 0..1 as the sentences of findings write it. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
