/** A layered network and its weights -> graph. */
import { graphBuilder } from '../../../engine/graph/builder.ts';
import type { Graph, Tensor } from '../../../engine/graph/ir.ts';
import type { ModelLimits } from '../../limits.ts';
import { malformedModel, unsupportedModel } from '../fields.ts';
import { channelsLast, shapeText, type ChannelsLast, type Laid } from './channels-last.ts';
import { callKey, isNetwork, networkConfig, type LayerCall, type NetworkConfig } from './config.ts';
import { layerBuilder } from './layers.ts';
import type { LayerPlace, WeightSource } from './weights.ts';

export interface BuiltNetwork {
  /** One image input [N,C,H,W] in the values the network was trained with; opset 17. */
  readonly graph: Graph;
  readonly notes: readonly string[];
  /** Layers, those of inner networks included. */
  readonly layers: number;
}

/**
 * Builds the network that `value` (`{class_name, config}`) describes.
 * @throws ExpectedError encoder-malformed, encoder-too-large, unsupported-encoder, each naming the layer
 */
export function buildNetwork(value: unknown, weights: WeightSource, limits: ModelLimits): BuiltNetwork {
  const network = networkConfig(value, limits);
  const net = channelsLast(graphBuilder(undefined, { name: network.name }));
  const notes = new Set<string>();
  const [input] = network.inputs;
  if (network.inputs.length !== 1) {
    throw unsupportedModel(`The network takes ${network.inputs.length} inputs; encoders of one image are audited.`);
  }
  const image = net.input(input.layer === '' ? 'image' : input.layer, input.shape);
  const state: BuildState = { net, weights, notes, layers: 0, known: new Map() };
  for (const answer of runNetwork(network, [image], { names: [], counted: '' }, state)) net.output(answer);
  return { graph: net.graph.build(), notes: [...notes], layers: state.layers };
}

interface BuildState {
  readonly net: ChannelsLast;
  readonly weights: WeightSource;
  readonly notes: Set<string>;
  layers: number;
  /** Weights by place and name: a layer that is used twice has them once. */
  readonly known: Map<string, Tensor | null>;
}

function runNetwork(network: NetworkConfig, images: readonly Laid[], around: LayerPlace, state: BuildState): Laid[] {
  const values = new Map<string, Laid>();
  network.inputs.forEach(({ layer }, index) => {
    const image = images[index];
    if (image === undefined) throw malformedModel(`"${network.name}" is applied to ${images.length} values.`);
    values.set(callKey(layer, 0, 0), image);
  });
  const places = placesOf(network, around);
  for (const call of inOrder(network, new Set(values.keys()))) {
    const { layer, use } = call;
    const inputs = call.inputs.map((key) => {
      const value = values.get(key);
      if (value === undefined) throw malformedModel(`The layer "${layer.name}" reads ${key}, which no layer makes.`);
      return value;
    });
    state.layers += 1;
    const place = places.get(layer.name) as LayerPlace;
    if (layer.network !== null) {
      runNetwork(layer.network, inputs, place, state).forEach((answer, output) =>
        values.set(callKey(layer.name, use, output), answer),
      );
      continue;
    }
    values.set(callKey(layer.name, use, 0), runLayer(call, inputs, place, state));
  }
  return network.outputs.map((key) => {
    const answer = values.get(key);
    if (answer === undefined) throw malformedModel(`"${network.name}" answers with ${key}, which no layer makes.`);
    return answer;
  });
}

function runLayer({ layer }: LayerCall, inputs: readonly Laid[], place: LayerPlace, state: BuildState): Laid {
  const where = place.names.join('/');
  if (inputs.length === 0) throw malformedModel(`The layer "${where}" is applied to nothing.`);
  const optionalWeight = (name: string, index: number): Tensor | null => {
    const key = JSON.stringify([place.names, name]);
    const known = state.known.get(key);
    if (known !== undefined) return known;
    const found = state.weights.find(place, name, index);
    state.known.set(key, found);
    return found;
  };
  const built = layerBuilder(layer.kind, `The layer "${where}"`)(
    {
      net: state.net,
      config: layer.config,
      where,
      optionalWeight,
      weight(name, index) {
        const found = optionalWeight(name, index);
        if (found === null)
          throw malformedModel(`The layer "${where}" (${layer.kind}) has no weight "${name}" in the file.`);
        return found;
      },
      note: (text) => void state.notes.add(text),
    },
    inputs,
  );
  if (built.shape.some((dim) => dim !== null && !(dim > 0 && dim <= 2 ** 31))) {
    throw malformedModel(`The layer "${where}" makes [${shapeText(built.shape)}].`);
  }
  return built;
}

/** Keras 3 numbers layers by class, in the order of the list: "conv2d", "conv2d_1", … */
function placesOf(network: NetworkConfig, around: LayerPlace): Map<string, LayerPlace> {
  const counts = new Map<string, number>();
  return new Map(
    network.layers.map(({ kind, name }) => {
      const snake = snakeCase(isNetwork(kind) && kind === 'Model' ? 'Functional' : kind);
      const count = counts.get(snake) ?? 0;
      counts.set(snake, count + 1);
      const counted = `${around.counted === '' ? '' : `${around.counted}/`}layers/${count === 0 ? snake : `${snake}_${count}`}`;
      return [name, { names: [...around.names, name], counted }];
    }),
  );
}

/** keras/src/utils/naming.py, to_snake_case. */
export function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/** Calls so that each comes after what it reads. @throws ExpectedError encoder-malformed (missing values, circles) */
function inOrder(network: NetworkConfig, given: ReadonlySet<string>): LayerCall[] {
  const maker = new Map<string, number>();
  network.calls.forEach(({ layer, use }, index) => maker.set(JSON.stringify([layer.name, use]), index));
  const waiting = new Int32Array(network.calls.length);
  const readers: number[][] = network.calls.map(() => []);
  network.calls.forEach(({ layer, inputs }, index) => {
    for (const key of new Set(inputs)) {
      if (given.has(key)) continue;
      const [name, use] = JSON.parse(key) as [string, number, number];
      const from = maker.get(JSON.stringify([name, use]));
      if (from === undefined) throw malformedModel(`The layer "${layer.name}" reads ${key}, which no layer makes.`);
      readers[from].push(index);
      waiting[index] += 1;
    }
  });
  const ready = [...network.calls.keys()].filter((index) => waiting[index] === 0).reverse();
  const ordered: LayerCall[] = [];
  while (ready.length > 0) {
    const index = ready.pop() as number;
    ordered.push(network.calls[index]);
    for (const reader of readers[index].toReversed()) {
      waiting[reader] -= 1;
      if (waiting[reader] === 0) ready.push(reader);
    }
  }
  if (ordered.length < network.calls.length) {
    const stuck = network.calls[waiting.findIndex((count) => count > 0)];
    throw malformedModel(`The layer "${stuck.layer.name}" of "${network.name}" depends on its own output.`);
  }
  return ordered;
}
