// The module whose functions the benchmarks call, the same one for the floor and for thence.

/** As close to nothing as a call with arguments and a result can be. */
export function add(a: number, b: number): number {
  return a + b;
}

/** The least call with one argument, for maps over lines. */
export function identity(value: unknown): unknown {
  return value;
}
