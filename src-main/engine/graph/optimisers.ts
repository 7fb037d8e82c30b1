/** Optimisers as graph nodes: one update of one parameter, and what they remember between steps. */
import type { GraphBuilder } from './builder.ts';
import { filled } from './tensors.ts';
import type { Tensor } from './ir.ts';

export type Optimiser =
  | {
      readonly kind: 'sgd';
      /** 0 for none. */
      readonly momentum: number;
      readonly weightDecay: number;
      /** Decay the weight itself (times the learning rate) instead of adding it to the gradient. Default false. */
      readonly decoupled?: boolean;
    }
  | {
      readonly kind: 'adam';
      /** Defaults 0.9, 0.999, 1e-8. */
      readonly beta1?: number;
      readonly beta2?: number;
      readonly epsilon?: number;
      readonly weightDecay: number;
      /** AdamW when true. Default false. */
      readonly decoupled?: boolean;
    };

/** A value carried from step to step: graph input, the value that replaces it, and what it starts as. */
export interface Memory {
  readonly input: string;
  readonly output: string;
  readonly initial: Tensor;
}

export interface UpdateSlot {
  /** Stem of the names of what is remembered. */
  readonly name: string;
  readonly value: string;
  readonly gradient: string;
  readonly dims: readonly number[];
  /** Whether weight decay applies. */
  readonly decay: boolean;
}

export interface UpdateRule {
  /** Emits the new value of one parameter. */
  update(slot: UpdateSlot): { readonly next: string; readonly memories: readonly Memory[] };
  /** Memories shared by all parameters (Adam's step counter). */
  readonly shared: readonly Memory[];
}

/** @param learningRate scalar float32 value */
export function updateRule(b: GraphBuilder, optimiser: Optimiser, learningRate: string): UpdateRule {
  const { weightDecay } = optimiser;
  const decoupled = optimiser.decoupled === true;
  let keptShare: string | null = null;
  const withDecay = (slot: UpdateSlot): { value: string; gradient: string } => {
    if (weightDecay === 0 || !slot.decay) return slot;
    if (!decoupled)
      return { value: slot.value, gradient: b.add(slot.gradient, b.mul(slot.value, b.scalar(weightDecay))) };
    keptShare ??= b.sub(b.scalar(1), b.mul(learningRate, b.scalar(weightDecay)));
    return { value: b.mul(slot.value, keptShare), gradient: slot.gradient };
  };
  const remember = (slot: UpdateSlot, what: string): string => b.input(`${slot.name}/${what}`, 'float32', slot.dims);
  const memory = (slot: UpdateSlot, input: string, output: string): Memory => ({
    input,
    output,
    initial: filled('float32', slot.dims, 0),
  });
  switch (optimiser.kind) {
    case 'sgd':
      return {
        shared: [],
        update: (slot) => {
          const { value, gradient } = withDecay(slot);
          if (optimiser.momentum === 0) return { next: b.sub(value, b.mul(gradient, learningRate)), memories: [] };
          const velocity = remember(slot, 'velocity');
          const next = b.add(b.mul(velocity, b.scalar(optimiser.momentum)), gradient);
          return { next: b.sub(value, b.mul(next, learningRate)), memories: [memory(slot, velocity, next)] };
        },
      };
    case 'adam': {
      const beta1 = optimiser.beta1 ?? 0.9;
      const beta2 = optimiser.beta2 ?? 0.999;
      const epsilon = optimiser.epsilon ?? 1e-8;
      const step = b.input('optimiser/step', 'float32', []);
      const nextStep = b.add(step, b.scalar(1));
      const correction = (beta: number): string => b.sub(b.scalar(1), b.node('Pow', [b.scalar(beta), nextStep]));
      const rate = b.div(learningRate, correction(beta1));
      const rootCorrection = b.sqrt(correction(beta2));
      const blend = (old: string, beta: number, fresh: string): string =>
        b.add(b.mul(old, b.scalar(beta)), b.mul(fresh, b.scalar(1 - beta)));
      return {
        shared: [{ input: step, output: nextStep, initial: filled('float32', [], 0) }],
        update: (slot) => {
          const { value, gradient } = withDecay(slot);
          const first = remember(slot, 'moment1');
          const second = remember(slot, 'moment2');
          const nextFirst = blend(first, beta1, gradient);
          const nextSecond = blend(second, beta2, b.mul(gradient, gradient));
          const root = b.add(b.div(b.sqrt(nextSecond), rootCorrection), b.scalar(epsilon));
          return {
            next: b.sub(value, b.mul(rate, b.div(nextFirst, root))),
            memories: [memory(slot, first, nextFirst), memory(slot, second, nextSecond)],
          };
        },
      };
    }
  }
}

/** What gradients are to be multiplied with so that their joint Euclidean norm is at most `limit`. */
export function clipFactor(b: GraphBuilder, gradients: readonly string[], limit: number): string {
  const squares = gradients.map((gradient) =>
    b.node('ReduceSumSquare', [gradient], { keepdims: { type: 'int', value: 0 } }),
  );
  const norm = b.sqrt(squares.length === 1 ? squares[0] : b.node('Sum', squares));
  return b.node('Min', [b.scalar(1), b.div(b.scalar(limit), b.add(norm, b.scalar(1e-6)))]);
}
