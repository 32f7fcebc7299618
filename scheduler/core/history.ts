// The newest transitions of all tasks, in a ring of columns: writing one allocates nothing, and
// `explain` can tell how a task came to be where it is. Bounded, so that it forgets old stories.

import type { TaskKey, TaskStateName } from "./state.ts";

export type Transition = {
  at: number;
  from: TaskStateName | undefined;
  to: TaskStateName;
  why: string;
};

export class History {
  readonly #size: number;
  readonly #keys: TaskKey[] = [];
  readonly #at: number[] = [];
  readonly #from: (TaskStateName | undefined)[] = [];
  readonly #to: TaskStateName[] = [];
  readonly #why: string[] = [];
  #next = 0;

  constructor(size = 20_000) {
    this.#size = size;
  }

  /** `why` should be a constant or a name that exists anyway: nothing is formatted on this path. */
  add(key: TaskKey, at: number, from: TaskStateName | undefined, to: TaskStateName, why: string) {
    const next = this.#next;
    this.#keys[next] = key;
    this.#at[next] = at;
    this.#from[next] = from;
    this.#to[next] = to;
    this.#why[next] = why;
    this.#next = next + 1 === this.#size ? 0 : next + 1;
  }

  /** The remembered transitions of one task, oldest first. */
  of(key: TaskKey): Transition[] {
    const found: Transition[] = [];
    const length = this.#keys.length;
    const oldest = length < this.#size ? 0 : this.#next;
    for (let step = 0; step < length; step++) {
      const index = (oldest + step) % length;
      if (this.#keys[index] !== key) continue;
      found.push({
        at: this.#at[index]!,
        from: this.#from[index],
        to: this.#to[index]!,
        why: this.#why[index]!,
      });
    }
    return found;
  }
}
