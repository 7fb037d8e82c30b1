/**
 * Known answers for every provider. Convolutions work on small whole numbers, whose sums float32 holds exactly in any
 * order: one wrong position, channel or block shows as a difference, never as rounding.
 */
import { float, int, ints } from '../graph/attributes.ts';
import { differentiate } from '../graph/autodiff.ts';
import { graphBuilder } from '../graph/builder.ts';
import { evaluate } from '../graph/evaluate.ts';
import { INTERNAL_DOMAIN } from '../graph/internal-ops.ts';
import type { Graph, Tensor } from '../graph/ir.ts';
import { crossEntropyOfTargets, mean } from '../graph/losses.ts';
import { sizeOf } from '../graph/tensors.ts';
import { messageOf } from './failed.ts';
import type { CompiledGraph, SelfTestRow } from './provider.ts';
import { rankGraph } from './rank-graph.ts';

/** Compiles a graph without open sizes in one of the provider's layouts. */
export type CompileIn<Layout extends string> = (graph: Graph, layout: Layout) => Promise<CompiledGraph>;

/** Whole numbers -4..4 that repeat with no power of two. */
function wholeNumbers(dims: readonly number[], start: number): Tensor {
  const data = Float32Array.from({ length: sizeOf(dims) }, (_, at) => ((at * 7 + start * 5 + (at % 13)) % 9) - 4);
  return { dtype: 'float32', dims, data };
}

/** Numbers in -0.5..0.5 of which no two are equal, so that rounding decides no maximum. */
function fractions(dims: readonly number[], start: number): Tensor {
  const data = Float32Array.from(
    { length: sizeOf(dims) },
    (_, at) => (Math.imul(at + 1000 * start + 1, 0x9e3779b1) >>> 0) / 2 ** 32 - 0.5,
  );
  return { dtype: 'float32', dims, data };
}

type MakeNumbers = (dims: readonly number[], start: number) => Tensor;

function feedsOf(graph: Graph, make: MakeNumbers): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map((input, index) => [input.name, make(input.shape as readonly number[], index)]),
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
async function errorOf(compiled: CompiledGraph, graph: Graph, make: MakeNumbers): Promise<number> {
  const feeds = feedsOf(graph, make);
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

const CLASSES = 5;

/**
 * A small net as the method trains it, its loss and the gradients of all its weights. Nothing in it is a whole number: a
 * device that rounds float32 to fewer digits than it says shows here.
 */
function networkGraph(): Graph {
  const b = graphBuilder();
  const weight = (dims: readonly number[], start: number): string => b.constant(fractions(dims, start));
  b.input('x', 'float32', [4, 3, 8, 8]);
  b.input('target', 'float32', [4, CLASSES]);
  const trained = [weight([16, 3, 3, 3], 2), weight([16], 3), weight([16], 4), weight([16, CLASSES], 5)];
  const [filter, scale, bias, head] = trained;
  const convolved = b.conv('x', filter, undefined, { pads: [1, 1, 1, 1] });
  const [normal] = b.multi('BatchNormTrain', [convolved, scale, bias], { epsilon: float(1e-5) }, 3, INTERNAL_DOMAIN);
  const pooled = b.maxPool(b.gelu(normal), { kernel: [2, 2], strides: [2, 2] });
  const logits = b.gemm(b.flatten(b.globalAveragePool(pooled)), head);
  b.node('Identity', [mean(b, crossEntropyOfTargets(b, logits, 'target'))], {}, 'loss');
  b.output('loss', 'float32', []);
  const { graph } = differentiate(b.build(), { loss: 'loss', wrt: trained, dims: {} });
  return graph;
}

interface KnownAnswer {
  readonly name: string;
  readonly graph: Graph;
  /** Largest error that passes; 0 is worked out on whole numbers. */
  readonly limit: number;
  /** Default: whole numbers. */
  readonly make?: MakeNumbers;
}

function knownAnswers(): KnownAnswer[] {
  // Small enough for the wide order of the blocked layout (`blocked.ts`), the next one for the standard order.
  const plain = convolutionGraph({ images: 16, from: 32, to: 48, size: 3, stride: 1, group: 1 });
  return [
    { name: 'convolution and gradients', graph: plain, limit: 0 },
    {
      name: 'convolution and gradients, large image, stride 2',
      graph: convolutionGraph({ images: 2, from: 24, to: 40, size: 12, stride: 2, group: 1 }),
      limit: 0,
    },
    {
      name: 'depthwise convolution and gradients',
      graph: convolutionGraph({ images: 2, from: 32, to: 32, size: 10, stride: 1, group: 32 }),
      limit: 0,
    },
    {
      name: 'convolution of 6 channels and gradients of 9 images',
      graph: convolutionGraph({ images: 9, from: 6, to: 8, size: 6, stride: 1, group: 1 }),
      limit: 0,
    },
    { name: 'convolution with a constant weight', graph: constantGraph(plain), limit: 0 },
    { name: 'batch normalisation and gradients', graph: normalisationGraph(), limit: 1e-5 },
    { name: 'gradients of a small net', graph: networkGraph(), limit: 1e-4, make: fractions },
  ];
}

const NEIGHBOURS = { queries: 16, rows: 200, width: 24, count: 8 } as const;

/** The share of queries whose nearest rows are not those that float64 finds. */
async function neighbourError(compile: (graph: Graph) => Promise<CompiledGraph>): Promise<number> {
  const { queries, rows, width, count } = NEIGHBOURS;
  const compiled = await compile(rankGraph(queries, rows, width, count));
  const near = fractions([queries, width], 3).data as Float32Array;
  const among = fractions([rows, width], 8).data as Float32Array;
  const norms = Float32Array.from({ length: rows }, (_, row) =>
    among.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value * value, 0),
  );
  const { indices } = await compiled.run({
    queries: { dtype: 'float32', dims: [queries, width], data: near },
    rows: { dtype: 'float32', dims: [rows, width], data: among },
    norms: { dtype: 'float32', dims: [rows], data: norms },
  });
  await compiled.dispose();
  let wrong = 0;
  for (let query = 0; query < queries; query += 1) {
    const distances = Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let at = 0; at < width; at += 1) sum += (near[query * width + at] - among[row * width + at]) ** 2;
      return sum;
    });
    const order = Array.from(distances.keys()).sort((a, b) => distances[a] - distances[b] || a - b);
    const met = Array.from({ length: count }, (_, at) => Number(indices.data[query * count + at]));
    if (met.some((row, at) => distances[row] !== distances[order[at]])) wrong += 1;
  }
  return wrong / queries;
}

async function tested(name: string, limit: number, measure: () => Promise<number>): Promise<SelfTestRow> {
  try {
    const error = await measure();
    return { name, passed: error <= limit, error, detail: `at most ${limit} allowed` };
  } catch (failure) {
    return { name, passed: false, error: null, detail: messageOf(failure) };
  }
}

/** One row per known answer and layout. A failure to run counts as a failed row. */
export async function testLayouts<Layout extends string>(
  compile: CompileIn<Layout>,
  layouts: readonly Layout[],
): Promise<SelfTestRow[]> {
  const rows: SelfTestRow[] = [];
  for (const layout of layouts) {
    for (const { name, graph, limit, make } of knownAnswers()) {
      const measure = async (): Promise<number> =>
        await errorOf(await compile(graph, layout), graph, make ?? wholeNumbers);
      rows.push(await tested(`${name} (${layout})`, limit, measure));
    }
  }
  return rows;
}

/** What no layout changes: products and ranks, as the neighbour search asks for them. */
export function testNeighbours(compile: (graph: Graph) => Promise<CompiledGraph>): Promise<SelfTestRow> {
  return tested('nearest neighbours', 0, () => neighbourError(compile));
}
