/**
 * A scan of the encoder for small opaque patches of any picture, by gradient: for every place of a grid the picture in a square of about a
 * quarter of the image under which different images come nearest to one representation. A clean encoder keeps images apart, for most of
 * what they show is not covered; one that was made to answer to a patch is drawn to its answer by any part of it that lies in such a square. It
 * needs no label and no poisoned sample.
 *
 * The loss is that of DECREE (Feng et al., CVPR 2023), the negative mean pairwise cosine. DECREE also searches the place and the size, by
 * a mask over the whole image, and finds such a patch or not as its random start has it (docs/efficacy.md); here every place is tried.
 */
import type { EncoderTexture } from '../../../src-shared/domain/result.ts';
import { CancelledError } from '../../../src-shared/failure.ts';
import type { Encoder } from '../encoder/encoder.ts';
import { graphBuilder } from '../graph/builder.ts';
import { meanCosinesTo, meanPairwiseCosines } from '../graph/losses.ts';
import { LEARNING_RATE, trainingStep, type TrainingStep } from '../graph/training.ts';
import { randomStream, type RandomStream } from '../math/random.ts';
import type { Provider } from '../providers/provider.ts';
import type { SampleSource } from '../samples.ts';
import { collapseUnder, cosineOf } from './collapse.ts';
import { followable, hasMoved, unlessNoGradient, type SearchFailure, type SearchOptions } from './gradient-search.ts';
import { gridStarts, squareMask } from './patch-scan.ts';
import type { Trigger } from './trigger.ts';

/** Measured on images that were not searched on. */
export interface TextureScan extends Omit<EncoderTexture, 'turned' | 'picture'> {
  readonly positions: number;
}

export interface FoundTexture {
  readonly scan: TextureScan;
  readonly trigger: Trigger;
  /** Where it brings images, a unit vector `[dim]`. */
  readonly centre: Float32Array;
}

interface Place {
  readonly row: number;
  readonly column: number;
}

/** A place with the picture found there, the argument of tanh, `[C, H, W]`, and what the search made as large as it could, at the end. */
interface Searched extends Place {
  readonly raw: Float32Array;
  readonly score: number;
}

/** Of all places, a short search on few images; of the best, a longer one on more. Adam's rate is of the argument of tanh. */
const everywhere = { steps: 20, images: 4, rateAt: () => 0.3 };
const best = { places: 4, steps: 40, groups: 2, rateAt: (share: number) => (share < 0.7 ? 0.3 : 0.1) };
/** Part of the steps whose scores are averaged, at the end. */
const judged = 0.25;

/** Places of a square of `size`, a seventh of the shorter side apart, or side by side: together they leave nothing out. */
export function placesOf(height: number, width: number, size: number): Place[] {
  const stride = Math.max(1, Math.min(size, Math.round(Math.min(height, width) / 7)));
  return gridStarts(height, size, stride).flatMap((row) =>
    gridStarts(width, size, stride).map((column) => ({ row, column })),
  );
}

/**
 * @param side of the square as a share of the shorter side, 0..1 @param measured samples to measure on, at least 2
 * @param others samples to search on, at least 1; none of those measured @throws CancelledError
 */
export async function scanForTexture(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  measured: Int32Array,
  others: Int32Array,
  { side, ...options }: SearchOptions & { readonly side: number },
): Promise<FoundTexture | SearchFailure> {
  const [, height, width] = samples.shape;
  const shorter = Math.min(height, width);
  const size = Math.min(shorter, Math.max(2, Math.round(side * shorter)));
  const places = placesOf(height, width, size);
  const found = await unlessNoGradient(searchPlaces(provider, encoder, samples, others, { size, places, ...options }));
  if (found === 'no-gradient') return found;
  const measure = { batch: options.measureBatch, signal: options.signal };
  let worst: { readonly found: FoundTexture; readonly score: number } | null = null;
  for (const { row, column, raw } of found) {
    const trigger = patchOf(samples.shape, { row, column, size }, raw);
    const { base, collapse, centre } = await collapseUnder(provider, encoder, samples, measured, trigger, measure);
    const score = collapse - (options.away === undefined ? 0 : cosineOf(centre, options.away));
    if (!Number.isFinite(score) || (worst !== null && score <= worst.score)) continue;
    const scan = { row, column, size, base, collapse, images: measured.length, positions: places.length };
    worst = { found: { scan, trigger, centre }, score };
  }
  return worst?.found ?? 'not-finite';
}

interface Search extends SearchOptions {
  readonly size: number;
  readonly places: readonly Place[];
}

/** @returns the best places whose numbers are finite; or that no gradient led to any */
async function searchPlaces(
  provider: Provider,
  encoder: Encoder,
  samples: SampleSource,
  others: Int32Array,
  { size, places, batch, seed, signal, away, onProgress }: Search,
): Promise<Searched[] | 'no-gradient'> {
  const random = randomStream(seed, 'evidence/texture');
  const each = Math.min(everywhere.images, batch);
  const first = { groups: Math.floor(batch / each), each };
  const groups = batch >= 2 * best.groups ? best.groups : 1;
  const second = { groups, each: Math.floor(batch / groups) };
  const rounds = (count: number, of: { readonly groups: number }): number => Math.ceil(count / of.groups);
  const [early, late] = [
    everywhere.steps * rounds(places.length, first),
    best.steps * rounds(Math.min(best.places, places.length), second),
  ];
  let done = 0;
  const onStep = (): void => onProgress(++done, early + late);
  const fixed = { provider, encoder, samples, others, size, random, signal, away, onStep };
  const chosen = await searchIn(fixed, places, { ...everywhere, ...first });
  return chosen === 'no-gradient' ? chosen : searchIn(fixed, chosen, { ...best, ...second });
}

function isFinite({ raw, score }: Searched): boolean {
  return Number.isFinite(score) && raw.every(Number.isFinite);
}

interface Fixed {
  readonly provider: Provider;
  readonly encoder: Encoder;
  readonly samples: SampleSource;
  readonly others: Int32Array;
  readonly size: number;
  readonly random: RandomStream;
  readonly signal: AbortSignal;
  readonly away: Float32Array | undefined;
  readonly onStep: () => void;
}

/** Searches the picture of each place, some places at once, from the picture that it comes with or a random one; keeps the best. */
async function searchIn(
  { provider, encoder, samples, others, size, random, signal, away, onStep }: Fixed,
  places: readonly (Place & { readonly raw?: Float32Array })[],
  how: {
    readonly groups: number;
    readonly each: number;
    readonly steps: number;
    readonly rateAt: (share: number) => number;
  },
): Promise<Searched[] | 'no-gradient'> {
  const { groups, each, steps } = how;
  const [channels, height, width] = samples.shape;
  const plane = height * width;
  const values = channels * plane;
  const step = searchStep(encoder, samples.shape, groups, each, away);
  if (step.untouched.length > 0) return 'no-gradient';
  const compiled = await provider.compile(step.graph, { dims: {}, state: step.state });
  let found: Searched[] = [];
  let moved = false;
  try {
    const pixels = new Float32Array(groups * each * values);
    const chosen = new Int32Array(groups * each);
    for (let from = 0; from < places.length; from += groups) {
      // The last run is filled up with its last place.
      const now = Array.from({ length: groups }, (_, g) => places[Math.min(from + g, places.length - 1)]);
      const mask = new Float32Array(groups * plane);
      const start = new Float32Array(groups * values);
      for (const [g, place] of now.entries()) {
        mask.set(squareMask({ ...place, size }, samples.shape), g * plane);
        start.set(place.raw ?? Float32Array.from({ length: values }, () => random.uniform() - 0.5), g * values);
      }
      const raw = { dtype: 'float32' as const, dims: [groups, 1, channels, height, width], data: start };
      compiled.setState({ ...step.initialState, [parameter]: raw });
      const sums = new Float64Array(groups);
      let counted = 0;
      for (let at = 0; at < steps; at++) {
        if (signal.aborted) throw new CancelledError();
        for (let i = 0; i < chosen.length; i++) chosen[i] = others[random.integer(others.length)];
        samples.read(chosen, pixels);
        const { scores } = await compiled.run({
          pixels: { dtype: 'float32', dims: [groups * each, channels, height, width], data: pixels },
          mask: { dtype: 'float32', dims: [groups, 1, 1, height, width], data: mask },
          [LEARNING_RATE]: { dtype: 'float32', dims: [], data: Float32Array.of(how.rateAt(at / steps)) },
        });
        if (at >= (1 - judged) * steps) {
          counted++;
          for (let g = 0; g < groups; g++) sums[g] += Number(scores.data[g]);
        }
        onStep();
      }
      const ended = step.readParameters(compiled.getState())[parameter].data as Float32Array;
      moved ||= hasMoved(start, ended);
      for (const [g, { row, column }] of now.entries()) {
        if (from + g >= places.length) break;
        found.push({ row, column, raw: ended.slice(g * values, (g + 1) * values), score: sums[g] / counted });
      }
      // A picture is as large as the image, and of a long one there are many.
      found = found
        .filter(isFinite)
        .toSorted((a, b) => b.score - a.score)
        .slice(0, best.places);
    }
    return moved || places.length === 0 ? found : 'no-gradient';
  } finally {
    await compiled.dispose();
  }
}

const parameter = 'texture/picture';

/** The step as a graph: inputs `pixels` of all groups, `mask` `[groups, 1, 1, H, W]` and the rate; outputs `scores` `[groups]`, `loss`. */
function searchStep(
  encoder: Encoder,
  [channels, height, width]: SampleSource['shape'],
  groups: number,
  each: number,
  away: Float32Array | undefined,
): TrainingStep {
  const b = graphBuilder(followable(encoder));
  const dims = [groups, 1, channels, height, width];
  const start = new Float32Array(groups * channels * height * width);
  const raw = b.constant({ dtype: 'float32', dims, data: start }, parameter);
  const mask = b.input('mask', 'float32', [groups, 1, 1, height, width]);
  // What read the pixels reads the stamped ones, whose name is known before they are made.
  const stamped = b.fresh('texture/stamped');
  b.redirect('pixels', stamped);
  const picture = b.add(b.mul(b.tanh(raw), b.scalar(0.5)), b.scalar(0.5));
  const images = b.reshape('pixels', [groups, each, channels, height, width]);
  const laid = b.add(b.mul(images, b.sub(b.scalar(1), mask)), b.mul(picture, mask));
  b.node('Identity', [b.reshape(laid, [groups * each, channels, height, width])], {}, stamped);
  const cosines = meanPairwiseCosines(b, 'representation', groups, each);
  const scores = away === undefined ? cosines : b.sub(cosines, meanCosinesTo(b, 'representation', away, groups, each));
  b.setOutputs([]);
  b.node('Identity', [scores], {}, 'scores');
  b.output('scores', 'float32', [groups]);
  // A sum, so that no place's steps depend on how many are searched at once.
  b.node('Identity', [b.neg(b.reduceSum(scores, null))], {}, 'loss');
  b.output('loss', 'float32', []);
  return trainingStep({
    graph: b.build(),
    dims: { N: groups * each },
    loss: 'loss',
    parameters: [{ name: parameter }],
    optimiser: { kind: 'adam', beta1: 0.5, beta2: 0.9, weightDecay: 0 },
  });
}

function patchOf(shape: SampleSource['shape'], square: Place & { readonly size: number }, raw: Float32Array): Trigger {
  return {
    form: 'patch',
    mask: squareMask(square, shape),
    pattern: Float32Array.from(raw, (value) => 0.5 * Math.tanh(value) + 0.5),
  };
}
