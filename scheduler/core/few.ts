// Several of a kind where there is nearly always one at most: that one itself, and a set only from
// the second on. A set for one costs ten times what the reference to it does, for every task.

export type Few<Item extends object> = Item | Set<Item> | undefined;

export function withOne<Item extends object>(few: Few<Item>, item: Item): Few<Item> {
  if (few === undefined || few === item) return item;
  return few instanceof Set ? few.add(item) : new Set([few, item]);
}

export function without<Item extends object>(few: Few<Item>, item: Item): Few<Item> {
  if (few === item) return undefined;
  if (!(few instanceof Set) || !few.delete(item) || few.size > 1) return few;
  for (const last of few) return last;
  return undefined;
}

export function includes<Item extends object>(few: Few<Item>, item: Item): boolean {
  return few instanceof Set ? few.has(item) : few === item;
}

/** A new list, in the order in which they came. */
export function listOf<Item extends object>(few: Few<Item>): Item[] {
  if (few === undefined) return [];
  return few instanceof Set ? [...few] : [few];
}
