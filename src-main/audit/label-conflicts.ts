/** The same image under more than one label: one of the labels is wrong, by accident or on purpose. */

export interface LabelConflicts {
  /** Samples that repeat an earlier one pixel by pixel and are labelled otherwise. */
  readonly count: number;
  /** The first of them with the sample it repeats; null when there is none. */
  readonly first: { readonly sample: number; readonly repeats: number } | null;
}

/**
 * @param samePixelsAs first sample with the same pixels, `[N]`; itself where it repeats none
 * @param labels given labels, `[N]`
 */
export function labelConflicts(samePixelsAs: Int32Array, labels: Int32Array): LabelConflicts {
  let count = 0;
  let first: LabelConflicts['first'] = null;
  samePixelsAs.forEach((repeats, sample) => {
    if (labels[repeats] === labels[sample]) return;
    count++;
    first ??= { sample, repeats };
  });
  return { count, first };
}
