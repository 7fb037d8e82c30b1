/** Intermediate values as extra outputs. */
import { graphBuilder } from './builder.ts';
import type { Graph } from './ir.ts';
import { symbolicShapes } from './symbols.ts';

export interface TapPlace {
  readonly value: string;
  /** `map` [N,C,H,W] is averaged over H,W; `tokens` [N,T,d] over T; `vector` [N,d] and `whole` are taken as they are. */
  readonly pool: 'map' | 'tokens' | 'vector' | 'whole';
  /** Name of the output; needed when the value is pooled, else the value's own name is used. */
  readonly output?: string;
}

/**
 * Adds outputs; `keep` says whether the graph's own outputs stay (default true).
 * @throws RangeError when the graph does not have a value or it does not have the rank its pooling needs
 */
export function exposeTaps(graph: Graph, places: readonly TapPlace[], options: { keep?: boolean } = {}): Graph {
  const shapes = symbolicShapes(graph);
  const b = graphBuilder(graph);
  if (options.keep === false) b.setOutputs([]);
  const listed = new Set(options.keep === false ? [] : graph.outputs.map((output) => output.name));
  for (const { value, pool, output } of places) {
    const type = shapes.get(value);
    if (type === undefined) throw new RangeError(`The graph has no value "${value}".`);
    const wanted = { map: 4, tokens: 3, vector: 2, whole: type.shape.length }[pool];
    if (type.shape.length !== wanted) {
      throw new RangeError(`"${value}" is [${type.shape.join()}]; a ${pool} tap has ${wanted} dimensions.`);
    }
    const axes = { type: 'ints', value: pool === 'map' ? [2, 3] : [1] } as const;
    const pooled = pool === 'map' || pool === 'tokens';
    const shape =
      pool === 'map' ? type.shape.slice(0, 2) : pool === 'tokens' ? [type.shape[0], type.shape[2]] : type.shape;
    const name = pooled
      ? b.node(
          'ReduceMean',
          [value],
          { axes, keepdims: { type: 'int', value: 0 } },
          output ?? b.fresh(`${value}/pooled`),
        )
      : output === undefined || output === value
        ? value
        : b.node('Identity', [value], {}, output);
    if (listed.has(name)) continue;
    listed.add(name);
    b.output(name, type.dtype, shape);
  }
  return b.build();
}
