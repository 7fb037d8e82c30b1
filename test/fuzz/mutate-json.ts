/** Changes to a JSON tree that leave it JSON: values of other kinds, fields gone, doubled, renamed, swapped. */
import { mutateBytes, type Chance } from './mutate.ts';

type Place = { readonly holder: Record<string | number, unknown>; readonly key: string | number };

const VALUES: readonly unknown[] = [
  ...[0, 1, -1, 2, 0.5, 255, 256, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 2 ** 53 + 2, 2 ** 60, -0],
  ...[1e308, 5e-324, null, true, false, '', 'same', '../x', '\0', '__proto__', 'constructor', 'float32', 'linear'],
  ...[[], {}, [[]], [null], [0, 0], [1, 1, 1, 1], { class_name: 'Lambda', config: {} }],
];

/** Places looked at; larger trees are changed near their start only. */
const MAX_PLACES = 20_000;

function placesOf(root: unknown): Place[] {
  const places: Place[] = [];
  const open: unknown[] = [root];
  for (let value = open.pop(); value !== undefined && places.length < MAX_PLACES; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      places.push({ holder, key });
      if (typeof holder[key] === 'object' && holder[key] !== null) open.push(holder[key]);
    }
  }
  return places;
}

/** One to four changes of the tree; bytes that are no JSON, and one case of five, are changed as bytes. */
export function mutateJson(
  bytes: Uint8Array,
  random: Chance,
  words: readonly Uint8Array[] = [],
  other: Uint8Array = bytes,
): Uint8Array {
  if (random.int(5) === 0) return mutateBytes(bytes, random, words, other);
  let root: unknown;
  try {
    root = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return mutateBytes(bytes, random, words, other);
  }
  for (let count = 1 + random.int(4); count > 0; count -= 1) {
    const places = placesOf(root);
    if (places.length === 0) break;
    const { holder, key } = random.pick(places);
    const elsewhere = random.pick(places);
    switch (random.int(7)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else Reflect.deleteProperty(holder, key);
        break;
      case 1:
        // A copy: a tree that holds itself is no JSON.
        holder[key] = structuredClone(elsewhere.holder[elsewhere.key]);
        break;
      case 2:
        if (Array.isArray(holder)) {
          const piece: unknown = holder[Number(key)];
          for (let more = 1 + random.int(3); more > 0; more -= 1) holder.splice(Number(key), 0, structuredClone(piece));
        } else holder[`${key}${random.int(10)}`] = structuredClone(holder[key]);
        break;
      case 3: {
        const value = holder[key];
        if (typeof value === 'number') holder[key] = value + random.pick([-1, 1, 0.5, 1e6]);
        else if (typeof value === 'string')
          holder[key] = Buffer.from(mutateBytes(Buffer.from(value), random)).toString();
        break;
      }
      case 4: {
        let deep: unknown = holder[key];
        for (let more = random.pick([1, 3, 300]); more > 0; more -= 1)
          deep = random.int(2) === 0 ? [deep] : { a: deep };
        holder[key] = deep;
        break;
      }
      default:
        // A copy here too: a list that stood in two places would come to hold itself.
        holder[key] = structuredClone(random.pick(VALUES));
    }
  }
  return Buffer.from(JSON.stringify(root) ?? '');
}
