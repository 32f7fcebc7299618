// Calls that wait for a thread: higher priority first, then the deeper, then in the order of arrival. A call that
// was handed to a thread and came back unrun takes its old place again.

/** What the queue must know of an entry. */
export type Queueable = {
  readonly order: number;
  readonly terms: { readonly priority: number; readonly depth: number };
  /** Whether it is in the queue; the queue sets it. */
  queued: boolean;
};

/** The calls of one priority and depth. An entry that was removed stays as a hole until its turn comes. */
type Lane<Item> = {
  readonly priority: number;
  readonly depth: number;
  entries: (Item | undefined)[];
  /** Everything before this has been taken. */
  head: number;
  size: number;
};

export class CallQueue<Item extends Queueable> {
  /** Highest priority first, deepest first; none is empty. There are few as a rule. */
  readonly #lanes: Lane<Item>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one to run next. */
  get first(): Item | undefined {
    const lane = this.#lanes[0];
    if (lane === undefined) return undefined;
    while (!isQueued(lane.entries[lane.head])) lane.entries[lane.head++] = undefined;
    return lane.entries[lane.head];
  }

  /** Adds one that has just arrived: no other has a higher `order`. */
  push(item: Item): void {
    const lane = this.#laneFor(item);
    lane.entries.push(item);
    this.#count(lane, item);
  }

  /** Puts one back where its `order` says. */
  restore(item: Item): void {
    const lane = this.#laneFor(item);
    compact(lane);
    lane.entries.splice(placeOf(lane.entries as Item[], item), 0, item);
    this.#count(lane, item);
  }

  shift(): Item | undefined {
    const { first } = this;
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** False when it is not here. */
  remove(item: Item): boolean {
    if (!item.queued) return false;
    item.queued = false;
    this.#size -= 1;
    const place = this.#placeOf(item.terms);
    const lane = this.#lanes[place]!;
    lane.size -= 1;
    if (lane.size === 0) this.#lanes.splice(place, 1);
    else if (lane.entries.length > 2 * lane.size + 64) compact(lane);
    return true;
  }

  /** Empties the queue, and returns what was in it, first to last. */
  clear(): Item[] {
    const items = this.#lanes.flatMap(({ entries }) => entries.filter(isQueued));
    for (const item of items) item.queued = false;
    this.#lanes.length = 0;
    this.#size = 0;
    return items;
  }

  #count(lane: Lane<Item>, item: Item): void {
    item.queued = true;
    lane.size += 1;
    this.#size += 1;
  }

  #laneFor({ terms }: Item): Lane<Item> {
    const { priority, depth } = terms;
    const place = this.#placeOf(terms);
    let lane = this.#lanes[place];
    if (lane?.priority !== priority || lane.depth !== depth) {
      lane = { priority, depth, entries: [], head: 0, size: 0 };
      this.#lanes.splice(place, 0, lane);
    }
    return lane;
  }

  /** Where the lane of this priority and depth is, or belongs. */
  #placeOf({ priority, depth }: Item["terms"]): number {
    return lowest(this.#lanes.length, (place) => {
      const lane = this.#lanes[place]!;
      return lane.priority === priority ? lane.depth <= depth : lane.priority < priority;
    });
  }
}

function isQueued<Item extends Queueable>(item: Item | undefined): item is Item {
  return item?.queued === true;
}

function compact<Item extends Queueable>(lane: Lane<Item>): void {
  if (lane.entries.length === lane.size) return;
  lane.entries = lane.entries.filter(isQueued);
  lane.head = 0;
}

function placeOf<Item extends Queueable>(entries: readonly Item[], item: Item): number {
  return lowest(entries.length, (place) => entries[place]!.order > item.order);
}

/** The lowest of `count` places where `holds`, given that it holds at all places after that. */
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
