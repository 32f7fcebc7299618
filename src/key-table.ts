// A table of items by key, made for the keys that clients mint: a prefix and a rising number in base
// 36, `add-k3F9xQ-1z`. Such a key is found by its number in an array, in a third of the time that a
// Map of a hundred thousand strings takes. All other keys are in a Map. This file imports nothing, so
// that the scheduler's core may use it.

type Block<Item> = { readonly items: (Item | undefined)[]; held: number };
type Group<Item> = {
  readonly prefix: string;
  readonly blocks: Map<number, Block<Item>>;
  /** The highest block number so far. */
  newest: number;
  held: number;
};

/** Keys per block. A block is deleted when its last item is deleted. */
const blockLength = 1_024;
/** The widest gap between numbers inside a block; a key behind a wider gap goes to the Map. */
const widestGap = 16;
/** The most prefixes. With more of them the keys are not of the expected form, and go to the Map. */
const mostGroups = 4_096;
/** The most prefixes without items that are kept, because their numbers may continue. */
const mostEmptyGroups = 64;

export class KeyTable<Item extends { readonly key: string }> {
  private readonly groups = new Map<string, Group<Item>>();
  private readonly empty = new Set<Group<Item>>();
  private readonly others = new Map<string, Item>();
  /** The group of the last key; the next key nearly always has the same prefix. No part of a snapshot. */
  #group: Group<Item> | undefined;
  /** The block of the last key in it, and its number: the next key is mostly there, too. */
  #block: Block<Item> | undefined;
  #place = -1;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(key: string): Item | undefined {
    const number = this.#find(key);
    if (number >= 0) return this.#itemAt(number);
    return this.others.size === 0 ? undefined : this.others.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds an item whose key is not in the table yet. */
  add(item: Item): void {
    this.count++;
    const { key } = item;
    const number = this.#locate(key);
    const block = number < 0 ? undefined : this.#roomFor(key, number);
    if (block === undefined) {
      this.others.set(key, item);
      return;
    }
    const { items } = block;
    const index = number % blockLength;
    while (items.length < index) items.push(undefined);
    items[index] = item;
    block.held++;
    if (this.#group!.held++ === 0) this.empty.delete(this.#group!);
  }

  delete(key: string): boolean {
    const number = this.#find(key);
    if (number < 0) {
      const wasThere = this.others.delete(key);
      if (wasThere) this.count--;
      return wasThere;
    }
    this.count--;
    const group = this.#group!;
    const block = this.#blockOf(number)!;
    block.items[number % blockLength] = undefined;
    const place = placeOf(number);
    // The newest stays until it is full: the next number goes there.
    if (--block.held === 0 && (block.items.length === blockLength || place < group.newest)) {
      group.blocks.delete(place);
      this.#block = undefined;
    }
    if (--group.held === 0) this.#emptied(group);
    return true;
  }

  /** Items may be deleted while this goes on. */
  *values(): Generator<Item> {
    for (const group of this.groups.values()) {
      for (const block of group.blocks.values()) {
        for (const item of block.items) if (item !== undefined) yield item;
      }
    }
    yield* this.others.values();
  }

  /** Several times as fast as `values`, for those who look at everything. */
  forEach(visit: (item: Item) => void): void {
    for (const group of this.groups.values()) {
      for (const { items } of group.blocks.values()) {
        for (let index = 0; index < items.length; index++) {
          const item = items[index];
          if (item !== undefined) visit(item);
        }
      }
    }
    for (const item of this.others.values()) visit(item);
  }

  *keys(): Generator<string> {
    for (const item of this.values()) yield item.key;
  }

  clear(): void {
    this.groups.clear();
    this.empty.clear();
    this.others.clear();
    this.#turnTo(undefined);
    this.count = 0;
  }

  /** The number of a key whose item is in the groups, with `#group` set to its group; -1 for all others. */
  #find(key: string): number {
    const last = this.#group;
    if (last !== undefined) {
      // Mostly it is in the group of the last key, and an item with the same key is proof of that.
      const number = numberAt(key, last.prefix.length);
      if (number >= 0) {
        if (this.#itemAt(number)?.key === key) return number;
        if (key.startsWith(last.prefix)) return -1;
      }
    }
    const number = this.#locate(key);
    return this.#itemAt(number)?.key === key ? number : -1;
  }

  /** The block of this number in `#group`. */
  #blockOf(number: number): Block<Item> | undefined {
    const place = placeOf(number);
    if (place !== this.#place || this.#block === undefined) {
      this.#place = place;
      this.#block = this.#group?.blocks.get(place);
    }
    return this.#block;
  }

  #itemAt(number: number): Item | undefined {
    return number < 0 ? undefined : this.#blockOf(number)?.items[number % blockLength];
  }

  #turnTo(group: Group<Item> | undefined): void {
    this.#group = group;
    this.#block = undefined;
  }

  /**
   * Sets `#group` to the group of this key, if there is one, and returns the key's number; -1 for a
   * key of another form.
   */
  #locate(key: string): number {
    const last = this.#group;
    if (last !== undefined && key.startsWith(last.prefix)) {
      const number = numberAt(key, last.prefix.length);
      if (number >= 0) return number;
    }
    const start = key.lastIndexOf("-") + 1;
    const number = start === 0 ? -1 : numberAt(key, start);
    if (number >= 0) this.#turnTo(this.groups.get(key.slice(0, start)));
    return number;
  }

  /** The block for a new number; undefined when the key has to go to the Map. */
  #roomFor(key: string, number: number): Block<Item> | undefined {
    const index = number % blockLength;
    const place = placeOf(number);
    let group = this.#group;
    const block = this.#blockOf(number);
    if (block) {
      const isFree = block.items[index] === undefined;
      return isFree && index - block.items.length <= widestGap ? block : undefined;
    }
    if (index > widestGap) return undefined;
    if (group === undefined) {
      if (this.groups.size >= mostGroups) return undefined;
      const prefix = key.slice(0, key.lastIndexOf("-") + 1);
      group = { prefix, blocks: new Map(), newest: place, held: 0 };
      this.groups.set(prefix, group);
      this.#turnTo(group);
    }
    const made: Block<Item> = { items: [], held: 0 };
    if (place > group.newest) {
      if (group.blocks.get(group.newest)?.held === 0) group.blocks.delete(group.newest);
      group.newest = place;
    }
    group.blocks.set(place, made);
    this.#block = undefined;
    return made;
  }

  #emptied(group: Group<Item>): void {
    this.empty.add(group);
    if (this.empty.size <= mostEmptyGroups) return;
    for (const oldest of this.empty) {
      this.empty.delete(oldest);
      this.groups.delete(oldest.prefix);
      if (this.#group === oldest) this.#turnTo(undefined);
      return;
    }
  }
}

/** The number of the block of a number. */
function placeOf(number: number): number {
  return Math.floor(number / blockLength);
}

/** The rest of the key as a number in base 36; -1 when it is not written in the usual form. */
function numberAt(key: string, start: number): number {
  const { length } = key;
  if (length <= start || length - start > 8) return -1;
  let number = 0;
  for (let at = start; at < length; at++) {
    const code = key.charCodeAt(at);
    const digit = code < 58 ? code - 48 : code - 87;
    if (digit < 0 || digit > 35 || (code >= 58 && digit < 10)) return -1;
    // `a-01` and `a-1` are different keys.
    if (digit === 0 && at === start && length - start > 1) return -1;
    number = number * 36 + digit;
  }
  return number;
}
