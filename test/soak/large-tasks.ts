// A value that is larger than 2 GiB and easy to check: a mark in every mebibyte and in its last place.

const mebibyte = 2 ** 20 / Float64Array.BYTES_PER_ELEMENT;

export function make(length: number): Float64Array {
  const values = new Float64Array(length).fill(-1);
  for (let index = 0; index < length; index += mebibyte) values[index] = index;
  values[length - 1] = length - 1;
  return values;
}

/** How many numbers it has, once each was looked at. */
export function check(values: Float64Array): number {
  const last = values.length - 1;
  for (let index = 0; index <= last; index += 1) {
    const expected = index % mebibyte === 0 || index === last ? index : -1;
    if (values[index] !== expected) {
      throw new Error(`place ${index} of ${values.length} has ${values[index]}`);
    }
  }
  return values.length;
}
