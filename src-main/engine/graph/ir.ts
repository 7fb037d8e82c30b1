/**
 * The graph that everything is said in: ONNX-shaped, static, side-effect free.
 *
 * An imported encoder, a loss, its gradients and an optimiser's update are all nodes of one graph; a provider compiles
 * it, `onnx/write.ts` writes it out. Nodes are kept in topological order. Every value is named once (SSA).
 */

export type DType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';

/** Typed array that holds a dtype: float16 travels as Uint16Array bit patterns, bool as Uint8Array of 0/1. */
export type TensorData =
  Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;

/** Dense, row-major. `data.length` equals the product of `dims`; a scalar has `dims = []`. */
export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** A dimension is a size or the name of a symbol (`"N"`), bound when shapes are inferred. */
export type Dim = number | string;

export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor };

export interface GraphNode {
  /** Operator name as ONNX spells it ("Conv"). */
  readonly op: string;
  /** '' for the standard ONNX domain, 'coresift' for our gradient operators (`internal-ops.ts`), else a vendor's domain. */
  readonly domain: string;
  /** Name for messages; unique within a graph. */
  readonly name: string;
  /** Value names; '' stands for an omitted optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly name: string;
  /** Version of the standard ONNX operator set the nodes are written in. */
  readonly opset: number;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly GraphNode[];
  /** Constants and weights by value name. Never also listed in `inputs`. */
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** ONNX `metadata_props`. */
  readonly metadata: Readonly<Record<string, string>>;
}
