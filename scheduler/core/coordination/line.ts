// A line of waiting requests, or of items, in the order of their numbers: first come, first served. A
// member may leave from anywhere, and one that was taken out too early returns to its place.

export type Member<Self> = {
  /** Smaller numbers come first. */
  readonly order: number;
  ahead: Self | undefined;
  behind: Self | undefined;
};

/** A doubly linked list whose links are in the members, so that each is in one line at most. */
export class Line<Self extends Member<Self>> {
  #first: Self | undefined;
  #last: Self | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Self | undefined {
    return this.#first;
  }

  /** Adds a member at the end; its number is the highest. */
  join(member: Self): void {
    this.#insert(member, this.#last, undefined);
  }

  /** Returns a member to its place, which is near the front. */
  rejoin(member: Self): void {
    let behind = this.#first;
    while (behind !== undefined && behind.order < member.order) behind = behind.behind;
    this.#insert(member, behind === undefined ? this.#last : behind.ahead, behind);
  }

  leave(member: Self): void {
    const { ahead, behind } = member;
    if (ahead) ahead.behind = behind;
    else this.#first = behind;
    if (behind) behind.ahead = ahead;
    else this.#last = ahead;
    member.ahead = undefined;
    member.behind = undefined;
    this.#size--;
  }

  /** Takes out the first member. */
  shift(): Self | undefined {
    const first = this.#first;
    if (first !== undefined) this.leave(first);
    return first;
  }

  *[Symbol.iterator](): Iterator<Self> {
    for (let each = this.#first; each !== undefined; each = each.behind) yield each;
  }

  #insert(member: Self, ahead: Self | undefined, behind: Self | undefined): void {
    member.ahead = ahead;
    member.behind = behind;
    if (ahead) ahead.behind = member;
    else this.#first = member;
    if (behind) behind.ahead = member;
    else this.#last = member;
    this.#size++;
  }
}
