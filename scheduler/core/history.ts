// The newest transitions of all tasks, in a ring of columns: writing one allocates nothing, and
// `explain` can tell how a task came to be where it is. Bounded, so that it forgets old stories.

import type { TaskKey, TaskStateName } from "./state.ts";
import { codeOf, stateNames } from "./state-names.ts";

export type Transition = {
  at: number;
  from: TaskStateName;
  to: TaskStateName;
  why: string;
};

export class History {
  readonly #size: number;
  readonly #keys: TaskKey[];
  readonly #why: string[];
  readonly #at: Float64Array;
  /** Both states of a transition in one byte. */
  readonly #fromTo: Uint8Array;
  #next = 0;

  constructor(size = 20_000) {
    this.#size = size;
    this.#keys = new Array<TaskKey>(size).fill("");
    this.#why = new Array<string>(size).fill("");
    this.#at = new Float64Array(size);
    this.#fromTo = new Uint8Array(size);
  }

  /** `why` should be a constant or a name that exists anyway: nothing is formatted on this path. */
  add(key: TaskKey, at: number, from: TaskStateName, to: TaskStateName, why: string): void {
    const next = this.#next;
    this.#keys[next] = key;
    this.#at[next] = at;
    this.#fromTo[next] = codeOf(from) * stateNames.length + codeOf(to);
    this.#why[next] = why;
    this.#next = next + 1 === this.#size ? 0 : next + 1;
  }

  /** The remembered transitions of one task, oldest first. */
  of(key: TaskKey): Transition[] {
    const found: Transition[] = [];
    for (let step = 0; step < this.#size; step++) {
      const index = (this.#next + step) % this.#size;
      if (this.#keys[index] !== key) continue;
      const fromTo = this.#fromTo[index]!;
      found.push({
        at: this.#at[index]!,
        from: stateNames[Math.floor(fromTo / stateNames.length)]!,
        to: stateNames[fromTo % stateNames.length]!,
        why: this.#why[index]!,
      });
    }
    return found;
  }
}
