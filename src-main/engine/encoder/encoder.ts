/** What the defence knows of an untrusted encoder once its graph has been understood. Types only. */
import type { Graph } from '../graph/ir.ts';

/** A place where activations are read. */
export interface Tap {
  /** Short stable id, e.g. "tap3". */
  readonly id: string;
  /** Value name in `Encoder.graph`. */
  readonly tensor: string;
  /** For people: "stage 2, block 1 (96 channels, 7x7)". */
  readonly label: string;
  /** `map` = [N,C,H,W], pooled by mean over H,W; `vector` = [N,d]; `tokens` = [N,T,d], pooled by mean over T. */
  readonly kind: 'map' | 'vector' | 'tokens';
  readonly channels: number;
}

/** Which slices of a parameter belong to each channel of a layer. */
export interface ChannelRows {
  readonly param: string;
  /** Axis of the parameter that is cut. */
  readonly axis: number;
  /** `[channels * perChannel]`: channel k owns the slices `index[k*perChannel .. (k+1)*perChannel-1]` along `axis`. */
  readonly index: Int32Array;
  readonly perChannel: number;
}

/** A layer whose output channels can be masked, trusted (chi) or re-initialised (psi). */
export interface ChannelLayer {
  readonly id: string;
  readonly label: string;
  /** conv+BN output filters; hidden units of a transformer MLP; attention heads. */
  readonly kind: 'conv' | 'hidden' | 'head';
  readonly channels: number;
  /** Value whose `axis` is multiplied by the mask. */
  readonly maskAt: string;
  readonly axis: number;
  /** Parameters whose slices are kept (chi) or re-initialised (psi) with the channel; first entry = the filter weights. */
  readonly rows: readonly ChannelRows[];
  /** The batch normalisation right behind a conv layer (its parameter names), where there is one. */
  readonly norm: {
    readonly scale: string;
    readonly bias: string;
    readonly mean: string;
    readonly variance: string;
  } | null;
}

export interface Encoder {
  /**
   * Input `pixels` float32 [N,C,H,W] in 0..1 (normalisation is part of the graph), output `representation` [N,dim].
   * Every convolution that the file carried without normalisation has one again (identity at import).
   * All learnable weights are initializers; evaluation mode.
   */
  readonly graph: Graph;
  readonly input: { readonly channels: number; readonly height: number; readonly width: number };
  readonly representation: {
    /** Name of the tensor in the stranger's file. */
    readonly tensor: string;
    readonly dim: number;
    /** How it was found, for the report: "global average pool before the classifier head". */
    readonly how: string;
  };
  readonly taps: readonly Tap[];
  readonly layers: readonly ChannelLayer[];
  /** Names of all initializers that training may change (weights, biases, norm scale and shift). */
  readonly parameters: readonly string[];
  /** Architecture family as recognised from the graph: "conv+bn", "conv", "vit". */
  readonly family: 'conv+bn' | 'conv' | 'vit';
  /** Names of normalisations that were put back and must be folded again at export. */
  readonly restoredNorms: readonly string[];
}
