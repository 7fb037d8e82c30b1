/** A family of architectures: recognised by the names and shapes of weights, built as a graph from them. */
import type { SuggestedNormalisation } from '../encoder-file.ts';
import type { Weights } from '../weights.ts';
import type { Feature, Scope } from './scope.ts';

/** One member of a family. */
export interface Architecture {
  readonly name: string;
  /** Height and width when the analyst names none. */
  readonly size: readonly [number, number];
  /** The only size it can have (position embeddings), or null. */
  readonly fixedSize: boolean;
  readonly normalisation: SuggestedNormalisation | null;
  /** What the names and shapes do not say and was taken for granted. */
  readonly assumptions: readonly string[];
  /** First parts of names that belong to it: an unused weight below one of them does not fit. */
  readonly roots: readonly string[];
  /** Channels of its image input. */
  channels(weights: Weights): number;
  build(scope: Scope, image: Feature, size: readonly [number, number]): Feature;
}

export interface ArchitectureFamily {
  /** Name of a weight that marks the family; what stands in front of it in a file is a prefix. */
  readonly anchors: readonly string[];
  /** Names for `--arch`. */
  readonly names: readonly string[];
  /** Weights under the names that the family's builder knows; null when they are not of this family. */
  canonical(weights: Weights): Weights | null;
  /** Called with canonical weights. */
  detect(weights: Weights): Architecture | null;
  /** The member of that name, sizes that the name leaves open taken from the weights. */
  named(name: string, weights: Weights): Architecture;
}

/** Mean and deviation of ImageNet, with which torchvision trained all its models. */
export function imageNet(name: string): SuggestedNormalisation {
  return {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    source: `from the architecture (${name}: ImageNet, as torchvision trains it)`,
  };
}
