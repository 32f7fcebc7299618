// Blocks of numbers that are too large to travel for nothing: they stay with the workers that made them.

/** A megabyte of numbers from `first` on. */
export function block(first: number): Float64Array {
  return Float64Array.from({ length: 131_072 }, (_, index) => first + index);
}

/** Of two blocks, where they stand above each other. */
export function plus(one: Float64Array, other: Float64Array): Float64Array {
  return one.map((value, index) => value + other[index]!);
}

export function total(block: Float64Array): number {
  return block.reduce((sum, value) => sum + value, 0);
}
