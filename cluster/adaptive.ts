// How many workers the tasks need, and when there are too many. Pure: the demand, the capacity of a worker
// and the time are arguments.

import type { Demand } from "../src/wire/facts.ts";

/** What one worker offers. `resources` are undefined until the first worker has joined. */
export type Capacity = {
  readonly slots: number;
  readonly resources: Readonly<Record<string, number>> | undefined;
};

/** Fewest workers that could do all that is wanted at once; tasks that fit into no worker do not count. */
export function workersNeeded(demand: readonly Demand[], { slots, resources }: Capacity): number {
  let wantedSlots = 0;
  /** For each resource, how many workers would be needed for it alone. */
  const workersFor = new Map<string, number>();
  let isUnknown = false;
  for (const group of demand) {
    const asked = Object.entries(group.resources ?? {});
    if (asked.length > 0 && resources === undefined) {
      isUnknown = true;
      continue;
    }
    const atOnce = asked.map(([name, amount]) => ({
      name,
      tasks: amount > 0 ? Math.floor((resources?.[name] ?? 0) / amount) : slots,
    }));
    if (atOnce.some(({ tasks }) => tasks < 1)) continue;
    wantedSlots += group.slots;
    for (const { name, tasks } of atOnce) {
      workersFor.set(name, (workersFor.get(name) ?? 0) + group.slots / tasks);
    }
  }
  const most = Math.max(wantedSlots / slots, ...workersFor.values());
  // A rounding error must not ask for one worker more.
  const needed = Math.max(0, Math.ceil(most - 1e-9));
  return isUnknown ? Math.max(1, needed) : needed;
}

/** Says when there have been too many workers for long enough, so that the number does not go to and fro. */
export class Surplus {
  #since: number | undefined;
  /** The most workers that were needed since then. */
  #peak = 0;

  /**
   * How many workers are too many now: as many as have not been needed for `idleMs` at any moment.
   *
   * @param now milliseconds, of any clock that does not go back
   */
  observe(
    present: number,
    needed: number,
    { now, idleMs }: { now: number; idleMs: number },
  ): number {
    if (needed >= present) {
      this.#since = undefined;
      return 0;
    }
    if (this.#since === undefined) {
      this.#since = now;
      this.#peak = needed;
    }
    this.#peak = Math.max(this.#peak, needed);
    return now - this.#since >= idleMs ? present - this.#peak : 0;
  }

  /** The peak of a long time ago counts no more: begins a new period. */
  restart(): void {
    this.#since = undefined;
  }
}
