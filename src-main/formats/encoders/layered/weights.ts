/** Where the weights of a layered network come from; each file format has its own. */
import type { Tensor } from '../../../engine/graph/ir.ts';

/** A layer within its networks. */
export interface LayerPlace {
  /** Names of the networks around it, outermost first (without the whole), and its own last. */
  readonly names: readonly string[];
  /** The same as Keras 3 counts them: "layers/functional/layers/conv2d_1". */
  readonly counted: string;
}

export interface WeightSource {
  /**
   * The layer's weight of that name, or at that position for files that only number them; null where there is none.
   * Floating point comes as float32, dequantised.
   * @throws ExpectedError encoder-malformed, encoder-too-large
   */
  find(place: LayerPlace, name: string, index: number): Tensor | null;
}
