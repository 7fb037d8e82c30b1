/** An encoder of the same architecture that knows nothing: every learnable value and running statistic drawn anew. */
import type { Graph, Tensor } from '../graph/ir.ts';
import { randomStream, type RandomStream } from '../math/random.ts';
import type { Encoder } from './encoder.ts';
import { rolesOf, type Role } from './surgery.ts';

/**
 * New values by name, for `withInitializers`. Convolutions: Kaiming normal (fan-in, gain sqrt 2). Dense layers: normal,
 * variance 1 / fan-in. Normalisations: scale 1, shift 0, mean 0, variance 1, those that were put back too, so that no
 * scale of the file survives. Of what no such layer reads: factors 1, summands of one axis 0, other tables (class token,
 * positions) normal with deviation 0.02.
 */
export function freshEncoder(encoder: Encoder, seed: number): Record<string, Tensor> {
  const roles = rolesOf(encoder);
  const { graph } = encoder;
  const names = new Set([...encoder.parameters, ...statisticsOf(graph)]);
  return Object.fromEntries(
    [...names].map((name) => {
      const old = graph.initializers.get(name);
      if (old === undefined) throw new Error(`"${name}" is no parameter of the encoder`);
      const next = draw(roles.get(name) ?? roleByReader(graph, name, old), old, randomStream(seed, `fresh/${name}`));
      const data = Float32Array.from({ length: old.data.length }, next);
      return [name, { dtype: 'float32', dims: old.dims, data } satisfies Tensor];
    }),
  );
}

function statisticsOf(graph: Graph): string[] {
  return graph.nodes
    .filter((node) => node.op === 'BatchNormalization')
    .flatMap((node) => node.inputs.slice(3, 5))
    .filter((name) => graph.initializers.has(name));
}

type AnyRole = Role | { readonly outAxis: number } | 'table';

/** Parameters outside convolutions, normalisations of batches and recognised dense layers. */
function roleByReader(graph: Graph, name: string, old: Tensor): AnyRole {
  const reader = graph.nodes.find((node) => node.inputs.includes(name));
  switch (reader?.op) {
    case 'LayerNormalization':
    case 'InstanceNormalization':
    case 'GroupNormalization':
      return reader.inputs.indexOf(name) === 1 ? 'scale' : 'shift';
    case 'Mul':
    case 'Div':
      return 'scale';
    case 'MatMul':
    case 'Gemm':
      return old.dims.length >= 2 ? { outAxis: old.dims.length - 1 } : 'bias';
    default:
      // A bias has one axis; class tokens and positions have leading ones.
      return old.dims.length <= 1 ? 'bias' : 'table';
  }
}

function draw(role: AnyRole, old: Tensor, random: RandomStream): () => number {
  if (typeof role === 'object') {
    const fanIn = old.data.length / old.dims[role.outAxis];
    const deviation = 1 / Math.sqrt(fanIn);
    return () => deviation * random.normal();
  }
  switch (role) {
    case 'weight': {
      const deviation = Math.sqrt((2 * old.dims[0]) / old.data.length);
      return () => deviation * random.normal();
    }
    case 'scale':
    case 'restored scale':
    case 'variance':
      return () => 1;
    case 'bias':
    case 'shift':
    case 'mean':
      return () => 0;
    case 'table':
      return () => 0.02 * random.normal();
  }
}
