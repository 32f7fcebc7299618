// Blocks of numbers that are too large for the scheduler to keep: they stay on their workers.

/** A megabyte of numbers from `first` on. */
export function block(first: number): Float64Array {
  return Float64Array.from({ length: 131_072 }, (_, index) => first + index);
}

/** Adds two blocks, number by number. */
export function plus(one: Float64Array, other: Float64Array): Float64Array {
  return one.map((value, index) => value + other[index]!);
}

export function total(block: Float64Array): number {
  return block.reduce((sum, value) => sum + value, 0);
}
