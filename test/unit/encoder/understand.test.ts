import { describe, expect, it } from 'vitest';
import { understandEncoder } from '../../../src-main/engine/encoder/understand.ts';
import { shapesAt } from '../../../src-main/engine/encoder/shapes.ts';
import { graphBuilder } from '../../../src-main/engine/graph/builder.ts';
import { encoder, expected, fileGraph, images, largestDifference, names, represent } from './fixtures.ts';

describe.each(names)('%s, as the exporter wrote it', (name) => {
  const want = expected[name];

  it('gives the representation PyTorch gives, before any head', () => {
    const found = encoder(name);
    expect(found.representation.dim).toBe(want.dim);
    const got = represent(found.graph, images(3, want.size));
    expect(largestDifference(got, want.representation)).toBeLessThan(1e-4);
  });

  it('takes any batch, and no image sees another', () => {
    const { graph } = encoder(name);
    const three = images(3, want.size);
    const [a, b] = [represent(graph, three), represent(graph, images(1, want.size))];
    expect(largestDifference(a.slice(0, want.dim), b)).toBeLessThan(1e-5);
    expect(graph.inputs).toEqual([{ name: 'pixels', dtype: 'float32', shape: ['N', ...want.size] }]);
    expect(graph.outputs).toEqual([{ name: 'representation', dtype: 'float32', shape: ['N', want.dim] }]);
  });

  it('is of the right family, with every layer that can be filtered', () => {
    const found = encoder(name);
    expect(found.family).toBe(want.family);
    const kinds = (kind: string) => found.layers.filter((layer) => layer.kind === kind);
    if (want.convs !== undefined) {
      const tied = kinds('conv').filter((layer) => layer.rows.filter((row) => isFilter(row.param)).length > 1);
      expect(kinds('conv').length + tied.length).toBe(want.convs);
    }
    if (want.blocks !== undefined) {
      expect(kinds('head').map((layer) => layer.channels)).toEqual(Array(want.blocks).fill(want.heads));
      expect(kinds('hidden').map((layer) => layer.channels)).toEqual(Array(want.blocks).fill(want.hidden));
      expect(kinds('conv')).toHaveLength(1);
    }
    function isFilter(param: string): boolean {
      return found.graph.initializers.get(param)?.dims.length === 4;
    }
  });

  it('has taps in network order whose tensors are what they say', () => {
    const found = encoder(name);
    const shapes = shapesAt(found.graph, 2);
    const at = (tensor: string) => found.graph.nodes.findIndex((node) => node.outputs.includes(tensor));
    for (const tap of found.taps) {
      const dims = shapes.get(tap.tensor) as readonly number[];
      expect(dims.length).toBe({ map: 4, tokens: 3, vector: 2 }[tap.kind]);
      expect(dims[0]).toBe(2);
      expect(tap.kind === 'map' ? dims[1] : dims.at(-1)).toBe(tap.channels);
    }
    const order = found.taps.map((tap) => at(tap.tensor));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(found.taps.length).toBeGreaterThanOrEqual(3);
    expect(found.taps.length).toBeLessThanOrEqual(8);
    if (want.taps !== undefined) expect(found.taps).toHaveLength(want.taps);
  });

  it('lists weights, biases and scales as learnable and no running statistics', () => {
    const found = encoder(name);
    const statistics = found.graph.nodes
      .filter((node) => node.op === 'BatchNormalization')
      .flatMap((node) => node.inputs.slice(3, 5));
    expect(found.parameters.filter((parameter) => statistics.includes(parameter))).toEqual([]);
    const owned = new Set(found.layers.flatMap((layer) => layer.rows.map((row) => row.param)));
    for (const param of owned) if (!statistics.includes(param)) expect(found.parameters).toContain(param);
    expect(new Set(found.parameters).size).toBe(found.parameters.length);
  });
});

describe('what is said of the representation', () => {
  const how = (name: string) => encoder(name).representation.how;

  it('names the tensor in the words of the file and how it was found', () => {
    expect(encoder('resnet-folded-classifier').representation.tensor).toBe('/Flatten_output_0');
    expect(how('resnet-folded-classifier')).toMatch(/global average pooling, before the last linear layer/);
    expect(how('resnet-bn-projection')).toMatch(/before a head of 2 layers/);
    expect(how('resnet-folded-map-opset17')).toMatch(/mean over positions of the file's last feature map/);
    expect(how('vgg-plain-flatten')).toMatch(/last feature map, before it is flattened/);
    expect(how('resnet-bn')).toMatch(/the file's output/);
    expect(how('vit-packed')).toMatch(/class token, before the last linear layer/);
    expect(how('vit-separate-mean-tanh')).toMatch(/mean over tokens/);
    expect(how('vit-separate-tokens')).toMatch(/class token/);
  });

  it('is the tensor the user names instead', () => {
    const found = understandEncoder(fileGraph('resnet-bn-projection'), { representation: 'y' });
    expect(found.representation).toEqual({ tensor: 'y', dim: 12, how: 'as named by the user' });
    // The layers of the head are now part of the encoder and can be filtered like the others.
    expect(found.layers.filter((layer) => layer.kind === 'hidden').map((layer) => layer.channels)).toEqual([24, 12]);
    const early = understandEncoder(fileGraph('resnet-bn'), { representation: '/blocks/blocks.0/Relu_1_output_0' });
    expect(early.representation.dim).toBe(8);
    expect(early.layers).toHaveLength(3);
  });

  it('lists candidates when the named tensor is none', () => {
    expect(() => understandEncoder(fileGraph('resnet-bn'), { representation: 'pool' })).toThrow(
      /"pool" is not in the file.*Candidates: .*"y" \(Nx24\)/,
    );
  });
});

describe('what exporters do', () => {
  it('stores equal tensors once: every layer gets parameters of its own', () => {
    const { graph, parameters } = encoder('vit-shared-dynamo');
    expect(fileGraph('vit-shared-dynamo').initializers.size).toBeLessThan(graph.initializers.size);
    for (const parameter of parameters) {
      expect(graph.nodes.filter((node) => node.inputs.includes(parameter))).toHaveLength(1);
    }
  });

  it('repeats tokens for every image: they become one learnable constant', () => {
    for (const name of ['vit-packed', 'vit-torchvision', 'vit-registers-dynamo']) {
      const { graph, parameters } = encoder(name);
      expect(parameters.some((parameter) => parameter.endsWith('/tokens'))).toBe(true);
      expect(graph.nodes.some((node) => ['Expand', 'Shape', 'Where'].includes(node.op))).toBe(false);
    }
  });

  it('guards softmax against rows of nothing: the heads are found behind the guard', () => {
    const file = fileGraph('vit-packed');
    const builder = graphBuilder(file);
    for (const node of file.nodes.filter((each) => each.op === 'Softmax')) {
      const value = node.outputs[0];
      const raw = builder.interpose(value);
      builder.node('Where', [builder.node('IsNaN', [raw]), builder.scalar(0), raw], {}, value);
    }
    const found = understandEncoder(builder.build());
    expect(found.layers.map((layer) => layer.kind)).toEqual(encoder('vit-packed').layers.map((layer) => layer.kind));
    const pixels = images(2, [3, 16, 16]);
    expect(represent(found.graph, pixels)).toEqual(represent(encoder('vit-packed').graph, pixels));
  });
});
