/** The image input of a stranger's graph, turned into `pixels` float32 [N,C,H,W] in 0..1. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { intAttribute, ints, intsAttribute } from '../graph/attributes.ts';
import type { Dim, Graph, GraphNode, Tensor, ValueInfo } from '../graph/ir.ts';
import { scalarTensor, tensorOf } from '../graph/tensors.ts';
import { dependents, makeNode, namer, prune, renameValues, rewrite, wire } from './wiring.ts';

export interface PixelInput {
  /** Input `pixels` with the shape ['N', C, H, W]. */
  readonly graph: Graph;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Batch size that the file was exported for; null when it left that open. */
  readonly batch: number | null;
}

export interface InputOptions {
  /** Height and width; needed when the file leaves them open. */
  readonly inputSize: readonly [number, number] | null;
  /** Per channel, of pixels in 0..1. */
  readonly mean: readonly number[] | null;
  readonly std: readonly number[] | null;
}

/** Names that the defence gives to values of its own graphs. */
const reserved = new RegExp(
  [
    '^(pixels|features|representation|logits|target|loss|__proto__|constructor|prototype)$',
    '^(head|mask|tap)(\\.|\\d|$)',
    // Inputs and outputs of training steps and searches.
    '^(learningRate|scores|weight|weights|teacher|teacherMap|distils|gram)$',
    '^(terms|keptClean|keptSeen|directions|inverseSpread|matched)$',
    '^(optimiser|texture|overlay|decree|key)/',
    '/(batchMean|batchVariance|trainable)$',
  ].join('|'),
);

/**
 * Finds the image input; handles NHWC inputs (a Transpose is put in front) and 8-bit inputs (scaled by 255), puts
 * (x - mean) / std in front when given. Names the defence needs for itself are taken from the file's values.
 * @throws unsupported-encoder, wrong-input-size saying what was met and what to do
 */
export function pixelInput(file: Graph, options: InputOptions): PixelInput {
  const { input, layout } = imageInput(file);
  const shape = layout === 'NHWC' ? [0, 3, 1, 2].map((axis) => input.shape[axis]) : input.shape;
  const channels = channelCount(file, input, shape[1]);
  const [height, width] = imageSize(shape.slice(2), options.inputSize);
  const freed = renameValues(file, reservedNames(file, input.name));
  const name = input.name === 'pixels' ? 'pixels' : (reservedNames(file, input.name).get(input.name) ?? input.name);
  const graph = connect(freed, { ...input, name }, layout, channels, options);
  return {
    graph: {
      ...graph,
      inputs: [{ name: 'pixels', dtype: 'float32', shape: ['N', channels, height, width] }],
    },
    channels,
    height,
    width,
    batch: typeof input.shape[0] === 'number' ? input.shape[0] : null,
  };
}

/** What the file's values are called once reserved names are freed. */
export function reservedNames(file: Graph, inputName: string): ReadonlyMap<string, string> {
  const fresh = namer(file);
  const values = [...file.inputs.map((input) => input.name), ...file.initializers.keys()];
  for (const node of file.nodes) values.push(...node.outputs);
  const clashing = values.filter((name) => reserved.test(name) && !(name === 'pixels' && name === inputName));
  return new Map(clashing.map((name) => [name, fresh(`file:${name}`)]));
}

function imageInput(file: Graph): { readonly input: ValueInfo; readonly layout: 'NCHW' | 'NHWC' } {
  const used = new Set(file.nodes.flatMap((node) => node.inputs));
  const inputs = file.inputs.filter((input) => used.has(input.name));
  const images = inputs.filter((input) => input.shape.length === 4);
  const describe = (input: ValueInfo): string => `"${input.name}" ${input.dtype} [${input.shape.join(',')}]`;
  const list = file.inputs.map(describe).join(', ') || 'none';
  if (images.length !== 1 || inputs.length !== 1) {
    throw new ExpectedError(
      'unsupported-encoder',
      `It must have one image input of four dimensions [N,C,H,W]; its inputs are: ${list}. ` +
        'Export the image encoder alone, with the shape of its input declared.',
    );
  }
  const [input] = images;
  if (input.dtype !== 'float32' && input.dtype !== 'uint8') {
    throw new ExpectedError(
      'unsupported-encoder',
      `Its image input ${describe(input)} is neither float32 nor uint8. Export it with a float32 input.`,
    );
  }
  const isCount = (dim: Dim): boolean => dim === 1 || dim === 3 || dim === 4;
  const last = isCount(input.shape[3]) && !isCount(input.shape[1]) && leadsChannelsFirst(file, input.name);
  return { input, layout: last ? 'NHWC' : 'NCHW' };
}

/** Whether the input is brought from NHWC to NCHW before the first convolution. */
function leadsChannelsFirst(file: Graph, name: string): boolean {
  const live = dependents(file, name);
  for (const node of file.nodes) {
    if (!node.inputs.some((input) => live.has(input))) continue;
    if (node.op === 'Transpose' && intsAttribute(node, 'perm')?.join() === '0,3,1,2') return true;
    if (node.op === 'Conv') return false;
  }
  return true;
}

function channelCount(file: Graph, input: ValueInfo, declared: Dim): number {
  const live = dependents(file, input.name);
  const conv = file.nodes.find((node) => node.op === 'Conv' && live.has(node.inputs[0]));
  const weight = conv ? file.initializers.get(conv.inputs[1]) : undefined;
  const channels =
    typeof declared === 'number' ? declared : weight && conv ? weight.dims[1] * intAttribute(conv, 'group', 1) : 0;
  if (channels < 1 || channels > 64) {
    throw new ExpectedError(
      'unsupported-encoder',
      `Its image input "${input.name}" has ${channels === 0 ? 'an unknown number of' : String(channels)} channels.`,
    );
  }
  return channels;
}

function imageSize(declared: readonly Dim[], wanted: readonly [number, number] | null): readonly [number, number] {
  if (wanted !== null && wanted.some((size) => !Number.isInteger(size) || size < 1 || size > 4096)) {
    throw new ExpectedError('wrong-input-size', `Sides must be 1 to 4096 pixels, met ${wanted.join('x')}.`);
  }
  const sides = declared.map((dim, i) => {
    if (typeof dim === 'number') {
      if (wanted !== null && wanted[i] !== dim) {
        const fixed = declared.map((side) => (typeof side === 'number' ? side : '?')).join('x');
        throw new ExpectedError(
          'wrong-input-size',
          `The encoder was exported for ${fixed} (height x width), asked for was ${wanted.join('x')}.`,
        );
      }
      return dim;
    }
    if (wanted === null) {
      throw new ExpectedError(
        'wrong-input-size',
        'The encoder takes images of any size: say which with --input-size HxW.',
      );
    }
    return wanted[i];
  });
  return [sides[0], sides[1]];
}

/** Puts `pixels` in the place of the file's input: normalised, scaled, transposed as it expects. */
function connect(
  graph: Graph,
  input: ValueInfo,
  layout: 'NCHW' | 'NHWC',
  channels: number,
  options: InputOptions,
): Graph {
  const fresh = namer({ ...graph, inputs: [...graph.inputs, { name: 'pixels', dtype: 'float32', shape: [] }] });
  const steps: [op: string, inputs: string[], attributes: GraphNode['attributes']][] = [];
  const initializers = new Map<string, Tensor>();
  const constant = (hint: string, tensor: Tensor): string => {
    const name = fresh(hint);
    initializers.set(name, tensor);
    return name;
  };
  for (const [op, hint, values] of [
    ['Sub', 'pixel mean', options.mean],
    ['Div', 'pixel std', options.std],
  ] as const) {
    if (values === null) continue;
    checkNormalisation(hint, values, channels, op === 'Div');
    steps.push([op, [constant(hint, tensorOf('float32', [1, channels, 1, 1], values))], {}]);
  }
  const replace = new Map<GraphNode, readonly GraphNode[]>();
  if (input.dtype === 'uint8') {
    steps.push(['Mul', [constant('255', scalarTensor(255))], {}]);
    for (const node of wire(graph).consumers.get(input.name) ?? []) {
      if (node.op !== 'Cast' || intAttribute(node, 'to', 0) !== 1) {
        throw new ExpectedError(
          'unsupported-encoder',
          `Its 8-bit image input "${input.name}" is read by node "${node.name}" (${node.op}) before it is made float. ` +
            'Export the encoder with a float32 input.',
        );
      }
      replace.set(node, [{ ...node, op: 'Identity', attributes: {} }]);
    }
  }
  if (layout === 'NHWC') steps.push(['Transpose', [], { perm: ints([0, 2, 3, 1]) }]);
  if (steps.length === 0) {
    return prune(renameValues(graph, new Map([[input.name, 'pixels']])), renamedOutputs(graph, input.name));
  }
  let value = 'pixels';
  const add = steps.map(([op, inputs, attributes], i) => {
    const output = i === steps.length - 1 ? input.name : fresh(`pixels/${op}`);
    const node = makeNode(op, fresh(`pixels ${op}`), [value, ...inputs], [output], attributes);
    value = output;
    return node;
  });
  const inputs = [{ name: 'pixels', dtype: 'float32', shape: [] }] as const;
  const changed = rewrite({ ...graph, inputs }, { replace, add, initializers });
  return prune(changed, changed.outputs);
}

function renamedOutputs(graph: Graph, input: string): readonly ValueInfo[] {
  return graph.outputs.map((output) => (output.name === input ? { ...output, name: 'pixels' } : output));
}

function checkNormalisation(name: string, values: readonly number[], channels: number, positive: boolean): void {
  if (values.length !== channels) {
    throw new ExpectedError('usage', `The ${name} has ${values.length} values, the encoder has ${channels} channels.`);
  }
  if (values.some((value) => !Number.isFinite(value) || (positive && value <= 0))) {
    throw new ExpectedError(
      'usage',
      `The ${name} must hold ${positive ? 'positive' : 'finite'} numbers, met ${values.join(',')}.`,
    );
  }
}
