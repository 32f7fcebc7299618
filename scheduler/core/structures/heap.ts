// A binary heap whose items know their index in it, so that any of them can be removed, or moved when
// its order changed, in logarithmic time.

/** Index of an item in the one heap that it may be in; -1 while it is in none. */
export type Heaped = { heapAt: number };

export class Heap<Item extends Heaped> {
  private readonly items: Item[] = [];
  private readonly isBefore: (a: Item, b: Item) => boolean;

  constructor(isBefore: (a: Item, b: Item) => boolean) {
    this.isBefore = isBefore;
  }

  get size(): number {
    return this.items.length;
  }

  get first(): Item | undefined {
    return this.items[0];
  }

  add(item: Item): void {
    item.heapAt = this.items.push(item) - 1;
    if (item.heapAt > 0) this.#rise(item);
  }

  remove(item: Item): void {
    const last = this.items.pop()!;
    if (last !== item) {
      last.heapAt = item.heapAt;
      this.items[last.heapAt] = last;
      this.moved(last);
    }
    item.heapAt = -1;
  }

  /** Restores the order after what `isBefore` reads of this item has changed, and of no other. */
  moved(item: Item): void {
    if (this.items.length === 1) return;
    this.#rise(item);
    this.#sink(item);
  }

  /** Drops the items that do not pass. */
  keep(passes: (item: Item) => boolean): void {
    const kept = this.items.filter(passes);
    for (const item of this.items) item.heapAt = -1;
    this.items.length = 0;
    for (const item of kept) this.add(item);
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.items[Symbol.iterator]();
  }

  #rise(item: Item): void {
    const items = this.items;
    let at = item.heapAt;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = items[parentAt]!;
      if (!this.isBefore(item, parent)) break;
      items[at] = parent;
      parent.heapAt = at;
      at = parentAt;
    }
    items[at] = item;
    item.heapAt = at;
  }

  #sink(item: Item): void {
    const items = this.items;
    let at = item.heapAt;
    for (;;) {
      let childAt = 2 * at + 1;
      if (childAt >= items.length) break;
      const right = items[childAt + 1];
      if (right !== undefined && this.isBefore(right, items[childAt]!)) childAt++;
      const child = items[childAt]!;
      if (!this.isBefore(child, item)) break;
      items[at] = child;
      child.heapAt = at;
      at = childAt;
    }
    items[at] = item;
    item.heapAt = at;
  }
}
