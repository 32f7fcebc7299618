// Several of a kind where there is nearly always one at most: that one itself, and a set only from
// the second on. A set for one costs ten times what the reference to it does, for every task.

export type SmallSet<Item extends object> = Item | Set<Item> | undefined;

export function withOne<Item extends object>(set: SmallSet<Item>, item: Item): SmallSet<Item> {
  if (set === undefined || set === item) return item;
  return set instanceof Set ? set.add(item) : new Set([set, item]);
}

export function without<Item extends object>(set: SmallSet<Item>, item: Item): SmallSet<Item> {
  if (set === item) return undefined;
  if (!(set instanceof Set) || !set.delete(item) || set.size > 1) return set;
  for (const last of set) return last;
  return undefined;
}

export function includes<Item extends object>(set: SmallSet<Item>, item: Item): boolean {
  return set instanceof Set ? set.has(item) : set === item;
}

/** A new list, in the order in which they came. */
export function listOf<Item extends object>(set: SmallSet<Item>): Item[] {
  if (set === undefined) return [];
  return set instanceof Set ? [...set] : [set];
}
