/** The graph that ranks rows by distance, which the neighbour search runs and the self-test checks. */
import { graphBuilder } from '../graph/builder.ts';
import { int } from '../graph/attributes.ts';
import type { Graph } from '../graph/ir.ts';

/** The `count` smallest of norms[j] - 2 q[i].r[j] per query, smallest first. */
export function rankGraph(queries: number, rows: number, width: number, count: number): Graph {
  const b = graphBuilder();
  b.input('queries', 'float32', [queries, width]);
  b.input('rows', 'float32', [rows, width]);
  b.input('norms', 'float32', [rows]);
  const scores = b.node('Gemm', ['queries', 'rows', 'norms'], { transB: int(1), alpha: { type: 'float', value: -2 } });
  const attributes = { axis: int(1), largest: int(0), sorted: int(1) };
  b.multi('TopK', [scores, b.ints([count])], attributes, ['values', 'indices']);
  b.output('values', 'float32', [queries, count]);
  b.output('indices', 'int64', [queries, count]);
  return b.build();
}
