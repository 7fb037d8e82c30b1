/** Weights that are no numbers, said of every encoder however it was stored. */
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import { visibleName } from '../../../src-shared/text.ts';
import type { Graph, Tensor } from '../../engine/graph/ir.ts';

/** Tensors that are named; an encoder that is broken throughout needs no longer list. */
const MAX_FINDINGS = 20;

/** Operators whose inputs behind the first are learnt. */
const LEARNT = new Set([
  ...['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'PRelu'],
  ...['BatchNormalization', 'LayerNormalization', 'InstanceNormalization', 'GroupNormalization'],
]);

/** Infinities stand in attention masks, not in weights; what is no number at all stands nowhere. */
export function scanWeights({ nodes, initializers }: Pick<Graph, 'nodes' | 'initializers'>): ScanFinding[] {
  const learnt = new Set(nodes.filter(({ op }) => LEARNT.has(op)).flatMap(({ inputs }) => inputs.slice(1)));
  const findings: ScanFinding[] = [];
  for (const [name, tensor] of initializers) {
    if (findings.length >= MAX_FINDINGS) break;
    const { nan, infinite } = countNotFinite(tensor);
    if (nan + infinite === 0) continue;
    const alarming = nan > 0 || learnt.has(name);
    findings.push({
      rule: 'weights.not-finite',
      severity: alarming ? 'warning' : 'note',
      title: nan > 0 ? 'Weights that are no numbers' : 'Weights without bounds',
      where: `tensor ${visibleName(name.slice(0, 200))}`,
      detail: `${nan} values are NaN, ${infinite} are infinite, of ${tensor.data.length}.`,
      atlas: alarming ? 'AML.T0076' : null,
    });
  }
  return findings;
}

function countNotFinite({ dtype, data }: Tensor): { readonly nan: number; readonly infinite: number } {
  let nan = 0;
  let infinite = 0;
  if (dtype === 'float32' || dtype === 'float64') {
    const values = data as Float32Array | Float64Array;
    for (let at = 0; at < values.length; at += 1) {
      // Only NaN and the infinities give something else than 0 here.
      if (values[at] - values[at] === 0) continue;
      if (Number.isNaN(values[at])) nan += 1;
      else infinite += 1;
    }
  } else if (dtype === 'float16') {
    const bits = data as Uint16Array;
    for (let at = 0; at < bits.length; at += 1) {
      if ((bits[at] & 0x7c00) !== 0x7c00) continue;
      if ((bits[at] & 0x03ff) === 0) infinite += 1;
      else nan += 1;
    }
  }
  return { nan, infinite };
}
