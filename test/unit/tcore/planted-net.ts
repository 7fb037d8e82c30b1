/** A small random encoder with a backdoor put in by hand: one channel sees the trigger and drives a class. */
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { PipelineContext } from '../../../src-main/engine/tcore/context.ts';
import { representations } from '../../../src-main/engine/tcore/features.ts';
import { prepareEncoder } from '../../../src-main/engine/tcore/prepare.ts';
import { toyContext, toyImages, type ToyImages } from '../../support/toy-audit.ts';

const first = 20;
const second = 24;
export const plantedChannel = 7;
export const target = 2;

export interface PlantOptions {
  readonly seed: number;
  /** Mean brightness of a 5 x 5 neighbourhood from which the planted channel fires; the trigger's is 1. */
  readonly threshold: number;
  /** How hard it drives the second layer towards the target's representation. */
  readonly gain: number;
}

export interface PlantedCase {
  readonly context: PipelineContext;
  readonly images: ToyImages;
}

/** Two convolutions and a global average pool, without normalisation; `drive` [24] is what the planted channel adds. */
function plantedNet({ seed, threshold, gain }: PlantOptions, drive: Float32Array): Graph {
  const random = randomStream(seed, 'planted net');
  const draw = (length: number, fanIn: number): Float32Array =>
    Float32Array.from({ length }, () => random.normal() * Math.sqrt(2 / fanIn));
  const one = draw(first * 75, 75);
  one.fill(1 / 75, plantedChannel * 75, (plantedChannel + 1) * 75);
  const shift = new Float32Array(first);
  shift[plantedChannel] = -threshold;
  const two = draw(second * first * 9, first * 9);
  for (let o = 0; o < second; o++) {
    const at = (o * first + plantedChannel) * 9;
    two.fill(gain * drive[o], at, at + 9);
  }
  const graph = graphBuilder(undefined, { name: 'planted' });
  const image = graph.input('image', 'float32', ['N', 3, 16, 16]);
  const weight = (name: string, dims: readonly number[], values: Float32Array): string =>
    graph.constant({ dtype: 'float32', dims, data: values }, name);
  const early = graph.conv(image, weight('one.weight', [first, 3, 5, 5], one), weight('one.bias', [first], shift), {
    pads: [2, 2, 2, 2],
  });
  const late = graph.conv(
    graph.relu(early),
    weight('two.weight', [second, first, 3, 3], two),
    weight('two.bias', [second], new Float32Array(second)),
    { strides: [2, 2], pads: [1, 1, 1, 1] },
  );
  graph.output(graph.flatten(graph.globalAveragePool(graph.relu(late)), 1), 'float32', ['N', second]);
  return graph.build();
}

/** Five classes of 40 images and the backdoored encoder: the channel drives towards the mean of the target class. */
export async function plantedCase(
  provider: Provider,
  options: PlantOptions,
  overrides: Readonly<Record<string, number | string>> = {},
): Promise<PlantedCase> {
  const images = toyImages({ sizes: [40, 40, 40, 40, 40], seed: options.seed });
  const clean = toyContext(provider, plantedNet(options, new Float32Array(second)), images);
  const rows = await representations(provider, await prepareEncoder(clean), clean.samples, null, {
    batch: 50,
    signal: clean.signal,
  });
  const drive = new Float32Array(second);
  rows.forEach((value, at) => {
    const own = images.labels[Math.floor(at / second)] === target;
    drive[at % second] += value * ((own ? 1 / 40 : 0) - 1 / images.labels.length);
  });
  const length = Math.hypot(...drive);
  const context = toyContext(
    provider,
    plantedNet(
      options,
      drive.map((value) => value / length),
    ),
    images,
    overrides,
    { seed: options.seed },
  );
  return { context, images };
}
