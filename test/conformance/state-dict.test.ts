import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { addHead } from '../../src-main/engine/encoder/head.ts';
import { understandEncoder } from '../../src-main/engine/encoder/understand.ts';
import { graphBuilder } from '../../src-main/engine/graph/builder.ts';
import { evaluate } from '../../src-main/engine/graph/evaluate.ts';
import type { Graph } from '../../src-main/engine/graph/ir.ts';
import { tensorOf } from '../../src-main/engine/graph/tensors.ts';
import { openEncoder } from '../../src-main/formats/encoders/open.ts';
import { saveSafetensors } from '../../src-main/formats/models-out/safetensors.ts';
import { stateDictOf } from '../../src-main/formats/models-out/state-dict.ts';

const python = '/usr/bin/python3';
const available = spawnSync(python, ['-c', 'import torch, onnx']).status === 0;
if (!available) console.warn('SKIPPED: no PyTorch in /usr/bin/python3, so load_state_dict was not tried.');
const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** An encoder with a head of four classes behind it, as the export stage writes it. */
async function classifier(name: string): Promise<Graph> {
  const { graph } = understandEncoder((await openEncoder(join(fixtures, name))).graph);
  const builder = graphBuilder(graph);
  const { logits } = addHead(builder, 'representation', { dim: 24, hidden: [], classes: 4 }, 5, 'state-dict');
  builder.setOutputs([{ name: logits, dtype: 'float32', shape: ['N', 4] }]);
  return builder.build();
}

describe("a state dict under the source's own names", () => {
  it.skipIf(!available)('goes through load_state_dict (strict) and gives the same logits in PyTorch', async () => {
    const graph = await classifier('encoders/resnet-bn.onnx');
    const folder = mkdtempSync(join(tmpdir(), 'coresift-state-dict-'));
    try {
      const file = join(folder, 'state.safetensors');
      saveSafetensors(file, stateDictOf(graph).tensors);
      const script = fileURLToPath(new URL('state-dict.py', import.meta.url));
      const theirs = JSON.parse(execFileSync(python, [script, file], { encoding: 'utf8' })) as number[];
      const pixels = Float32Array.from(
        { length: 2 * 3 * 16 * 16 },
        (_, i) => 0.5 + 0.5 * Math.sin(i * 0.37 + Math.floor(i / 7) * 0.11),
      );
      const answer = evaluate(graph, { pixels: tensorOf('float32', [2, 3, 16, 16], pixels) });
      const ours = answer[graph.outputs[0].name].data;
      expect(theirs.length).toBe(8);
      theirs.forEach((value, at) => expect(Math.abs(value - Number(ours[at]))).toBeLessThan(1e-4));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is refused with the weights that lost their names', async () => {
    const folded = await classifier('encoders/resnet-folded.onnx');
    expect(() => stateDictOf(folded)).toThrow(/18 weights have no name of a state dict \("onnx::Conv_86"/);
  });

  it('is refused for a network that never had such names', async () => {
    const { graph } = understandEncoder((await openEncoder(join(fixtures, 'keras/sequential.h5'))).graph);
    expect(() => stateDictOf(graph)).toThrow(/no name of a state dict \("conv2d_Conv2D3\/kernel"/);
  });
});
