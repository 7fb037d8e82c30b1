/**
 * Rewrites a graph so that its convolutions, also those with weights that change between runs, work on blocked
 * channels, and what lies between them stays in that layout. What has no blocked form is done in plain NCHW.
 */
import { INTERNAL_DOMAIN } from '../../graph/internal-ops.ts';
import type { Graph } from '../../graph/ir.ts';
import { inferShapes } from '../../graph/shapes.ts';
import { theForms, type Forms } from './blocked.ts';
import { pointwiseRule } from './blocked-pointwise.ts';
import { createLayouts } from './layouts.ts';
import { lowerNode } from './nchw.ts';
import { layerRules } from './nchwc-rules.ts';

/** @param block channels per block on this machine, as the probe found it; `graph` has no open symbols */
export function lowerToNchwc(graph: Graph, block: number, threads: number, forms: Forms = theForms): Graph {
  const layouts = createLayouts(graph, block, threads, forms);
  for (const node of graph.nodes) {
    const known = node.domain === '' || node.domain === INTERNAL_DOMAIN;
    const rule = Object.hasOwn(layerRules, node.op) ? layerRules[node.op] : pointwiseRule;
    if (known && rule(layouts, node)) continue;
    for (const input of node.inputs) layouts.plain(input);
    if (node.domain === INTERNAL_DOMAIN) lowerNode(layouts.emitter, node, layouts.dims);
    else layouts.emitter.node(node);
    for (const output of node.outputs) layouts.putPlain(output);
  }
  for (const output of graph.outputs) layouts.plain(output.name);
  const { nodes, initializers } = layouts.emitter;
  return { ...graph, nodes, initializers };
}

/**
 * Whether a graph is faster in our blocked form than in the one that the runtime makes itself: when some convolution has
 * a weight that is not constant (the runtime blocks only constant ones), or works on images so small that the order
 * "wide" pays.
 */
export function gainsFromBlocks(graph: Graph, block: number, forms: Forms = theForms): boolean {
  const convolutions = graph.nodes.filter((node) => node.domain === '' && node.op === 'Conv');
  const gradient = graph.nodes.some(
    (node) => node.domain === INTERNAL_DOMAIN && (node.op === 'ConvGradInput' || node.op === 'ConvGradWeight'),
  );
  if (gradient || convolutions.some((node) => !graph.initializers.has(node.inputs[1]))) return true;
  if (convolutions.length === 0) return false;
  const shapes = inferShapes(graph, {});
  return convolutions.some((node) => {
    const [batch, channels, , width] = shapes.get(node.outputs[0])?.dims ?? [];
    const [, perGroup, , taps] = graph.initializers.get(node.inputs[1])?.dims ?? [];
    return width <= forms.wideUpTo && batch % block === 0 && channels >= 2 * block && perGroup >= block && taps > 1;
  });
}
