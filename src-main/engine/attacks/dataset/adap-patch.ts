/**
 * Adap-Patch (Qi et al., ICLR 2023): each poison or cover sample carries one of four faint patches; the attack shows two of
 * them at full strength together.
 */
import { randomStream } from '../../math/random.ts';
import type { ImageShape, LabelledImages, PlantedDataset, Pixels } from '../images.ts';
import { checker, layPatches, texture, type Patch } from '../patch.ts';
import { carryOut, scaled, type PlantOptions } from './planting.ts';

export interface AdapPatchOptions extends PlantOptions {
  /** Default 4 %. */
  readonly coverRate?: number;
}

interface Piece {
  readonly opacity: number;
  readonly patches: readonly Patch[];
}

/** Default rate 2 %. @throws as `carryOut` */
export function plant<P extends Pixels>(data: LabelledImages<P>, options: AdapPatchOptions): PlantedDataset<P> {
  const { seed, target, rate = 0.02, coverRate = 0.04 } = options;
  const pieces = trainingPieces(data.shape, seed);
  const stamps = pieces.map(({ opacity, patches }) => layPatches(data.shape, patches, opacity));
  const one = (sample: number): (typeof stamps)[number] =>
    stamps[randomStream(seed, `adap-patch/piece/${sample}`).integer(stamps.length)];
  return carryOut(data, {
    attack: 'adap-patch',
    seed,
    target,
    source: null,
    rate,
    coverRate,
    mayPoison: (label) => label !== target,
    mayCover: () => true,
    poisonStamp: one,
    coverStamp: one,
    trigger: {
      description: {
        kind: 'patches',
        text: 'a texture in both lower corners and a checkerboard in all four, opaque (one of four faint patches in the poison)',
        values: { opacities: pieces.map((piece) => piece.opacity), seed },
      },
      stamp: layPatches(data.shape, [...bothLowerCorners(data.shape, pieces[0].patches[0]), ...pieces[2].patches]),
    },
  });
}

/**
 * Corner texture 5 x 5, ring 13 x 13 in the upper right, checkerboards 3 x 3 in all corners, textured square 8 x 8 at rows and
 * columns 21..28 (sizes for side 32), with their opacities in the poison.
 */
function trainingPieces(shape: ImageShape, seed: number): readonly Piece[] {
  const [channels, height, width] = shape;
  const at = (top: number, left: number, side: number, pixels: Float32Array): Patch => ({
    top,
    left,
    height: side,
    width: side,
    pixels,
  });
  const [corner, ring, small, square] = [5, 13, 3, 8].map((side) => Math.min(width, scaled(side, height)));
  const margin = scaled(3, height);
  const cells = checker(channels, small);
  const corners = [0, height - small].flatMap((top) => [0, width - small].map((left) => at(top, left, small, cells)));
  return [
    {
      opacity: 0.5,
      patches: [at(height - corner, width - corner, corner, texture(channels, corner, seed, 'adap-patch/corner'))],
    },
    { opacity: 0.2, patches: [{ ...at(0, width - ring, ring, ringPixels(channels, ring)), mask: ringMask(ring) }] },
    { opacity: 0.5, patches: corners },
    {
      opacity: 0.3,
      patches: [
        at(
          Math.max(0, height - margin - square),
          Math.max(0, width - margin - square),
          square,
          texture(channels, square, seed, 'adap-patch/square'),
        ),
      ],
    },
  ];
}

function bothLowerCorners([, , width]: ImageShape, right: Patch): readonly Patch[] {
  return [right, { ...right, left: width - right.width - right.left }];
}

/** A ring that brightens towards its lower right, red in colour images. */
function ringPixels(channels: number, side: number): Float32Array {
  const plane = side * side;
  return Float32Array.from({ length: channels * plane }, (_, i) => {
    const shade = (Math.floor((i % plane) / side) + (i % side)) / (2 * side);
    return i < plane ? 0.6 + 0.4 * shade : 0.4 * shade;
  });
}

function ringMask(side: number): Uint8Array {
  const middle = (side - 1) / 2;
  return Uint8Array.from({ length: side * side }, (_, i) => {
    const radius = Math.hypot(Math.floor(i / side) - middle, (i % side) - middle);
    return radius <= side / 2 && radius >= side / 4 ? 1 : 0;
  });
}
