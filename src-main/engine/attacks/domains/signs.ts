/**
 * A colour domain drawn by our own code: plates of several outlines and colours with a symbol on them, turned, shifted, lit and partly
 * hidden, on shaded backgrounds with clutter and noise. 32 x 32 RGB.
 */
import { randomStream, type RandomStream } from '../../math/random.ts';
import type { LabelledImages } from '../images.ts';

export interface SignsOptions {
  readonly count: number;
  readonly seed: number;
  /** 2..36: plate k mod 6 with symbol k div 6. Default 24. */
  readonly classes?: number;
  /** 0 = equal classes; 1 = the last class has a tenth of the first's images, falling evenly on a logarithmic scale. Default 0. */
  readonly imbalance?: number;
}

const side = 32;
type Point = readonly [x: number, y: number];
type Colour = readonly [red: number, green: number, blue: number];
/** Whether a point of the plane belongs to a shape of about unit radius round the origin. */
type Shape = (x: number, y: number) => boolean;

/** A regular polygon with a corner upwards, or turned by `turn` radians. */
function polygon(corners: number, turn = 0): Shape {
  const wedge = (2 * Math.PI) / corners;
  const apothem = Math.cos(wedge / 2);
  return (x, y) => {
    const angle = Math.atan2(x, -y) - turn;
    const within = angle - wedge * Math.round(angle / wedge - 0.5) - wedge / 2;
    return Math.hypot(x, y) * Math.cos(within) <= apothem;
  };
}

const outlines: readonly Shape[] = [
  (x, y) => Math.hypot(x, y) <= 0.9,
  polygon(3),
  polygon(4, Math.PI / 4),
  polygon(4),
  polygon(8, Math.PI / 8),
  polygon(3, Math.PI),
];
const plateColours: readonly Colour[] = [
  [0.85, 0.12, 0.12],
  [0.95, 0.75, 0.1],
  [0.1, 0.3, 0.8],
  [0.9, 0.5, 0.05],
  [0.1, 0.55, 0.25],
  [0.55, 0.2, 0.6],
];
const bar = (x: number, y: number, width: number, height: number): boolean =>
  Math.abs(x) <= width && Math.abs(y) <= height;
const symbols: readonly Shape[] = [
  (x, y) => bar(x, y, 0.55, 0.16),
  (x, y) => bar(x, y, 0.13, 0.5) || bar(x, y, 0.5, 0.13),
  (x, y) => Math.hypot(x, y) <= 0.48 && Math.hypot(x, y) >= 0.24,
  (x, y) => Math.abs(x) <= 0.5 && y <= 0.4 && y >= 1.6 * Math.abs(x) - 0.45,
  (x, y) => Math.abs(Math.abs(x) - Math.abs(y)) <= 0.17 && Math.max(Math.abs(x), Math.abs(y)) <= 0.45,
  (x, y) => bar(x + 0.3, y, 0.12, 0.45) || bar(x - 0.3, y, 0.12, 0.45),
];

/** @throws RangeError naming the option */
export function renderSigns(options: SignsOptions): LabelledImages<Uint8Array> {
  const { count, seed, classes = 24, imbalance = 0 } = options;
  const most = outlines.length * symbols.length;
  if (!Number.isInteger(count) || count < 1) throw new RangeError(`count must be a positive integer, met ${count}`);
  if (!Number.isInteger(classes) || classes < 2 || classes > most) {
    throw new RangeError(`classes must be in 2..${most}, met ${classes}`);
  }
  if (!(imbalance >= 0 && imbalance <= 1)) throw new RangeError(`imbalance must be in 0..1, met ${imbalance}`);
  const labels = drawLabels(count, classes, imbalance, randomStream(seed, 'signs/labels'));
  const pixels = new Uint8Array(count * 3 * side * side);
  labels.forEach((label, i) => drawSign(label, randomStream(seed, `signs/${i}`), pixels, i * 3 * side * side));
  return { pixels, shape: [3, side, side], labels, classes };
}

/** As many of each class as its weight says, in random order. */
function drawLabels(count: number, classes: number, imbalance: number, random: RandomStream): Int32Array {
  const weights = Array.from({ length: classes }, (_, c) => 10 ** ((-imbalance * c) / (classes - 1)));
  const total = weights.reduce((a, b) => a + b);
  const ends = weights.map((_, c) => Math.round((count * weights.slice(0, c + 1).reduce((a, b) => a + b)) / total));
  const order = random.permutation(count);
  const labels = new Int32Array(count);
  order.forEach((at, i) => (labels[at] = ends.findIndex((end) => i < end)));
  return labels;
}

function drawSign(label: number, random: RandomStream, out: Uint8Array, start: number): void {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const colour = (): Colour => [random.uniform(), random.uniform(), random.uniform()];
  const [from, to, direction] = [colour(), colour(), between(0, 2 * Math.PI)];
  const clutter = Array.from({ length: 3 + random.integer(4) }, () => ({
    at: [between(0, side), between(0, side)] as Point,
    size: [between(1, 7), between(1, 7)] as Point,
    turn: between(0, Math.PI),
    colour: colour(),
  }));
  const centre: Point = [between(13, 19), between(13, 19)];
  const radius = between(9, 13);
  const turn = between(-0.35, 0.35);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const squeeze = between(0.85, 1.1);
  const outline = outlines[label % outlines.length];
  const symbol = symbols[Math.floor(label / outlines.length)];
  const plate = plateColours[label % outlines.length].map((value) => value + between(-0.12, 0.12));
  const ink = random.uniform() < 0.85 ? 0.97 : 0.85;
  const light = between(0.6, 1.15);
  const slope = between(-0.25, 0.25);
  const hidden = random.uniform() < 0.2 ? { from: between(0, side), width: between(1, 3), colour: colour() } : null;
  const noise = between(0.01, 0.05);

  /** Colour of a point of the picture. */
  const colourAt = (x: number, y: number): Colour => {
    if (hidden !== null && Math.abs(x - hidden.from) < hidden.width / 2) return hidden.colour;
    const [dx, dy] = [x - centre[0], y - centre[1]];
    const u = (dx * cos + dy * sin) / (radius * squeeze);
    const v = (dy * cos - dx * sin) / radius;
    if (outline(u, v)) {
      const shade = (1 + (slope * dx) / side) * light;
      const white = symbol(u * 1.25, v * 1.25) || !outline(u / 0.85, v / 0.85);
      return white ? [ink * shade, ink * shade, ink * shade] : [plate[0] * shade, plate[1] * shade, plate[2] * shade];
    }
    for (const thing of clutter) {
      const [tx, ty] = [x - thing.at[0], y - thing.at[1]];
      const a = tx * Math.cos(thing.turn) + ty * Math.sin(thing.turn);
      const b = ty * Math.cos(thing.turn) - tx * Math.sin(thing.turn);
      if (Math.abs(a) < thing.size[0] && Math.abs(b) < thing.size[1]) return thing.colour;
    }
    const across = (x - 16) * Math.cos(direction) + (y - 16) * Math.sin(direction);
    const along = Math.min(1, Math.max(0, 0.5 + across / 40));
    return [
      from[0] + along * (to[0] - from[0]),
      from[1] + along * (to[1] - from[1]),
      from[2] + along * (to[2] - from[2]),
    ];
  };
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const sum = [0, 0, 0];
      for (const oy of [0.25, 0.75]) {
        for (const ox of [0.25, 0.75]) colourAt(x + ox, y + oy).forEach((value, c) => (sum[c] += value / 4));
      }
      sum.forEach((value, c) => {
        const seen = Math.min(1, Math.max(0, value + noise * random.normal()));
        out[start + (c * side + y) * side + x] = Math.round(255 * seen);
      });
    }
  }
}
