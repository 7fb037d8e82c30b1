import { describe, expect, it } from 'vitest';
import { layerWires } from '../../../src-main/engine/encoder/layer-wires.ts';
import { encoder, names } from './fixtures.ts';

describe.each(names)('%s: wires between layers', (name) => {
  const { layers } = encoder(name);
  const wires = layerWires(encoder(name));

  it('lead forwards, from the image to the representation, past every layer', () => {
    for (const [from, to] of wires) {
      expect(from).toBeLessThan(to);
      expect(from).toBeGreaterThanOrEqual(-1);
      expect(to).toBeLessThanOrEqual(layers.length);
    }
    layers.forEach((layer, l) => {
      expect(
        wires.some(([, to]) => to === l),
        `${layer.label} reads something`,
      ).toBe(true);
      expect(
        wires.some(([from]) => from === l),
        `${layer.label} is read`,
      ).toBe(true);
    });
    expect(wires.some(([from]) => from === -1)).toBe(true);
    expect(new Set(wires.map(String)).size).toBe(wires.length);
  });
});

describe('wires of networks with shortcuts', () => {
  it('join where branches are added: some layer reads two others', () => {
    const name = names.find((one) => one.includes('resnet'));
    if (name === undefined) throw new Error('the fixtures must have a residual network');
    const found = encoder(name);
    const readers = layerWires(found).map(([, to]) => to);
    expect(readers.some((to, at) => readers.indexOf(to) !== at)).toBe(true);
  });
});
