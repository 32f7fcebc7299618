// Checks of values of unknown type, for messages from threads.

export function isArrayOf<Item>(
  value: unknown,
  is: (item: unknown) => item is Item,
): value is Item[] {
  if (!Array.isArray(value)) return false;
  // On the main thread, once for every result: a plain loop is quicker than `every`.
  for (const item of value as unknown[]) if (!is(item)) return false;
  return true;
}

export const isNumber = (value: unknown): value is number => typeof value === "number";
export const isString = (value: unknown): value is string => typeof value === "string";
