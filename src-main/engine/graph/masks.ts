/** Channel masks: a value's axis multiplied by a graph input. */
import { graphBuilder } from './builder.ts';
import type { Graph } from './ir.ts';
import { symbolicShapes } from './symbols.ts';

export interface MaskPlace {
  /** Value to mask, made by a node; readers and graph outputs of that name see the masked value. */
  readonly value: string;
  readonly axis: number;
  /** Name of the new graph input, float32 [size of the axis]. */
  readonly input: string;
  /** Value [size of the axis] that is left of a channel whose mask is 0; without it nothing is left. */
  readonly rest?: string;
}

/** @throws RangeError when the value or its axis does not exist or the axis has no fixed size */
export function insertMasks(graph: Graph, places: readonly MaskPlace[]): Graph {
  const shapes = symbolicShapes(graph);
  const b = graphBuilder(graph);
  for (const { value, axis, input, rest } of places) {
    const shape = shapes.get(value)?.shape;
    const size = shape?.[axis];
    if (shape === undefined || typeof size !== 'number') {
      throw new RangeError(`"${value}" has no axis ${axis} of fixed size (shape [${shape?.join() ?? 'unknown'}]).`);
    }
    b.input(input, 'float32', [size]);
    const trailing = shape.length - 1 - axis;
    const along = (name: string): string =>
      trailing === 0 ? name : b.reshape(name, [size, ...new Array<number>(trailing).fill(1)]);
    const mask = along(input);
    const raw = b.interpose(value);
    if (rest === undefined) b.node('Mul', [raw, mask], {}, value);
    else b.node('Add', [b.mul(b.sub(raw, along(rest)), mask), along(rest)], {}, value);
  }
  return b.build();
}
