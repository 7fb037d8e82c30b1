/**
 * Known answers for the provider. Convolutions work on small whole numbers, whose sums float32 holds exactly in any
 * order: one wrong position, channel or block shows as a difference, never as rounding.
 */
import { float, int, ints } from '../../graph/attributes.ts';
import { graphBuilder } from '../../graph/builder.ts';
import { evaluate } from '../../graph/evaluate.ts';
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import type { Graph, Tensor } from '../../graph/ir.ts';
import { sizeOf } from '../../graph/tensors.ts';
import type { CompiledGraph, SelfTestRow } from '../provider.ts';

export type Layout = 'nchw' | 'nchwc';
export type CompileIn = (graph: Graph, layout: Layout) => Promise<CompiledGraph>;

/** Whole numbers -4..4 that repeat with no power of two. */
function wholeNumbers(dims: readonly number[], start: number): Tensor {
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, at) => ((at * 7 + start * 5 + (at % 13)) % 9) - 4);
  return { dtype: 'float32', dims, data };
}

function feedsOf(graph: Graph): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map((input, index) => [input.name, wholeNumbers(input.shape as readonly number[], index)]),
  );
}

interface Shape {
  readonly images: number;
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly stride: 1 | 2;
  readonly group: number;
}

/** A 3x3 convolution and both its gradients. */
function convolutionGraph({ images, from, to, size, stride, group }: Shape): Graph {
  const b = graphBuilder();
  const x = [images, from, size, size];
  const w = [to, from / group, 3, 3];
  const y = [images, to, size / stride, size / stride];
  const attributes = {
    strides: ints([stride, stride]),
    pads: ints([1, 1, 1, 1]),
    dilations: ints([1, 1]),
    group: int(group),
  };
  b.input('x', 'float32', x);
  b.input('w', 'float32', w);
  b.input('dy', 'float32', y);
  b.output(b.node('Conv', ['x', 'w'], attributes, 'y'), 'float32', y);
  const inputAttributes = { ...attributes, input_shape: ints(x) };
  b.output(b.node('ConvGradInput', ['dy', 'w'], inputAttributes, 'dx', INTERNAL_DOMAIN), 'float32', x);
  const weightAttributes = { ...attributes, weight_shape: ints(w) };
  b.output(b.node('ConvGradWeight', ['x', 'dy'], weightAttributes, 'dw', INTERNAL_DOMAIN), 'float32', w);
  return b.build();
}

/** The convolution of the same numbers with a constant weight, as encoders are evaluated. */
function constantGraph(graph: Graph): Graph {
  const b = graphBuilder();
  const [x, w] = graph.inputs;
  b.input('x', 'float32', x.shape);
  const weight = b.constant(wholeNumbers(w.shape as readonly number[], 1));
  const attributes = graph.nodes.find((node) => node.op === 'Conv')?.attributes ?? {};
  b.output(b.node('Conv', ['x', weight], attributes, 'y'), 'float32', graph.outputs[0].shape);
  return b.build();
}

function normalisationGraph(): Graph {
  const b = graphBuilder();
  const x = [16, 24, 5, 5];
  b.input('x', 'float32', x);
  b.input('scale', 'float32', [24]);
  b.input('bias', 'float32', [24]);
  b.input('dy', 'float32', x);
  const epsilon = { epsilon: float(1e-5) };
  const normal = ['y', 'mean', 'variance'];
  b.multi('BatchNormTrain', ['x', 'scale', 'bias'], epsilon, normal, INTERNAL_DOMAIN);
  const gradients = ['dx', 'dscale', 'dbias'];
  b.multi('BatchNormTrainGrad', ['x', 'scale', 'mean', 'variance', 'dy'], epsilon, gradients, INTERNAL_DOMAIN);
  for (const name of ['y', 'dx']) b.output(name, 'float32', x);
  for (const name of ['dscale', 'dbias']) b.output(name, 'float32', [24]);
  return b.build();
}

/** Largest difference of any output from the interpreter's, relative to that output's largest number. */
async function errorOf(compiled: CompiledGraph, graph: Graph): Promise<number> {
  const feeds = feedsOf(graph);
  const wanted = evaluate(graph, feeds, { precision: 'float64' });
  const met = await compiled.run(feeds);
  await compiled.dispose();
  return Math.max(
    ...Object.entries(wanted).map(([name, { data }]) => {
      let worst = 0;
      let scale = 1;
      for (let at = 0; at < data.length; at += 1) {
        const difference = Math.abs(Number(data[at]) - Number(met[name].data[at]));
        worst = difference <= worst ? worst : Number.isNaN(difference) ? Infinity : difference;
        scale = Math.max(scale, Math.abs(Number(data[at])));
      }
      return worst / scale;
    }),
  );
}

interface KnownAnswer {
  readonly name: string;
  readonly graph: Graph;
  /** Largest error that passes. */
  readonly limit: number;
}

function knownAnswers(): KnownAnswer[] {
  const plain = convolutionGraph({ images: 16, from: 32, to: 48, size: 6, stride: 1, group: 1 });
  return [
    { name: 'convolution and gradients', graph: plain, limit: 0 },
    {
      name: 'convolution and gradients, large image, stride 2',
      graph: convolutionGraph({ images: 2, from: 24, to: 16, size: 12, stride: 2, group: 1 }),
      limit: 0,
    },
    {
      name: 'depthwise convolution and gradients',
      graph: convolutionGraph({ images: 2, from: 32, to: 32, size: 10, stride: 1, group: 32 }),
      limit: 0,
    },
    { name: 'convolution with a constant weight', graph: constantGraph(plain), limit: 0 },
    { name: 'batch normalisation and gradients', graph: normalisationGraph(), limit: 1e-5 },
  ];
}

/** One row per known answer and layout. A failure to run counts as a failed row. */
export async function runSelfTest(compile: CompileIn, layouts: readonly Layout[]): Promise<SelfTestRow[]> {
  const rows: SelfTestRow[] = [];
  for (const layout of layouts) {
    for (const { name, graph, limit } of knownAnswers()) {
      const label = `${name} (${layout})`;
      try {
        const error = await errorOf(await compile(graph, layout), graph);
        rows.push({ name: label, passed: error <= limit, error, detail: `at most ${limit} allowed` });
      } catch (failure) {
        const detail = failure instanceof Error ? failure.message : String(failure);
        rows.push({ name: label, passed: false, error: null, detail });
      }
    }
  }
  return rows;
}
