// A set that nearly always has one item or none: the item itself, and a Set from the second item on. A
// Set for a single item takes ten times the memory of a reference to it.

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

/** A new array, in the order of addition. */
export function listOf<Item extends object>(set: SmallSet<Item>): Item[] {
  if (set === undefined) return [];
  return set instanceof Set ? [...set] : [set];
}

/** The first items of a set, so many at most: without a look at the others. */
export function firstOf<Item>(set: Iterable<Item>, most: number): Item[] {
  const first: Item[] = [];
  for (const item of set) {
    if (first.length === most) break;
    first.push(item);
  }
  return first;
}
