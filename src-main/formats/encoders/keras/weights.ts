/** Where Keras puts the weights of a layer: two ways in HDF5. */
import type { Tensor } from '../../../engine/graph/ir.ts';
import { malformedModel } from '../fields.ts';
import type { WeightSource } from '../layered/weights.ts';
import type { KerasFile } from './hdf5.ts';

/**
 * Keras 2 (`.h5`): `model_weights/<layer>` lists its weights in the attribute `weight_names`; those of a network within
 * the network are listed with it (keras/src/legacy/saving/legacy_h5_format.py).
 */
export function namedWeights(file: KerasFile, root: string): WeightSource {
  const lists = new Map<string, readonly string[]>();
  const listOf = (layer: string): readonly string[] => {
    const known = lists.get(layer);
    if (known !== undefined) return known;
    const group = `${root}/${layer}`;
    const found = file.groups.has(group) ? weightNames(file, group) : [];
    lists.set(layer, found);
    return found;
  };
  return {
    find({ names }, name) {
      const [outermost] = names;
      const own = names[names.length - 1];
      const matches = listOf(outermost).filter((each) => {
        const parts = each.replace(/:\d+$/, '').split('/');
        if (parts.at(-1) !== name) return false;
        // With networks within networks only the layer's own weights count.
        return names.length === 1 ? true : parts.at(-2) === own;
      });
      if (matches.length === 0) return null;
      if (matches.length > 1)
        throw malformedModel(`The layer "${names.join('/')}" has ${matches.length} weights "${name}".`);
      return file.tensor(`${root}/${outermost}/${matches[0]}`);
    },
  };
}

/** Long lists are cut into `weight_names0`, `weight_names1`, … */
function weightNames(file: KerasFile, group: string): readonly string[] {
  const whole = file.texts(group, 'weight_names');
  if (whole !== null) return whole;
  const parts: string[] = [];
  for (let part = 0; part < 10_000; part += 1) {
    const list = file.texts(group, `weight_names${part}`);
    if (list === null) break;
    parts.push(...list);
  }
  return parts;
}

/**
 * Keras 3 (`model.weights.h5` in a `.keras`): layers counted by class, weights by position
 * (keras/src/saving/saving_lib.py). Keras 2.12 to 2.15 called the container `_layer_checkpoint_dependencies`.
 */
export function countedWeights(file: KerasFile): WeightSource {
  const older = ![...file.groups].some((group) => group === 'layers' || group.startsWith('layers/'));
  return {
    find({ counted }, _name, index): Tensor | null {
      const base = older ? counted.replaceAll('layers/', '_layer_checkpoint_dependencies/') : counted;
      const path = `${base}/vars/${index}`;
      return file.datasets.has(path) ? file.tensor(path) : null;
    },
  };
}
