/** At most `most` entries of a list, evenly spread over it and in its order. */
export function spread(list: Int32Array, most: number): Int32Array {
  const wanted = Math.min(list.length, most);
  return Int32Array.from({ length: wanted }, (_, i) => list[Math.floor((i * list.length) / wanted)]);
}
