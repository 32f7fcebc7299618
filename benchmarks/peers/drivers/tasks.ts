// The tasks of the peers that run TypeScript: the module that thence's worker and Piscina's threads load.

export function add(a: number, b: number): number {
  return a + b;
}

/** The numbers from 0 on, 8 bytes each. */
export function makeArray(size: number): Float64Array {
  const array = new Float64Array(size);
  for (let i = 0; i < size; i++) array[i] = i;
  return array;
}

export function sumArray(array: Float64Array): number {
  let sum = 0;
  // Several times as fast as `for … of`.
  for (let i = 0; i < array.length; i++) sum += array[i]!;
  return sum;
}
