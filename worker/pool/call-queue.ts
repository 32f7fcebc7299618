// Calls that wait for a thread: higher priority first, then deeper sub-tasks, then in the order of arrival.
// A call that comes back from a thread without having run takes its old place again.

/** The facts about an entry that the queue needs. */
export type Queueable = {
  readonly order: number;
  readonly terms: { readonly priority: number; readonly depth: number };
  /** Whether it is in the queue; the queue sets it. */
  queued: boolean;
};

/** The calls of one priority and depth. A removed entry stays as a hole until its turn comes. */
type Level<Item> = {
  readonly priority: number;
  readonly depth: number;
  entries: (Item | undefined)[];
  /** The place of the next entry: all before it have been taken. */
  head: number;
  size: number;
};

export class CallQueue<Item extends Queueable> {
  /** Highest priority first, deepest first; none is empty. Usually there are few. */
  readonly #levels: Level<Item>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The entry to run next. */
  get first(): Item | undefined {
    const level = this.#levels[0];
    if (level === undefined) return undefined;
    while (!isQueued(level.entries[level.head])) level.entries[level.head++] = undefined;
    return level.entries[level.head];
  }

  /** Adds an entry that has just arrived: no other has a higher `order`. */
  push(item: Item): void {
    const level = this.#levelFor(item);
    level.entries.push(item);
    this.#count(level, item);
  }

  /** Puts an entry back in its place by `order`. */
  restore(item: Item): void {
    const level = this.#levelFor(item);
    compact(level);
    level.entries.splice(placeOf(level.entries as Item[], item), 0, item);
    this.#count(level, item);
  }

  shift(): Item | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** False when the entry is not in the queue. */
  remove(item: Item): boolean {
    if (!item.queued) return false;
    item.queued = false;
    this.#size -= 1;
    const place = this.#placeOf(item.terms);
    const level = this.#levels[place]!;
    level.size -= 1;
    if (level.size === 0) this.#levels.splice(place, 1);
    else if (level.entries.length > 2 * level.size + 64) compact(level);
    return true;
  }

  /** Empties the queue; returns its entries, first to last. */
  clear(): Item[] {
    const items = this.#levels.flatMap(({ entries }) => entries.filter(isQueued));
    for (const item of items) item.queued = false;
    this.#levels.length = 0;
    this.#size = 0;
    return items;
  }

  #count(level: Level<Item>, item: Item): void {
    item.queued = true;
    level.size += 1;
    this.#size += 1;
  }

  #levelFor({ terms }: Item): Level<Item> {
    const { priority, depth } = terms;
    const place = this.#placeOf(terms);
    let level = this.#levels[place];
    if (level?.priority !== priority || level.depth !== depth) {
      level = { priority, depth, entries: [], head: 0, size: 0 };
      this.#levels.splice(place, 0, level);
    }
    return level;
  }

  /** Where the level of this priority and depth is, or belongs. */
  #placeOf({ priority, depth }: Item["terms"]): number {
    return lowest(this.#levels.length, (place) => {
      const level = this.#levels[place]!;
      return level.priority === priority ? level.depth <= depth : level.priority < priority;
    });
  }
}

function isQueued<Item extends Queueable>(item: Item | undefined): item is Item {
  return item?.queued === true;
}

function compact<Item extends Queueable>(level: Level<Item>): void {
  if (level.entries.length === level.size) return;
  level.entries = level.entries.filter(isQueued);
  level.head = 0;
}

function placeOf<Item extends Queueable>(entries: readonly Item[], item: Item): number {
  return lowest(entries.length, (place) => entries[place]!.order > item.order);
}

/** The lowest of `count` places where `holds` is true, given that it is true at all places after that. */
function lowest(count: number, holds: (place: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
