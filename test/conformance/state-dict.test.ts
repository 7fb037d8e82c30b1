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
import { scratchFolder } from '../unit/formats/make.ts';
import { tableRows } from './table.ts';

const python = '/usr/bin/python3';
const available = spawnSync(python, ['-c', 'import torch, onnx']).status === 0;
if (!available) console.warn('SKIPPED: no PyTorch in /usr/bin/python3, so load_state_dict was not tried.');
const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));

const table = available ? tableRows('state-dict') : null;

/** An encoder with a head of four classes behind it, as the export stage writes it. */
async function classifier(name: string): Promise<Graph> {
  const opened = await openEncoder(join(fixtures, name));
  const { mean = null, std = null } = opened.normalisation ?? {};
  const { graph, representation } = understandEncoder(opened.graph, { mean, std });
  const builder = graphBuilder(graph);
  const { logits } = addHead(
    builder,
    'representation',
    { dim: representation.dim, hidden: [], classes: 4 },
    5,
    'state-dict',
  );
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
      table?.row({
        format: 'PyTorch state dict (out)',
        feature: 'encoder resnet-bn.onnx, load_state_dict(strict=True) after the swap of the head',
        result: "within 1e-4 of the graph's logits in PyTorch",
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('puts query, key and value together again, and keeps the names without dots', async () => {
    const { tensors, notes } = stateDictOf(await classifier('torch/vit-torchvision.pth'));
    // Without them the loaded network would be given other pixels than the sanitized model.
    expect(notes[0]).toContain('"pixel mean" = 0.485, 0.456, 0.406; "pixel std" = 0.229, 0.224, 0.225');
    expect(tensors.get('class_token')?.dims).toEqual([1, 1, 64]);
    const attention = 'encoder.layers.encoder_layer_1.self_attention';
    expect(tensors.get(`${attention}.in_proj_weight`)?.dims).toEqual([192, 64]);
    expect(tensors.get(`${attention}.in_proj_bias`)?.dims).toEqual([192]);
    expect([...tensors.keys()].filter((name) => name.includes('/'))).toEqual([]);
  });

  const checkpoints = [
    'legacy.pth',
    'simclr-checkpoint.pt',
    'moco.pth.tar',
    'vgg11_bn.pth',
    'mobilenet_v2.pth',
    'densenet-double.pth',
    'vit-torchvision.pth',
    'vit-timm.pth',
    'vit-hf/model.safetensors.index.json',
  ];

  it.skipIf(!available)('every name, shape and value of the source but its head', async () => {
    const folder = scratchFolder();
    const pairs: string[] = [];
    for (const [i, name] of checkpoints.entries()) {
      const file = join(folder, `${i}.safetensors`);
      saveSafetensors(file, stateDictOf(await classifier(`torch/${name}`)).tensors);
      pairs.push(file, join(fixtures, 'torch', name));
    }
    const script = fileURLToPath(new URL('state-dict.py', import.meta.url));
    const answers = JSON.parse(execFileSync(python, [script, ...pairs], { encoding: 'utf8' })) as object[];
    expect(answers.length).toBe(checkpoints.length);
    for (const [i, name] of checkpoints.entries()) {
      const wanted = { missing: [], extra: ['head.0.bias', 'head.0.weight'], differing: [] };
      expect([name, answers[i]]).toEqual([name, wanted]);
      table?.row({
        format: 'PyTorch state dict (out)',
        feature: `encoder ${name}, beside the checkpoint it came from`,
        result: "the source's names and shapes, values equal; head.0 is new",
      });
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
