// A double-ended queue over a ring that doubles when it is full: constant time at both ends.

export class Deque<Item> {
  private ring: (Item | undefined)[] = [];
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get first(): Item | undefined {
    return this.count === 0 ? undefined : this.ring[this.head];
  }

  pushBack(item: Item): void {
    if (this.count === this.ring.length) this.#grow();
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = item;
    this.count++;
  }

  pushFront(item: Item): void {
    if (this.count === this.ring.length) this.#grow();
    this.head = (this.head - 1) & (this.ring.length - 1);
    this.ring[this.head] = item;
    this.count++;
  }

  popFront(): Item | undefined {
    if (this.count === 0) return undefined;
    const item = this.ring[this.head];
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & (this.ring.length - 1);
    this.count--;
    return item;
  }

  clear(): void {
    this.ring = [];
    this.head = 0;
    this.count = 0;
  }

  /** Drops the items that do not pass, and frees their room. */
  keep(passes: (item: Item) => boolean): void {
    const kept = [...this].filter(passes);
    this.clear();
    for (const item of kept) this.pushBack(item);
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let index = 0; index < this.count; index++) {
      yield this.ring[(this.head + index) & (this.ring.length - 1)]!;
    }
  }

  #grow(): void {
    const size = Math.max(8, this.ring.length * 2);
    const ring = new Array<Item | undefined>(size);
    for (let index = 0; index < this.count; index++) {
      ring[index] = this.ring[(this.head + index) & (this.ring.length - 1)];
    }
    this.ring = ring;
    this.head = 0;
  }
}
