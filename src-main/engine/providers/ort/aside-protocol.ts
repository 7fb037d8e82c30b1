/** What travels between a provider and the thread that runs its graphs beside it. Messages are handled in order. */
import type { SerializedFailure } from '../../../../src-shared/failure.ts';
import type { Graph, Tensor } from '../../graph/ir.ts';
import type { StatePair } from '../provider.ts';

/** A graph made ready for the runtime. */
export interface Prepared {
  /** ONNX file. */
  readonly model: Uint8Array;
  /** Threads inside one operator. */
  readonly threads: number;
  readonly optimisation: 'extended' | 'all';
  readonly inputs: Graph['inputs'];
  readonly outputs: Graph['outputs'];
  readonly state: readonly StatePair[];
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** Everything but `set` is answered; `graph` is the number that `open` was answered with. */
export type AsideRequest =
  | { readonly kind: 'open'; readonly prepared: Prepared }
  | { readonly kind: 'run'; readonly graph: number; readonly feeds: Tensors }
  | { readonly kind: 'set'; readonly graph: number; readonly values: Tensors }
  | { readonly kind: 'get'; readonly graph: number; readonly names: readonly string[] | null }
  | { readonly kind: 'close'; readonly graph: number }
  /** Closes every graph; nothing follows. */
  | { readonly kind: 'end' };

export type AsideAnswer =
  | { readonly kind: 'opened'; readonly graph: number }
  | { readonly kind: 'done'; readonly values: Tensors }
  | { readonly kind: 'failed'; readonly failure: SerializedFailure };

/** `workerData`: where a copy of the state is answered, and a word that is raised by one with each of these answers. */
export interface AsideSetup {
  readonly copies: MessagePort;
  readonly told: Int32Array;
}
