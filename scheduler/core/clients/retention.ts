// What wants tasks beside clients: a published name, an item in a queue, the value of a variable. A
// *keep* is such a want on some tasks. An *offer* is a keep for the sake of a client that is being
// told the keys of those tasks: it lasts until the client says that it takes them. A want of its own
// at once would not do, for a release that the client sent before it heard of them would end it.

import { assert } from "../assert.ts";
import { includes, listOf, without, withOne } from "../structures/small-set.ts";
import type { Client, State, Task, TaskKey } from "../state.ts";
import { forgetIfUnneeded, tellOutcome } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { addWant } from "./wants.ts";

export type Retention = {
  /** What it is, for people: `queue "results"`, `published "model"`. */
  readonly what: string;
  /** Each once. */
  readonly tasks: readonly Task[];
};

/** The tasks of these keys, or the first key that names none. */
export function findTasks(state: State, keys: readonly TaskKey[]): Task[] | TaskKey {
  const found = new Set<Task>();
  for (const key of keys) {
    const task = state.tasks.get(key);
    if (task === undefined) return key;
    found.add(task);
  }
  return [...found];
}

/** Keeps tasks alive, whatever clients do, until `letGo`. */
export function keep({ state }: StepContext, what: string, tasks: readonly Task[]): Retention {
  const made = { what, tasks };
  const { kept } = state;
  for (const task of tasks) {
    kept.set(task, withOne(kept.get(task), made));
  }
  return made;
}

/** Ends a keep, once: tasks that nobody else needs are forgotten. */
export function letGo(step: StepContext, ended: Retention): void {
  const { kept } = step.state;
  for (const task of ended.tasks) {
    const keeps = kept.get(task);
    assert(includes(keeps, ended), () => `${task.key} is not kept any more by ${ended.what}`);
    const others = without(keeps, ended);
    if (others) {
      kept.set(task, others);
      continue;
    }
    kept.delete(task);
    forgetIfUnneeded(step, task);
  }
}

/**
 * Keeps tasks until a client that is told their keys takes them. The number goes with the keys to
 * the client, which answers with `take`; undefined when there is nothing to take.
 */
export function offer(
  step: StepContext,
  client: Client,
  tasks: readonly Task[],
): number | undefined {
  if (tasks.length === 0) return undefined;
  const { offers } = step.state;
  let open = offers.open.get(client);
  if (open === undefined) offers.open.set(client, (open = new Map<number, Retention>()));
  const id = offers.made++;
  open.set(id, keep(step, `what ${client.name} is being told`, tasks));
  return id;
}

/** The client took what it was offered: it wants the tasks now, and hears how they stand. */
export function take(step: StepContext, client: Client, id: number): void {
  const offered = step.state.offers.open.get(client)?.get(id);
  if (offered === undefined) return;
  hand(step, client, offered.tasks);
  decline(step, client, id);
}

/** To a client that holds futures of them now: it wants them, and hears how they stand. */
export function hand(step: StepContext, client: Client, tasks: readonly Task[]): void {
  for (const task of tasks) {
    addWant(task, client);
    tellOutcome(step, client, task);
  }
}

/** The client will not take what it was offered. */
export function decline(step: StepContext, client: Client, id: number): void {
  const { open } = step.state.offers;
  const ofClient = open.get(client);
  const offered = ofClient?.get(id);
  if (ofClient === undefined || offered === undefined) return;
  ofClient.delete(id);
  if (ofClient.size === 0) open.delete(client);
  letGo(step, offered);
}

/** The client is gone. */
export function declineAll(step: StepContext, client: Client): void {
  for (const id of [...(step.state.offers.open.get(client)?.keys() ?? [])]) {
    decline(step, client, id);
  }
}

/** What keeps a task, beside clients. */
export function retentionsOf({ kept }: State, task: Task): readonly Retention[] {
  return listOf(kept.get(task));
}
