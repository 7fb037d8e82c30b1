/** Triggers recovered from suspects, end to end on models whose answers are written down: what is announced, and what is not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryJournal } from '../../../src-main/audit/journal.ts';
import { controlsFor } from '../../../src-main/engine/evidence/control.ts';
import { byReach, triggerTester } from '../../../src-main/engine/evidence/test-trigger.ts';
import { applyTrigger, type Trigger } from '../../../src-main/engine/evidence/trigger.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import type { Graph } from '../../../src-main/engine/graph/ir.ts';
import { randomStream } from '../../../src-main/engine/math/random.ts';
import { createOrtProvider } from '../../../src-main/engine/providers/ort/provider.ts';
import type { Provider } from '../../../src-main/engine/providers/provider.ts';
import type { SampleSource } from '../../../src-main/engine/samples.ts';
import type { PipelineContext } from '../../../src-main/engine/tcore/context.ts';
import { parameterValues, resolveParameters } from '../../../src-main/engine/tcore/parameters.ts';
import { runTriggers, type TriggerStage } from '../../../src-main/engine/tcore/stage-triggers.ts';
import { flipsAsTrigger, worksAsTrigger, type RecoveredTrigger } from '../../../src-shared/domain/result.ts';

const side = 8;
const plane = side * side;
const perClass = 120;
const poisoned = 20;
/** Classes differ in how bright their left columns are. */
const brightness = [0.2, 0.4, 0.6, 0.8];
const target = 3;

const square: Trigger = {
  form: 'patch',
  mask: Float32Array.from({ length: plane }, (_, at) => (Math.floor(at / side) >= 6 && at % side >= 6 ? 1 : 0)),
  pattern: new Float32Array(plane).fill(1),
};
const random = randomStream(1, 'overlay');
const overlay: Trigger = {
  form: 'overlay',
  shift: Float32Array.from({ length: plane }, (_, at) => (at % side < 4 ? 0 : random.uniform() < 0.5 ? 0.2 : -0.2)),
};

/** Four classes, then poison: images of the first three with the trigger, labelled as the fourth. */
function planted(trigger: Trigger): SampleSource {
  const noise = randomStream(2, 'images');
  const truth = [
    ...brightness.flatMap((_, c) => new Array<number>(perClass).fill(c)),
    ...Array.from({ length: poisoned }, (_, i) => i % 3),
  ];
  const pixels = Float32Array.from({ length: truth.length * plane }, (_, i) => {
    const own = i % side < 4 ? brightness[truth[Math.floor(i / plane)]] : 0.5;
    return own + 0.3 * (noise.uniform() - 0.5);
  });
  applyTrigger(pixels.subarray(brightness.length * perClass * plane), trigger);
  return {
    count: truth.length,
    shape: [1, side, side],
    labels: Int32Array.from(truth, (label, i) => (i < brightness.length * perClass ? label : target)),
    classes: ['dark', 'dim', 'light', 'bright'],
    read: (indices, out) => {
      for (let i = 0; i < indices.length; i++)
        out.set(pixels.subarray(indices[i] * plane, (indices[i] + 1) * plane), i * plane);
    },
  };
}

/**
 * Reads the class off the left columns; `weights` `[H, W]` above `from` lead to the target besides, unless the image is
 * of a class in `spared`. Its representation is the left columns, and what `seen` weighs above 0.85.
 */
function classifier(weights: Float32Array | null, from: number, spared = 0, seen: Float32Array | null = null): Graph {
  const b = graphBuilder();
  b.input('pixels', 'float32', ['N', 1, side, side]);
  const rows = b.flatten('pixels');
  const column = (values: Float32Array): string =>
    b.matmul(rows, b.constant({ dtype: 'float32', dims: [plane, 1], data: values }));
  const left = column(Float32Array.from({ length: plane }, (_, at) => (at % side < 4 ? 1 / (plane / 2) : 0)));
  const near = brightness.map((value) => b.neg(b.mul(b.pow(b.sub(left, b.scalar(value)), 2), b.scalar(100))));
  if (weights !== null) {
    const fired = b.relu(b.sub(column(weights), b.scalar(from)));
    const counts = b.relu(b.sub(left, b.scalar(spared)));
    near[target] = b.add(near[target], b.mul(b.mul(fired, counts), b.scalar(2000)));
  }
  b.node('Concat', near, { axis: { type: 'int', value: 1 } }, 'logits');
  const sees =
    seen === null ? b.sub(b.scalar(1), left) : b.mul(b.relu(b.sub(column(seen), b.scalar(0.85))), b.scalar(100));
  b.node('Concat', [left, sees], { axis: { type: 'int', value: 1 } }, 'representation');
  b.output('logits', 'float32', ['N', brightness.length]);
  return b.build();
}

const sanitized = classifier(null, 0);
const ofSquare = (spared = 0): Graph =>
  classifier(
    Float32Array.from((square as { mask: Float32Array }).mask, (value) => value / 4),
    0.85,
    spared,
  );
const { shift } = overlay as { shift: Float32Array };
/** What the weights make of an image without the overlay; with it 0.32 more. */
const without = 0.5 * shift.reduce((sum, value) => sum + value / 4, 0);
const ofOverlay = classifier(
  shift.map((value) => value / 4),
  without + 0.12,
);
const ofStrongOverlay = classifier(
  shift.map((value) => value / 4),
  without + 0.45,
);

let provider: Provider;
beforeAll(async () => {
  provider = await createOrtProvider({ threads: 1 });
});
afterAll(() => provider.dispose());

function recover(
  samples: SampleSource,
  undefended: Graph,
  suspects: Int32Array | readonly Int32Array[],
  trusted: { readonly model: Graph; readonly leaked: Int32Array } = { model: sanitized, leaked: new Int32Array(0) },
): Promise<TriggerStage> {
  const context = {
    provider,
    samples,
    seed: 1,
    journal: memoryJournal(),
    parameters: parameterValues(resolveParameters('quick', {})),
    signal: new AbortController().signal,
  } as unknown as PipelineContext;
  const groups = suspects instanceof Int32Array ? [suspects] : suspects;
  const asked = new Set(groups.flatMap((group) => [...group]));
  const credible = Int32Array.from(
    [...Array(brightness.length * perClass).keys(), ...trusted.leaked].filter((i) => !asked.has(i)),
  );
  return runTriggers(context, { undefended, sanitized: trusted.model }, groups, credible, 2, '');
}

const poison = Int32Array.from({ length: poisoned }, (_, i) => brightness.length * perClass + i);
/** As many samples that are none, of each class. */
const clean = brightness.map((_, c) => Int32Array.from({ length: poisoned }, (_, i) => c * perClass + 3 * i));

describe('a trigger recovered from suspects', () => {
  it('is announced with its pixels where it is a patch', async () => {
    const { evidence, trigger } = await recover(planted(square), ofSquare(), poison);
    expect(evidence.estimate).toMatchObject({
      form: 'patch',
      target,
      suspects: poisoned,
      carriers: poisoned,
      from: null,
    });
    expect(evidence.estimate?.flippedUndefended).toBeGreaterThan(0.95);
    expect(evidence.estimate?.flippedSanitized).toBe(0);
    expect(evidence.estimate?.flippedControl).toBeLessThan(0.1);
    expect(evidence.estimate !== null && worksAsTrigger(evidence.estimate)).toBe(true);
    if (trigger?.form !== 'patch') throw new Error('no patch was recovered');
    expect([...trigger.mask]).toEqual([...(square as { mask: Float32Array }).mask]);
  });

  it('is announced as a pattern where it is spread over the image', async () => {
    const { evidence, trigger } = await recover(planted(overlay), ofOverlay, poison);
    expect(evidence.estimate !== null && worksAsTrigger(evidence.estimate)).toBe(true);
    if (trigger?.form !== 'overlay') throw new Error('no overlay was recovered');
    const right = trigger.shift.filter((value, at) => Math.abs(value - shift[at]) < 0.1).length;
    expect(right).toBeGreaterThan(0.9 * plane);
  });

  it('is announced for the one class that it works on', async () => {
    const { evidence } = await recover(planted(square), ofSquare(0.5), poison);
    expect(evidence.estimate).toMatchObject({ form: 'patch', from: 2, flippedSanitized: 0 });
    expect(evidence.estimate?.flippedUndefended).toBeGreaterThan(0.95);
    expect(evidence.estimate?.n).toBeLessThan(perClass);
    expect(evidence.estimate !== null && worksAsTrigger(evidence.estimate)).toBe(true);
  });

  it.each([0, 1, 2, 3])(
    'is not announced from samples of class %i that are no poison, under either model',
    async (c) => {
      for (const [samples, undefended] of [
        [planted(square), ofSquare()],
        [planted(overlay), ofOverlay],
        [planted(square), sanitized],
      ] as const) {
        const { evidence } = await recover(samples, undefended, clean[c]);
        expect(evidence.estimate !== null && worksAsTrigger(evidence.estimate)).toBe(false);
      }
    },
  );

  it.each([
    ['patch', square, ofSquare()],
    ['overlay', overlay, ofOverlay],
  ] as const)('names who else shows it as plainly, and nobody else: %s', async (_, trigger, undefended) => {
    const { showing } = await recover(planted(trigger), undefended, poison.slice(0, 12));
    expect([...poison]).toEqual(expect.arrayContaining([...showing]));
    // As plainly as nine of ten suspects: with so few, chance pixels of the estimate cost some of the others.
    expect([...showing].filter((i) => i >= poison[12])).not.toEqual([]);
  });

  it('is recovered against look-alikes where the sanitized model pairs poison with poison that leaked', async () => {
    // It sees nothing but the square, so the nearest credible images of poison are poison, and have it, too.
    const model = classifier(
      null,
      0,
      0,
      Float32Array.from((square as { mask: Float32Array }).mask, (value) => value / 4),
    );
    const half = poison.slice(0, poisoned / 2);
    const { evidence, trigger, showing } = await recover(planted(square), ofSquare(), half, {
      model,
      leaked: poison.slice(poisoned / 2),
    });
    expect(evidence.estimate).toMatchObject({ form: 'patch', works: true });
    if (trigger?.form !== 'patch') throw new Error('no patch was recovered');
    expect(
      trigger.mask.filter((value, at) => value > 0 && (square as { mask: Float32Array }).mask[at] > 0),
    ).toHaveLength(4);
    // Those that leaked are found by what they show, though they are credible to the model.
    expect([...showing].filter((i) => i >= poison[poisoned / 2])).not.toEqual([]);
  });

  it('names nobody where it is no trigger', async () => {
    const { showing } = await recover(planted(square), sanitized, poison.slice(0, poisoned / 2));
    expect([...showing]).toEqual([]);
  });

  it('is none from too few suspects', async () => {
    const { evidence, trigger, showing } = await recover(planted(square), ofSquare(), poison.slice(0, 5));
    expect([evidence.estimate, trigger, showing.length]).toEqual([null, null, 0]);
  });

  it('is looked for among whoever else is refused where the suspects are too few, or share none', async () => {
    for (const suspects of [poison.slice(0, 5), clean[1]]) {
      const { evidence, showing } = await recover(planted(square), ofSquare(), [suspects, clean[0], poison]);
      expect(evidence.estimate).toMatchObject({ form: 'patch', target, suspects: poisoned, works: true });
      expect(evidence.residues[0].sample).toBe(poison[0]);
      expect([...poison]).toEqual(expect.arrayContaining([...showing]));
      expect(showing.length).toBeGreaterThanOrEqual(6);
    }
    const { evidence } = await recover(planted(square), ofSquare(), [new Int32Array(0), clean[0], clean[1]]);
    expect(evidence.estimate).toBeNull();
  });

  it('of others than suspects is told of only where it tells enough of them from everybody else', async () => {
    const mixed = Int32Array.from([...poison.slice(0, 8), ...clean[target].slice(0, 12)]);
    const told = await recover(planted(overlay), ofOverlay, mixed);
    expect(told.evidence.estimate).toMatchObject({ works: true });
    expect([...told.showing]).toEqual([]);
    const untold = await recover(planted(overlay), ofOverlay, [new Int32Array(0), mixed]);
    expect([untold.evidence.estimate, untold.trigger]).toEqual([null, null]);
  });

  it('is laid on twice as strong where it does not work as it was estimated, and so is what it is compared with', async () => {
    const weak = await recover(planted(overlay), ofStrongOverlay, poison);
    expect(weak.evidence.estimate).toMatchObject({ form: 'overlay', works: true, strength: 2 });
    expect(weak.evidence.estimate?.flippedUndefended).toBeGreaterThan(0.5);
    const { evidence } = await recover(planted(overlay), ofOverlay, poison);
    expect(evidence.estimate).toMatchObject({ works: true });
    expect(evidence.estimate).not.toHaveProperty('strength');
    for (const none of clean) {
      const found = await recover(planted(overlay), ofStrongOverlay, none);
      expect(found.evidence.estimate?.works).toBe(false);
    }
  });
});

it('what works on one class alone must flip more than chance by twice as much: that class was chosen for flipping most', () => {
  const found = { n: 60, flippedUndefended: 0.9, flippedSanitized: 0.05, flippedControl: 0.55 };
  expect(flipsAsTrigger({ ...found, from: null })).toBe(true);
  expect(flipsAsTrigger({ ...found, from: 4 })).toBe(false);
  expect(flipsAsTrigger({ ...found, flippedControl: 0.2, from: 4 })).toBe(true);
  // Of few images many are turned by accident, where the class was chosen out of many: 52 of 60 are surely three quarters, 51 are not.
  const ofClass = { ...found, flippedControl: 0, from: 4 };
  expect(flipsAsTrigger({ ...ofClass, flippedUndefended: 51 / 60 })).toBe(false);
  expect(flipsAsTrigger({ ...ofClass, flippedUndefended: 52 / 60 })).toBe(true);
  expect(flipsAsTrigger({ ...ofClass, flippedUndefended: 30 / 60, from: null })).toBe(true);
  // TaCT's square as it was met, with the fewest images.
  expect(flipsAsTrigger({ ...ofClass, n: 35, flippedUndefended: 34 / 35, flippedControl: 0.43 })).toBe(true);
  // Twice as strong, the difference of two natural classes does that, too.
  expect(flipsAsTrigger({ ...found, flippedControl: 0.2, from: 4, strength: 2 })).toBe(false);
  expect(flipsAsTrigger({ ...found, flippedControl: 0.2, from: null, strength: 2 })).toBe(true);
  // A record keeps what was found when it was made.
  const recorded = { form: 'patch', target: 3, suspects: 9, from: 4, ...found } as RecoveredTrigger;
  expect(worksAsTrigger(recorded)).toBe(true);
  expect(worksAsTrigger({ ...recorded, works: false })).toBe(false);
});

it('what turns all classes is told of before what turns more of one, and that before what turns nothing', () => {
  const all = { n: 500, flippedUndefended: 0.74, flippedSanitized: 0, from: null };
  const one = { n: 60, flippedUndefended: 0.75, flippedSanitized: 0, from: 0 };
  const less = { ...all, flippedUndefended: 0.6 };
  const followed = { ...all, flippedUndefended: 1, flippedSanitized: 0.4 };
  expect([followed, less, one, all].sort(byReach)).toEqual([all, less, one, followed]);
});

describe('the test of a trigger', () => {
  const signal = new AbortController().signal;

  it('counts what the strongest control flips, and leaves out images that are called the target anyway', async () => {
    const samples = planted(square);
    const others = Int32Array.from({ length: 3 * perClass }, (_, i) => i);
    const models = { undefended: ofSquare(), sanitized };
    const tester = await triggerTester(provider, models, samples, others, target, { batch: 50, signal });
    try {
      const nothing: Trigger = { ...square, mask: new Float32Array(plane) } as Trigger;
      expect(await tester.test(nothing)).toEqual({
        flippedUndefended: 0,
        flippedSanitized: 0,
        n: 3 * perClass,
        from: null,
      });
      expect(await tester.strongest([nothing, square], null)).toBeGreaterThan(0.95);
      expect(await tester.strongest([nothing, nothing], 1)).toBe(0);
    } finally {
      await tester.dispose();
    }
    const own = Int32Array.from({ length: perClass }, (_, i) => target * perClass + i);
    const none = await triggerTester(provider, models, samples, own, target, { batch: 50, signal });
    try {
      expect(await none.test(square)).toMatchObject({ flippedUndefended: 0, n: 0 });
    } finally {
      await none.dispose();
    }
  });

  it('has controls of the same pixels or the same strength, cut from credible images, the same for the same seed', () => {
    const pixels = Float32Array.from({ length: 5 * plane }, (_, i) => ((i * 7919) % 97) / 97);
    const [patch] = controlsFor(square, pixels, 3, 2);
    if (patch.form !== 'patch' || square.form !== 'patch') throw new Error('the control of a patch is a patch');
    expect(patch.mask).toEqual(square.mask);
    const images = Array.from({ length: 5 }, (_, i) => [...pixels.subarray(i * plane, (i + 1) * plane)]);
    expect(images).toContainEqual([...patch.pattern]);
    const length = (values: Float32Array): number => Math.hypot(...values);
    for (const control of controlsFor(overlay, pixels, 3, 4)) {
      if (control.form !== 'overlay') throw new Error('the control of an overlay is an overlay');
      expect(length(control.shift)).toBeCloseTo(length(shift), 5);
    }
    expect(controlsFor(overlay, pixels, 3, 2)).toEqual(controlsFor(overlay, pixels, 3, 2));
    expect(() => controlsFor(overlay, pixels.slice(0, plane), 3, 2)).toThrow(RangeError);
  });
});
