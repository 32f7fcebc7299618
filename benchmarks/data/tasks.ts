// What the data benchmark has its workers do.

export function make(length: number): Float64Array {
  return new Float64Array(length).fill(1.5);
}

/** Looks at an array without reading all of it, for that would be the time of the reading. */
export function touch(values: Float64Array): number {
  if (values.at(-1) !== 1.5) throw new Error("other bytes came");
  return values.length;
}
