/** The dataset attacks by name, with their options checked where a file or a person gave them. */
import type { LabelledImages, PlantedDataset, Pixels } from '../images.ts';
import * as adapBlend from './adap-blend.ts';
import * as adapPatch from './adap-patch.ts';
import * as badnets from './badnets.ts';
import * as blended from './blended.ts';
import * as none from './none.ts';
import * as sig from './sig.ts';
import * as tact from './tact.ts';
import * as wanet from './wanet.ts';

/** Each plants itself: `plant(data, options)`; options beyond seed and target have defaults. */
export const datasetAttacks = {
  none: none.plant,
  badnets: badnets.plant,
  blended: blended.plant,
  sig: sig.plant,
  wanet: wanet.plant,
  tact: tact.plant,
  'adap-blend': adapBlend.plant,
  'adap-patch': adapPatch.plant,
} as const;

export type DatasetAttack = keyof typeof datasetAttacks;

/** Numbers that an attack takes beside seed and target, by attack; what a plan may set. */
export const datasetOptions: Readonly<Record<DatasetAttack, readonly string[]>> = {
  none: [],
  badnets: ['rate', 'size', 'opacity'],
  blended: ['rate', 'opacity'],
  sig: ['rate', 'amplitude', 'testAmplitude', 'frequency'],
  wanet: ['rate', 'coverRate', 'strength', 'grid'],
  tact: ['rate', 'coverRate', 'source', 'size'],
  'adap-blend': ['rate', 'coverRate', 'opacity', 'testOpacity'],
  'adap-patch': ['rate', 'coverRate'],
};

/**
 * @param options numbers by name, e.g. `{ rate: 0.05 }`
 * @throws RangeError naming an option the attack does not have, or as the attack
 */
export function plantDataset<P extends Pixels>(
  attack: DatasetAttack,
  data: LabelledImages<P>,
  options: { readonly seed: number; readonly target: number } & Readonly<Record<string, number>>,
): PlantedDataset<P> {
  const known = datasetOptions[attack];
  for (const name of Object.keys(options)) {
    if (name !== 'seed' && name !== 'target' && !known.includes(name)) {
      throw new RangeError(`the attack ${attack} has no option "${name}"; it has ${known.join(', ') || 'none'}`);
    }
  }
  return datasetAttacks[attack](data, options);
}
