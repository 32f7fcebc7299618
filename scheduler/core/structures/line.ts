// A line: what waits, first come, first served; or what belongs together. A member may leave from anywhere, and
// one that was taken out too early returns to its place.

export type Member<Self> = {
  /** Smaller numbers come first. */
  readonly order: number;
  ahead: Self | undefined;
  behind: Self | undefined;
};

/** A doubly linked list whose links are in the members, so that each is in one line at most. */
export class Line<Self extends Member<Self>> {
  private head: Self | undefined;
  private tail: Self | undefined;
  private count = 0;

  get size(): number {
    return this.count;
  }

  get first(): Self | undefined {
    return this.head;
  }

  /** Adds a member at the end; its number is the highest. */
  join(member: Self): void {
    this.#insert(member, this.tail, undefined);
  }

  /** Returns a member to its place, which is near the front. */
  rejoin(member: Self): void {
    let behind = this.head;
    while (behind !== undefined && behind.order < member.order) behind = behind.behind;
    this.#insert(member, behind === undefined ? this.tail : behind.ahead, behind);
  }

  leave(member: Self): void {
    const { ahead, behind } = member;
    if (ahead) ahead.behind = behind;
    else this.head = behind;
    if (behind) behind.ahead = ahead;
    else this.tail = ahead;
    member.ahead = undefined;
    member.behind = undefined;
    this.count--;
  }

  /** Takes out the first member. */
  shift(): Self | undefined {
    const first = this.head;
    if (first !== undefined) this.leave(first);
    return first;
  }

  *[Symbol.iterator](): Iterator<Self> {
    for (let each = this.head; each !== undefined; each = each.behind) yield each;
  }

  #insert(member: Self, ahead: Self | undefined, behind: Self | undefined): void {
    member.ahead = ahead;
    member.behind = behind;
    if (ahead) ahead.behind = member;
    else this.head = member;
    if (behind) behind.ahead = member;
    else this.tail = member;
    this.count++;
  }
}
