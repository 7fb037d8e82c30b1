/**
 * What a compute provider is: it compiles a graph for one fixed set of shapes and runs it.
 * Providers never fall back to another one in the middle of a run; they fail with a named error.
 */
import type { Graph, Tensor } from '../graph/ir.ts';

/** A graph input that the next run must see as this run's output: a weight, a moment, a running statistic. */
export interface StatePair {
  readonly input: string;
  readonly output: string;
}

export interface CompileOptions {
  /** Sizes of the symbols in the graph's input shapes, e.g. `{ N: 64 }`. All must be bound. */
  readonly dims?: Readonly<Record<string, number>>;
  /** Values that stay inside the provider between runs, in whatever layout it likes. */
  readonly state?: readonly StatePair[];
}

export interface CompiledGraph {
  /** Runs once. `feeds` holds every non-state input; the result every non-state output. */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /** Replaces state values by input name (all of them before the first run), in the graph's own dims and layout. */
  setState(values: Readonly<Record<string, Tensor>>): void;
  /** Copies of state values by input name; all when `names` is left out. */
  getState(names?: readonly string[]): Record<string, Tensor>;
  dispose(): Promise<void>;
  /**
   * Runs that may be asked for before the first one's results are there, so that whoever runs them never waits; they are
   * carried out in order. 1 where left out.
   */
  readonly ahead?: number;
}

export interface ProviderInfo {
  /** e.g. "ort-cpu" */
  readonly id: string;
  readonly device: string;
  readonly threads: number;
  /** Library versions and what the self-test chose (e.g. NCHWc block size). Goes into the report. */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

export interface SelfTestRow {
  readonly name: string;
  readonly passed: boolean;
  /** Largest relative error against the known answer, where it applies. */
  readonly error: number | null;
  readonly detail: string;
}

export interface Provider {
  describe(): ProviderInfo;
  compile(graph: Graph, options?: CompileOptions): Promise<CompiledGraph>;
  /** Known gradients and convolutions; a provider that fails one must not be used. */
  selfTest(): Promise<readonly SelfTestRow[]>;
  /**
   * A second provider that gives the same answers, bit by bit, beside this one: its graphs run in a thread of their own
   * while this one's run. Null, or left out, where there is no processor to spare. Whoever asked for it disposes it.
   * @throws provider-failed when the thread does not start
   */
  aside?(): Promise<Provider | null>;
  dispose(): Promise<void>;
}
