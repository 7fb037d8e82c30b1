/** The opaque patch that most of all makes students of an encoder call images the target: a universal adversarial patch against them. */
import { CancelledError } from '../../../../src-shared/failure.ts';
import type { Encoder } from '../../encoder/encoder.ts';
import { graphBuilder } from '../../graph/builder.ts';
import type { Graph, Tensor } from '../../graph/ir.ts';
import { crossEntropyOfTargets, mean } from '../../graph/losses.ts';
import { LEARNING_RATE, trainingStep, type TrainingStep } from '../../graph/training.ts';
import { randomStream } from '../../math/random.ts';
import type { CompiledGraph, Provider } from '../../providers/provider.ts';
import { requireFiniteLoss, scalar } from '../../tcore/epochs.ts';
import { parameterValues, resolveParameters } from '../../tcore/parameters.ts';
import { createStudent, freshRate, freshStudent, studentViews } from '../../tcore/student.ts';
import {
  asSamples,
  imageSize,
  readImage,
  takeImages,
  type ImageShape,
  type LabelledImages,
  type Trigger,
} from '../images.ts';
import { layPatches, squareCorner } from '../patch.ts';

export interface OutlivingOptions {
  readonly seed: number;
  readonly target: number;
  /** Of the patch, in pixels. */
  readonly side: number;
  readonly effort?: SearchEffort;
  readonly signal: AbortSignal;
}

export interface SearchEffort {
  /** Students that the patch is searched in, and epochs that each is taught: about as much as an audit teaches its own. */
  readonly students: number;
  readonly epochs: number;
  /** How often the search goes round them. */
  readonly rounds: number;
}

const usualEffort: SearchEffort = { students: 3, epochs: 12, rounds: 20 };
/** Images that students are taught on at most. */
const studied = { images: 3000, batch: 32 };
/** Steps of the search in each student at a time, images a step, and Adam's rate of the argument of tanh. */
const search = { steps: 10, images: 64, rate: 0.1 };

/**
 * The defender's seed is no secret: the students of an attacker with the seed `s` begin with the very weights that audits with the seeds
 * `s`, `s + 1`, ... begin with. Their encoder is taken as it is, without normalisations that an audit would put back.
 * @throws RangeError when the patch does not fit, or images of the target, or others, are missing; ExpectedError training-diverged;
 * CancelledError
 */
export async function outlivingPatch(
  provider: Provider,
  encoder: Encoder,
  shadow: LabelledImages,
  options: OutlivingOptions,
): Promise<Trigger> {
  const { seed, target, effort = usualEffort } = options;
  const place = patchPlace(shadow.shape, options.side);
  const few = randomStream(seed, 'outliving/images').permutation(shadow.labels.length).subarray(0, studied.images);
  const images = takeImages(shadow, few);
  const own = images.labels.filter((label) => label === target).length;
  if (own === 0 || own === images.labels.length) {
    throw new RangeError(
      `a patch that leads to class ${target} is searched with images of it and of others; of ${images.labels.length} images it has ${own}`,
    );
  }
  const classifiers: Graph[] = [];
  for (let which = 0; which < effort.students; which++) {
    classifiers.push(await study(provider, encoder, images, { ...options, effort, which }));
  }
  return searchPatch(provider, classifiers, images, place, { ...options, effort });
}

/** A student as the distilled mode makes one, from a clean pool: labels and the encoder's answers together. */
async function study(
  provider: Provider,
  encoder: Encoder,
  images: LabelledImages,
  { seed, signal, effort, which }: OutlivingOptions & { readonly effort: SearchEffort; readonly which: number },
): Promise<Graph> {
  const parameters = parameterValues(resolveParameters('standard', {}));
  const stream = `outliving/student/${which}`;
  const hidden = [parameters['distil.hidden'], parameters['distil.hidden']];
  const fresh = freshStudent(encoder, images.classes, hidden, seed + which, stream);
  const student = await createStudent(provider, {
    encoder,
    student: fresh,
    classes: images.classes,
    batch: studied.batch,
  });
  try {
    for (let epoch = 0; epoch < effort.epochs; epoch++) {
      const loss = await student.epoch({
        samples: asSamples(images),
        indices: Int32Array.from(images.labels.keys()),
        labelOf: (sample) => images.labels[sample],
        distils: () => true,
        weight: parameters['distil.weight'],
        ...studentViews(parameters),
        seed,
        stream: `${stream}/epoch/${epoch}`,
        rate: () => freshRate(encoder, parameters),
        signal,
      });
      requireFiniteLoss(loss, stream, 'distil.learningRate');
    }
    return student.classifier();
  } finally {
    await student.dispose();
  }
}

const parameter = 'outliving/picture';

async function searchPatch(
  provider: Provider,
  classifiers: readonly Graph[],
  images: LabelledImages,
  place: Place,
  { seed, target, signal, effort }: OutlivingOptions & { readonly effort: SearchEffort },
): Promise<Trigger> {
  const { shape } = images;
  const others = [...images.labels.keys()].filter((i) => images.labels[i] !== target);
  const random = randomStream(seed, 'outliving/search');
  const size = imageSize(shape);
  const dims = [search.images, ...shape];
  let raw: Tensor = {
    dtype: 'float32',
    dims: [1, ...shape],
    data: Float32Array.from({ length: size }, () => random.uniform() - 0.5),
  };
  const steps = classifiers.map((classifier) => patchStep(classifier, shape, place, target, images.classes));
  const compiled: CompiledGraph[] = [];
  try {
    for (const step of steps) {
      const one = await provider.compile(step.graph, { dims: { N: search.images }, state: step.state });
      compiled.push(one);
      one.setState(step.initialState);
    }
    const pixels = new Float32Array(search.images * size);
    for (let round = 0; round < effort.rounds; round++) {
      for (const [at, one] of compiled.entries()) {
        one.setState({ ...one.getState(), [parameter]: raw });
        for (let step = 0; step < search.steps; step++) {
          if (signal.aborted) throw new CancelledError();
          for (let i = 0; i < search.images; i++)
            pixels.set(readImage(images, others[random.integer(others.length)]), i * size);
          const { loss } = await one.run({
            pixels: { dtype: 'float32', dims, data: pixels },
            [LEARNING_RATE]: scalar(search.rate),
          });
          requireFiniteLoss((loss.data as Float32Array)[0], 'the search of a patch', 'the rate of its students');
        }
        raw = steps[at].readParameters(one.getState())[parameter];
      }
    }
  } finally {
    for (const one of compiled) await one.dispose();
  }
  return picturedPatch(shape, place, pictureIn(shape, place, raw.data as Float32Array));
}

export interface Place {
  readonly top: number;
  readonly left: number;
  readonly side: number;
}

/** Where BadEncoder's square lies (`squareCorner`). @throws RangeError when it does not fit the image */
export function patchPlace(shape: ImageShape, side: number): Place {
  const place = { ...squareCorner(shape, side), side };
  if (place.top < 0 || place.left < 0) {
    throw new RangeError(`a patch of ${side} x ${side} does not fit images of ${shape.join(' x ')}`);
  }
  return place;
}

function patchStep(
  classifier: Graph,
  shape: ImageShape,
  { top, left, side }: Place,
  target: number,
  classes: number,
): TrainingStep {
  const [channels, height, width] = shape;
  const b = graphBuilder(classifier);
  const mask = new Float32Array(height * width);
  for (let y = 0; y < side; y++) mask.fill(1, (top + y) * width + left, (top + y) * width + left + side);
  const covered = b.constant({ dtype: 'float32', dims: [1, 1, height, width], data: mask });
  const wanted = new Float32Array(classes);
  wanted[target] = 1;
  const raw = b.constant(
    { dtype: 'float32', dims: [1, channels, height, width], data: new Float32Array(channels * height * width) },
    parameter,
  );
  const stamped = b.fresh('outliving/stamped');
  b.redirect('pixels', stamped);
  const picture = b.add(b.mul(b.tanh(raw), b.scalar(0.5)), b.scalar(0.5));
  const laid = b.add(b.mul('pixels', b.sub(b.scalar(1), covered)), b.mul(picture, covered));
  b.node('Identity', [laid], {}, stamped);
  const called = b.constant({ dtype: 'float32', dims: [1, classes], data: wanted });
  b.setOutputs([]);
  b.node('Identity', [mean(b, crossEntropyOfTargets(b, 'logits', called))], {}, 'loss');
  b.output('loss', 'float32', []);
  return trainingStep({
    graph: b.build(),
    dims: { N: search.images },
    loss: 'loss',
    parameters: [{ name: parameter }],
    optimiser: { kind: 'adam', weightDecay: 0 },
  });
}

/** The part of a whole raw picture that the patch shows, as bytes 0..255. */
function pictureIn([channels, height, width]: ImageShape, { top, left, side }: Place, raw: Float32Array): number[] {
  return Array.from({ length: channels * side * side }, (_, at) => {
    const [c, y, x] = [Math.floor(at / side ** 2), Math.floor((at % side ** 2) / side), at % side];
    return Math.round(255 * (0.5 * Math.tanh(raw[(c * height + top + y) * width + left + x]) + 0.5));
  });
}

/**
 * The trigger of an opaque square with a picture of its own.
 * @param picture `[channels, side, side]`, bytes 0..255 @throws RangeError when it does not fit the image
 */
export function picturedPatch(shape: ImageShape, { top, left, side }: Place, picture: readonly number[]): Trigger {
  const pixels = Float32Array.from(picture, (value) => value / 255);
  return {
    description: {
      kind: 'patch',
      text: `searched picture of ${side} x ${side} at row ${top}, column ${left}`,
      values: { top, left, side, picture },
    },
    stamp: layPatches(shape, [{ top, left, height: side, width: side, pixels }]),
  };
}
