// The newest transitions of all tasks, for `explain`: a bounded ring, which forgets the oldest. It is
// made of columns, so that writing a transition allocates nothing.

import type { TaskKey, TaskStateName } from "../state.ts";
import { codeOf, stateNames } from "./state-names.ts";

export type Transition = {
  at: number;
  from: TaskStateName;
  to: TaskStateName;
  why: string;
};

/** Transitions there is room for at first: most states in tests see no more. */
const firstRoom = 500;

export class History {
  private readonly size: number;
  /** Length of the columns now: they grow until it is the size. */
  private room: number;
  private readonly keys: TaskKey[];
  private readonly why: string[];
  private at: Float64Array;
  /** Both states of a transition in one byte. */
  private fromTo: Uint8Array;
  private next = 0;

  constructor(size = 20_000) {
    this.size = size;
    const room = (this.room = Math.min(size, firstRoom));
    this.keys = new Array<TaskKey>(room).fill("");
    this.why = new Array<string>(room).fill("");
    this.at = new Float64Array(room);
    this.fromTo = new Uint8Array(room);
  }

  /** `why` should be a constant or a name that exists anyway: nothing is formatted on this path. */
  add(key: TaskKey, at: number, from: TaskStateName, to: TaskStateName, why: string): void {
    const next = this.next;
    this.keys[next] = key;
    this.at[next] = at;
    this.fromTo[next] = codeOf(from) * stateNames.length + codeOf(to);
    this.why[next] = why;
    this.next = next + 1;
    if (this.next === this.room) this.#reachEnd();
  }

  #reachEnd(): void {
    const before = this.room;
    if (before === this.size) {
      this.next = 0;
      return;
    }
    const room = (this.room = Math.min(this.size, 4 * before));
    for (let index = before; index < room; index++) {
      this.keys.push("");
      this.why.push("");
    }
    const at = this.at;
    this.at = new Float64Array(room);
    this.at.set(at);
    const fromTo = this.fromTo;
    this.fromTo = new Uint8Array(room);
    this.fromTo.set(fromTo);
  }

  /** The remembered transitions of one task, oldest first. */
  of(key: TaskKey): Transition[] {
    const found: Transition[] = [];
    for (let step = 0; step < this.room; step++) {
      const index = (this.next + step) % this.room;
      if (this.keys[index] !== key) continue;
      const fromTo = this.fromTo[index]!;
      found.push({
        at: this.at[index]!,
        from: stateNames[Math.floor(fromTo / stateNames.length)]!,
        to: stateNames[fromTo % stateNames.length]!,
        why: this.why[index]!,
      });
    }
    return found;
  }
}
