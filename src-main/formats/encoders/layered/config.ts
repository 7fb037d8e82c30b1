/**
 * The layers of a Keras network as its config names them (Keras 2, Keras 3 and TF.js write the same tree in three
 * spellings), brought to one list of layers and calls. Nothing is built or run.
 */
import type { ModelLimits } from '../../limits.ts';
import { fieldsOf, malformedModel, shapeOf, shown, tooLargeModel, unsupportedModel, type Fields } from '../fields.ts';

export interface LayerConfig {
  readonly kind: string;
  readonly name: string;
  readonly config: Fields;
  /** Set for a network within the network. */
  readonly network: NetworkConfig | null;
}

/** One use of a layer; a layer that is shared has several. */
export interface LayerCall {
  readonly layer: LayerConfig;
  /** Which use of the layer it is, from 0. */
  readonly use: number;
  /** Values it is applied to, in order: `layer/use/output`. */
  readonly inputs: readonly string[];
}

export interface NetworkConfig {
  readonly name: string;
  readonly layers: readonly LayerConfig[];
  readonly calls: readonly LayerCall[];
  /** Layers that take the network's inputs, in order. */
  readonly inputs: readonly { readonly layer: string; readonly shape: readonly (number | null)[] }[];
  /** Values the network answers with. */
  readonly outputs: readonly string[];
}

/** Networks within networks. */
const MAX_NESTING = 16;

export const callKey = (layer: string, use: number, output: number): string => JSON.stringify([layer, use, output]);

/** Whether a class is a network of its own. */
export const isNetwork = (kind: string): boolean => ['Sequential', 'Functional', 'Model'].includes(kind);

/**
 * @param value `{class_name, config}` of the outermost network
 * @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder (a network that is no list or graph of layers)
 */
export function networkConfig(value: unknown, limits: ModelLimits): NetworkConfig {
  const budget = { layers: limits.maxLayers };
  return network(fieldsOf(value, 'the network'), 0, budget, limits);
}

interface Budget {
  layers: number;
}

function network(wrapper: Fields, depth: number, budget: Budget, limits: ModelLimits): NetworkConfig {
  if (depth > MAX_NESTING) throw tooLargeModel(`Networks nest deeper than ${MAX_NESTING}.`);
  const kind = wrapper.text('class_name');
  if (!isNetwork(kind)) {
    throw unsupportedModel(`The network is a ${shown(kind)}; Sequential and functional networks are read.`);
  }
  // The oldest Sequential files hold the bare list.
  const bare = wrapper.raw('config');
  const config = Array.isArray(bare) ? fieldsOf({ layers: bare }, wrapper.what) : wrapper.object('config');
  const name = config.text('name', 'network');
  const entries = config.list('layers');
  budget.layers -= entries.length;
  if (budget.layers < 0) throw tooLargeModel(`More than ${limits.maxLayers} layers (limit maxLayers).`);
  const taken = new Set<string>();
  const parsed = entries.map((entry, index) => {
    const fields = fieldsOf(entry, `layer ${index} of "${name}"`);
    const layer = layerOf(fields, index, depth, budget, limits);
    if (taken.has(layer.name)) throw malformedModel(`Two layers of "${name}" are called "${layer.name}".`);
    taken.add(layer.name);
    return { fields, layer };
  });
  return kind === 'Sequential' ? sequential(name, config, parsed) : functional(name, config, parsed);
}

function layerOf(fields: Fields, index: number, depth: number, budget: Budget, limits: ModelLimits): LayerConfig {
  const kind = fields.text('class_name');
  const bare = fields.raw('config');
  const config = Array.isArray(bare) ? fieldsOf({ layers: bare }, fields.what) : fields.object('config');
  const name = fields.text('name', config.text('name', `${kind}_${index}`));
  const named = fieldsOf(Array.isArray(bare) ? {} : bare, `the layer "${name}" (${kind})`);
  const inner = isNetwork(kind) ? network(fields, depth + 1, budget, limits) : null;
  return { kind, name, config: named, network: inner };
}

interface Parsed {
  readonly fields: Fields;
  readonly layer: LayerConfig;
}

function inputShape(config: Fields): (number | null)[] | null {
  const value = config.raw('batch_input_shape') ?? config.raw('batch_shape') ?? config.raw('batchInputShape');
  return value === undefined ? null : shapeOf(value, config.what);
}

function sequential(name: string, config: Fields, parsed: readonly Parsed[]): NetworkConfig {
  const [first] = parsed;
  if (first === undefined) throw malformedModel(`The network "${name}" has no layers.`);
  const built = config.raw('build_input_shape');
  const inner = first.layer.network?.inputs[0]?.shape ?? null;
  const shape = inputShape(first.layer.config) ?? inner ?? (built === undefined ? null : shapeOf(built, `"${name}"`));
  const given = first.layer.kind === 'InputLayer';
  if (shape === null) {
    throw unsupportedModel(`The network "${name}" does not say what size its input has; save it after it was built.`);
  }
  const inputLayer = given ? first.layer.name : '';
  let value = callKey(inputLayer, 0, 0);
  const calls: LayerCall[] = [];
  for (const { layer } of given ? parsed.slice(1) : parsed) {
    if (layer.kind === 'InputLayer') throw malformedModel(`"${layer.name}" is an input in the middle of "${name}".`);
    calls.push({ layer, use: 0, inputs: [value] });
    value = callKey(layer.name, 0, 0);
  }
  return {
    name,
    layers: parsed.map(({ layer }) => layer),
    calls,
    inputs: [{ layer: inputLayer, shape }],
    outputs: [value],
  };
}

function functional(name: string, config: Fields, parsed: readonly Parsed[]): NetworkConfig {
  const layers = new Map(parsed.map(({ layer }) => [layer.name, layer]));
  const calls: LayerCall[] = [];
  for (const { fields, layer } of parsed) {
    if (layer.kind === 'InputLayer') continue;
    const nodes = fields.raw('inbound_nodes') ?? [];
    if (!Array.isArray(nodes))
      throw malformedModel(`The layer "${layer.name}": its inbound_nodes are ${shown(nodes)}.`);
    if (nodes.length > 1000) throw tooLargeModel(`The layer "${layer.name}" is used ${nodes.length} times.`);
    nodes.forEach((node: unknown, use) => calls.push({ layer, use, inputs: sources(node, layer.name) }));
  }
  const ends = (key: string): string[] => {
    const met = config.raw(key);
    const list: readonly unknown[] = Array.isArray(met) && typeof met[0] === 'string' ? [met] : config.list(key);
    return list.map((entry) => endOf(entry, `"${name}", ${key}`));
  };
  const inputs = ends('input_layers').map((key) => {
    const layer = layers.get((JSON.parse(key) as [string])[0]);
    if (layer === undefined || layer.kind !== 'InputLayer') {
      throw malformedModel(`"${name}" takes its input from ${key}, which is no input layer.`);
    }
    const shape = inputShape(layer.config);
    if (shape === null) throw malformedModel(`The input layer "${layer.name}" has no shape.`);
    return { layer: layer.name, shape };
  });
  const outputs = ends('output_layers');
  if (inputs.length === 0 || outputs.length === 0) throw malformedModel(`"${name}" has no input or no output.`);
  return { name, layers: parsed.map(({ layer }) => layer), calls, inputs, outputs };
}

/** `[layer, use, output]`, with or without keyword arguments behind. */
function endOf(value: unknown, what: string): string {
  if (!Array.isArray(value)) throw malformedModel(`${what}: ${shown(value)} names no value.`);
  const [layer, use, output] = value as unknown[];
  const counts = [use, output].every((each) => Number.isInteger(each) && Number(each) >= 0 && Number(each) < 65_536);
  if (typeof layer !== 'string' || !counts) throw malformedModel(`${what}: ${shown(value)} names no value.`);
  return callKey(layer, Number(use), Number(output));
}

function sources(node: unknown, layer: string): string[] {
  const what = `The layer "${layer}", inbound_nodes`;
  if (Array.isArray(node)) {
    const list = typeof node[0] === 'string' ? [node] : (node as unknown[]);
    return list.map((entry) => endOf(entry, what));
  }
  // Keras 3: {args: [tensor | [tensor, …]], kwargs}.
  const args = fieldsOf(node, what).list('args');
  const flat = args.flatMap((arg): readonly unknown[] => (Array.isArray(arg) ? arg : [arg]));
  return flat.filter(isKerasTensor).map((tensor) => {
    const history = fieldsOf(fieldsOf(tensor, what).raw('config'), what).raw('keras_history');
    return endOf(history, what);
  });
}

function isKerasTensor(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && (value as { class_name?: unknown }).class_name === '__keras_tensor__'
  );
}
