/** What the builder of an architecture works with: a graph, and named weights whose shapes it states as it takes them. */
import { float, int } from '../../../engine/graph/attributes.ts';
import { graphBuilder, type ConvOptions, type GraphBuilder } from '../../../engine/graph/builder.ts';
import type { Graph, Tensor } from '../../../engine/graph/ir.ts';
import { stridesOf, stridedIndex, takeFlat } from '../../../engine/graph/tensors.ts';
import type { Weight, Weights } from '../weights.ts';

/** A feature map [N, channels, H, W] or vectors [N, channels]. */
export interface Feature {
  readonly value: string;
  readonly channels: number;
}

/** A size that the architecture leaves open (a width) is null. */
export type Wanted = readonly (number | null)[];

export interface Problems {
  readonly missing: string[];
  /** "name [met] instead of [wanted]" */
  readonly misshapen: string[];
}

export interface Scope {
  readonly builder: GraphBuilder;
  readonly weights: Weights;
  readonly problems: Problems;
  readonly used: ReadonlySet<string>;
  has(name: string): boolean;
  /** A size of a weight; NaN where it is missing, which `weight` reports, so that what follows is not called misshapen. */
  size(name: string, axis: number): number;
  /** Value name of a weight, which must be there and of that shape; `change` works on its values. */
  weight(name: string, wanted: Wanted, change?: (tensor: Tensor) => Tensor, as?: string): string;
  /** Convolution without or with bias, as the file has it; `groups` from the weight when left out. */
  conv(x: Feature, name: string, kernel: number, options?: Pick<ConvOptions, 'strides' | 'pads'>): Feature;
  norm(x: Feature, name: string): Feature;
  relu(x: Feature): Feature;
  relu6(x: Feature): Feature;
  add(a: Feature, b: Feature): Feature;
  maxPool(x: Feature, kernel: number, stride: number, pad: number): Feature;
  averagePool(x: Feature, kernel: number): Feature;
  /** [N, C, H, W] -> [N, C] */
  globalPool(x: Feature): Feature;
  /** Fully connected layer on vectors. */
  linear(x: Feature, name: string): Feature;
  /** Fully connected layer on tokens [N, T, C]. */
  dense(x: Feature, name: string): Feature;
  layerNorm(x: Feature, name: string, epsilon: number): Feature;
  finish(output: Feature): Graph;
  /** `has`, remembered for `lostBiases`. */
  hasBias(name: string): boolean;
  /** Biases asked for in vain although other layers of their kind (the name without numbers) have theirs. */
  lostBiases(): readonly string[];
}

export function square(value: number): readonly number[] {
  return [value, value];
}

export function openScope(weights: Weights, name: string): Scope & { fill(): void } {
  const builder = graphBuilder(undefined, { name });
  const problems: Problems = { missing: [], misshapen: [] };
  const used = new Set<string>();
  const fills: (() => void)[] = [];
  const made = new Map<string, string>();

  const weight: Scope['weight'] = (wanted, dims, change, as = wanted) => {
    const known = made.get(as);
    if (known !== undefined) return known;
    const found = weights.get(wanted);
    used.add(wanted);
    if (found === undefined) problems.missing.push(wanted);
    else if (!fits(found, dims)) {
      const words = dims.map((dim) => (isOpen(dim) ? 'any' : dim)).join(', ');
      problems.misshapen.push(`${wanted} [${found.dims.join(', ')}] instead of [${words}]`);
    }
    // A place is kept and filled once everything is known to fit.
    const value = builder.constant({ dtype: 'float32', dims: [0], data: new Float32Array(0) }, as);
    made.set(as, value);
    if (found !== undefined) {
      fills.push(() => {
        const tensor = floats(found);
        builder.setInitializer(value, change === undefined ? tensor : change(tensor));
      });
    }
    return value;
  };
  const size: Scope['size'] = (of, axis) => weights.get(of)?.dims[axis] ?? NaN;
  const vector = (of: string, length: number): string => weight(of, [length]);
  const biases = new Map<string, { readonly absent: string[]; present: boolean }>();
  const hasBias = (of: string): boolean => {
    const kind = of.replace(/\d+/g, '#');
    const known = biases.get(kind) ?? { absent: [], present: false };
    biases.set(kind, known);
    if (weights.has(of)) known.present = true;
    else known.absent.push(of);
    return weights.has(of);
  };
  const optional = (of: string, length: number): string | undefined => (hasBias(of) ? vector(of, length) : undefined);

  return {
    builder,
    weights,
    problems,
    used,
    has: (of) => weights.has(of),
    size,
    weight,
    conv(x, of, kernel, options = {}) {
      const out = size(`${of}.weight`, 0);
      const perGroup = size(`${of}.weight`, 1);
      const group = perGroup > 0 && x.channels % perGroup === 0 ? x.channels / perGroup : 1;
      const w = weight(`${of}.weight`, [null, x.channels / group, kernel, kernel]);
      const value = builder.conv(x.value, w, optional(`${of}.bias`, out), {
        strides: options.strides ?? square(1),
        pads: options.pads ?? [0, 0, 0, 0],
        group,
      });
      return { value, channels: out };
    },
    norm(x, of) {
      const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
        vector(`${of}.${part}`, x.channels),
      );
      return { ...x, value: builder.batchNorm(x.value, scale, bias, mean, variance, 1e-5) };
    },
    relu: (x) => ({ ...x, value: builder.relu(x.value) }),
    relu6: (x) => ({ ...x, value: builder.clip(x.value, 0, 6) }),
    add: (a, b) => ({ ...a, value: builder.add(a.value, b.value) }),
    maxPool: (x, kernel, stride, pad) => ({
      ...x,
      value: builder.maxPool(x.value, { kernel: square(kernel), strides: square(stride), pads: [pad, pad, pad, pad] }),
    }),
    averagePool: (x, kernel) => ({
      ...x,
      value: builder.averagePool(x.value, { kernel: square(kernel), strides: square(kernel) }),
    }),
    globalPool: (x) => ({ ...x, value: builder.flatten(builder.globalAveragePool(x.value), 1) }),
    linear(x, of) {
      const out = size(`${of}.weight`, 0);
      const w = weight(`${of}.weight`, [null, x.channels]);
      return { value: builder.gemm(x.value, w, optional(`${of}.bias`, out), { transB: true }), channels: out };
    },
    dense(x, of) {
      const out = size(`${of}.weight`, 0);
      const product = builder.matmul(x.value, weight(`${of}.weight`, [null, x.channels], transposed));
      const bias = optional(`${of}.bias`, out);
      return { value: bias === undefined ? product : builder.add(product, bias), channels: out };
    },
    layerNorm(x, of, epsilon) {
      const scale = vector(`${of}.weight`, x.channels);
      const bias = vector(`${of}.bias`, x.channels);
      const attributes = { axis: int(-1), epsilon: float(epsilon) };
      return { ...x, value: builder.node('LayerNormalization', [x.value, scale, bias], attributes) };
    },
    finish(output) {
      builder.output(output.value, 'float32', ['N', output.channels]);
      return builder.build();
    },
    hasBias,
    lostBiases: () => [...biases.values()].flatMap(({ absent, present }) => (present ? absent : [])),
    fill() {
      for (const each of fills) each();
    },
  };
}

/** Left open by the architecture, or unknown because the weight that would say it is missing. */
function isOpen(dim: number | null): boolean {
  return dim === null || Number.isNaN(dim);
}

function fits(found: Weight, wanted: Wanted): boolean {
  return (
    found.dims.length === wanted.length &&
    wanted.every((dim, axis) => (isOpen(dim) ? found.dims[axis] > 0 : dim === found.dims[axis]))
  );
}

/** Weights are float32 in the graph; a file may have them as integers (quantised by hand), which is no encoder of ours. */
function floats(weight: Weight): Tensor {
  const tensor = weight.read();
  return tensor.dtype === 'float32'
    ? tensor
    : {
        dtype: 'float32',
        dims: tensor.dims,
        data: Float32Array.from(tensor.data as ArrayLike<number | bigint>, Number),
      };
}

export function transposed(tensor: Tensor): Tensor {
  const [rows, columns] = tensor.dims;
  const [step, one] = stridesOf(tensor.dims);
  return takeFlat(tensor, stridedIndex([columns, rows], [one, step]), [columns, rows]);
}

/** Rows `from..to-1` along the first axis. */
export function rowsOf(tensor: Tensor, from: number, to: number): Tensor {
  const width = tensor.dims.slice(1).reduce((a, b) => a * b, 1);
  return {
    dtype: tensor.dtype,
    dims: [to - from, ...tensor.dims.slice(1)],
    data: tensor.data.slice(from * width, to * width),
  };
}
