/**
 * `npm run bench:forms [-- --rounds 9 --threads 2]`: what a tuning pass could win. Runs of whole nets with the forms of
 * convolution that the CPU provider takes by fixed rules, and with others, in turns within one process; then single
 * convolutions of 8-bit numbers beside those of float32. Printed are medians and the ratio to the usual form (above 1 =
 * the other one is faster).
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { graphBuilder } from '../../src-main/engine/graph/builder.ts';
import type { Graph, Tensor } from '../../src-main/engine/graph/ir.ts';
import { createOrtProvider, type OrtProviderOptions } from '../../src-main/engine/providers/ort/provider.ts';
import { prepare, type Step } from './engine-steps.ts';
import { weights } from './nets.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    threads: { type: 'string', default: String(availableParallelism()) },
  },
});
const rounds = Number(values.rounds);
const threads = Number(values.threads);

const tasks = [
  'train-half:resnet8:16',
  'train-half:resnet8:64',
  'train-half:resnet18:64',
  'forward:resnet8:64',
  'forward:resnet18:64',
  'forward:mobilenetv2:8',
];

const forms: readonly (readonly [name: string, options: OrtProviderOptions])[] = [
  ['as it is', {}],
  // How far two of the same lie apart says what the others' ratios are worth.
  ['the same once more', {}],
  ['plain NCHW', { layout: 'nchw' }],
  ['blocked also where weights are constant', { layout: 'nchwc' }],
  ['wide order never', { forms: { wideUpTo: 0 } }],
  ['wide order up to 4', { forms: { wideUpTo: 4 } }],
  ['wide order up to 16', { forms: { wideUpTo: 16 } }],
  ['filters of 256 positions', { forms: { filterPositions: 256 } }],
  ['filters of 4,096 positions', { forms: { filterPositions: 4096 } }],
];

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1];
}

/** Milliseconds per run of each, in turns, the first of each left out. */
async function inTurns(steps: readonly Step[]): Promise<number[]> {
  const times: number[][] = steps.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [at, step] of steps.entries()) {
      const from = performance.now();
      await step();
      if (round > 0) times[at].push(performance.now() - from);
    }
  }
  return times.map(median);
}

function print(what: string, usual: number, others: readonly (readonly [string, number])[]): void {
  console.log(`${what}: ${usual.toFixed(2)} ms`);
  for (const [name, time] of others) console.log(`  ${(usual / time).toFixed(2)}x  ${name} (${time.toFixed(2)} ms)`);
}

for (const task of tasks) {
  const providers = await Promise.all(forms.map(([, options]) => createOrtProvider({ threads, ...options })));
  const steps: Step[] = [];
  for (const provider of providers) steps.push(await prepare(provider, task));
  const [usual, ...others] = await inTurns(steps);
  print(
    task,
    usual,
    others.map((time, at) => [forms[at + 1][0], time]),
  );
  for (const provider of providers) await provider.dispose();
}

/** Channels and side of 3 x 3 convolutions, batch 64: the stages of a ResNet-18 for small images, and of the sample's net. */
const shapes = [
  [64, 32],
  [128, 16],
  [256, 8],
  [512, 4],
  [16, 28],
  [32, 14],
  [64, 7],
] as const;

function convolution(channels: number, side: number, bits: 8 | 32): { graph: Graph; x: Tensor } {
  const b = graphBuilder();
  const dims = [64, channels, side, side];
  const image = weights(dims, 1, 1);
  const filter = weights([channels, channels, 3, 3], 1, 2);
  const attributes = { pads: { type: 'ints', value: [1, 1, 1, 1] } } as const;
  if (bits === 32) {
    b.input('x', 'float32', dims);
    b.output(b.node('Conv', ['x', b.constant(filter, 'w')], attributes, 'y'), 'float32', dims);
    return { graph: b.build(), x: image };
  }
  const bytes = (from: Tensor, signed: boolean): Tensor => {
    const data = (from.data as Float32Array).map((value) => Math.round(60 * value) + (signed ? 0 : 128));
    return signed
      ? { dtype: 'int8', dims: from.dims, data: Int8Array.from(data) }
      : { dtype: 'uint8', dims: from.dims, data: Uint8Array.from(data) };
  };
  const scale = (value: number, name: string): string =>
    b.constant({ dtype: 'float32', dims: [], data: Float32Array.of(value) }, name);
  const zero = (value: number, signed: boolean, name: string): string =>
    b.constant(
      signed
        ? { dtype: 'int8', dims: [], data: Int8Array.of(value) }
        : { dtype: 'uint8', dims: [], data: Uint8Array.of(value) },
      name,
    );
  b.input('x', 'uint8', dims);
  const operands = [
    ...['x', scale(1 / 60, 'xs'), zero(128, false, 'xz')],
    ...[b.constant(bytes(filter, true), 'w'), scale(1 / 60, 'ws'), zero(0, true, 'wz')],
    ...[scale(0.5, 'ys'), zero(128, false, 'yz')],
  ];
  b.output(b.node('QLinearConv', operands, attributes, 'y'), 'uint8', dims);
  return { graph: b.build(), x: bytes(image, false) };
}

const provider = await createOrtProvider({ threads });
for (const [channels, side] of shapes) {
  const steps: Step[] = [];
  for (const bits of [32, 8] as const) {
    const { graph, x } = convolution(channels, side, bits);
    const compiled = await provider.compile(graph);
    steps.push(() => compiled.run({ x }));
  }
  const [usual, eight] = await inTurns(steps);
  print(`3x3 convolution, ${channels} channels of ${side} x ${side}, float32`, usual, [['8-bit numbers', eight]]);
}
await provider.dispose();
process.exit(0);
