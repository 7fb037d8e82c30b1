/** Places of the layers of a network: one rank after the other from left to right, branches below each other. */
export interface LayerPlace {
  /** Rank (longest way from the image) and place within it. */
  readonly rank: number;
  readonly row: number;
}

export interface LayerNet {
  /** By place in the list of layers. */
  readonly places: readonly LayerPlace[];
  readonly ranks: number;
  readonly rows: number;
  /** Wires between layers, the image and the representation left out. */
  readonly wires: readonly (readonly [from: number, to: number])[];
}

/**
 * @param layers how many there are, in graph order
 * @param wires pairs of places; -1 = the image, `layers` = the representation. Those that lead backwards are left out
 */
export function layoutLayers(layers: number, wires: readonly (readonly [number, number])[]): LayerNet {
  const inner = wires.filter(([from, to]) => from >= 0 && to < layers && from < to);
  const before = Array.from({ length: layers }, (): number[] => []);
  for (const [from, to] of inner) before[to].push(from);
  const rank: number[] = [];
  for (let layer = 0; layer < layers; layer++) rank.push(Math.max(-1, ...before[layer].map((from) => rank[from])) + 1);
  const taken: number[] = [];
  const places = rank.map((of): LayerPlace => {
    taken[of] = (taken[of] ?? 0) + 1;
    return { rank: of, row: taken[of] - 1 };
  });
  return { places, ranks: Math.max(0, ...rank) + 1, rows: Math.max(1, ...taken), wires: inner };
}

/** A network as one chain, where a record does not say how its layers are wired. */
export function chainOf(layers: number): readonly (readonly [number, number])[] {
  return Array.from({ length: layers + 1 }, (_, at) => [at - 1, at] as const);
}
