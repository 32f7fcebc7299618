// A rate counts only when every result is right.

/** Throws unless `values[i]` is i + 1 throughout. */
export function checkSums(values: readonly unknown[]): void {
  const wrong = values.findIndex((value, i) => value !== i + 1);
  if (wrong !== -1) throw new Error(`add(${wrong}, 1) gave ${String(values[wrong])}`);
}
