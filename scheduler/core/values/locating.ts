// Where values are: for clients that fetch them, and for people.

import { mostHolders } from "../effects.ts";
import { firstOf } from "../structures/small-set.ts";
import type { Client, State, Task, TaskKey } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";

/** Answers a client that wants to fetch a value; not at all while the value is being recomputed. */
export function locate({ state, effects }: StepContext, client: Client, key: string): void {
  const task = state.tasks.get(key);
  if (task === undefined) {
    const message = `the value of ${key} is not there: was the future released?`;
    effects.failed(client, key, { code: "lost-data", message, key });
    return;
  }
  const { order, attempt, state: current } = task;
  if (current.at !== "finished") return;
  if (current.holders === undefined) {
    effects.send(client, { type: "fetched", key, value: current.value });
    return;
  }
  const { bytes } = current;
  effects.send(client, { type: "located", key, order, attempt, bytes, from: addressesOf(task) });
}

/** Of the holders of a value that was broadcast, so many are looked at. */
const lookedAt = 64;

/** The addresses where a value can be fetched, those of workers with a link first. */
export function addressesOf({ state }: Task): string[] {
  if (state.at !== "finished" || state.holders === undefined) return [];
  const holders = firstOf(state.holders, lookedAt).filter(({ address }) => address !== undefined);
  holders.sort((a, b) => Number(a.awayUntil !== undefined) - Number(b.awayUntil !== undefined));
  return holders.slice(0, mostHolders).map(({ address }) => address!);
}

/** For each key the names of the holders. */
export function whoHas({ tasks }: State, keys: readonly TaskKey[]): string[][] {
  return keys.map((key) => {
    const task = tasks.get(key);
    return task ? holdersOf(task) : [];
  });
}

/** Names of the workers that hold the value; "scheduler" for one that is kept here. */
export function holdersOf({ state }: Task): string[] {
  if (state.at !== "finished") return [];
  return state.holders === undefined
    ? ["scheduler"]
    : Array.from(state.holders, ({ name }) => name);
}
