// Retentions: what needs tasks besides futures of clients and dependents. A published name, an item in
// a queue and the value of a variable each retain the tasks that their futures name.
//
// An offer is a retention for a client that is being told the keys of tasks. It lasts until the client
// accepts it, which makes its futures count. They cannot count at once: a release of an older future,
// sent by the client before it heard of the new one, would end them.

import { assert } from "../assert.ts";
import { allot } from "../memory/allotments.ts";
import { enterHeap } from "../memory/ledger.ts";
import { retentionBytes } from "../memory/sizes.ts";
import { includes, listOf, without, withOne } from "../structures/small-set.ts";
import type { Client, State, Task, TaskKey } from "../state.ts";
import { forgetIfUnneeded, tellOutcome } from "../tasks/lifecycle.ts";
import type { StepContext } from "../tasks/transition.ts";
import { addWant } from "./wants.ts";

export type Retention = {
  /** Shown by `explain`: `queue "results"`, `published "model"`. */
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

/** Keeps tasks, whatever clients do, until `endRetention`. */
export function retain({ state }: StepContext, what: string, tasks: readonly Task[]): Retention {
  const retention = { what, tasks };
  const { retentions } = state;
  enterHeap(state, retentionBytes(retention));
  for (const task of tasks) {
    retentions.set(task, withOne(retentions.get(task), retention));
  }
  return retention;
}

/** Ends a retention, once. Tasks that nothing else needs are forgotten. */
export function endRetention(step: StepContext, ended: Retention): void {
  const { retentions } = step.state;
  enterHeap(step.state, retentionBytes(ended), -1);
  for (const task of ended.tasks) {
    const all = retentions.get(task);
    assert(includes(all, ended), () => `${task.key} is not retained any more by ${ended.what}`);
    const others = without(all, ended);
    if (others) {
      retentions.set(task, others);
      continue;
    }
    retentions.delete(task);
    forgetIfUnneeded(step, task);
  }
}

/** The retentions of a task, for `explain`. */
export function retentionsOf({ retentions }: State, task: Task): readonly Retention[] {
  return listOf(retentions.get(task));
}

// ── Offers ───────────────────────────────────────────────────────────────────────────────────────

/**
 * Retains tasks until a client that is told their keys accepts them. The returned number goes to the
 * client with the keys, and comes back in its `take`; undefined when there are no tasks.
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
  const offered = retain(step, `what ${client.name} is being told`, tasks);
  open.set(id, offered);
  allot(step.state, "waits", retentionBytes(offered));
  return id;
}

export function acceptOffer(step: StepContext, client: Client, id: number): void {
  const offered = step.state.offers.open.get(client)?.get(id);
  if (offered === undefined) return;
  subscribe(step, client, offered.tasks);
  declineOffer(step, client, id);
}

/** The client has futures of these tasks now: it wants them, and is told how each stands. */
export function subscribe(step: StepContext, client: Client, tasks: readonly Task[]): void {
  for (const task of tasks) {
    addWant(step, task, client);
    tellOutcome(step, client, task);
  }
}

export function declineOffer(step: StepContext, client: Client, id: number): void {
  const { open } = step.state.offers;
  const ofClient = open.get(client);
  const offered = ofClient?.get(id);
  if (ofClient === undefined || offered === undefined) return;
  ofClient.delete(id);
  if (ofClient.size === 0) open.delete(client);
  allot(step.state, "waits", retentionBytes(offered), -1);
  endRetention(step, offered);
}

/** The client is gone. */
export function declineOffers(step: StepContext, client: Client): void {
  for (const id of [...(step.state.offers.open.get(client)?.keys() ?? [])]) {
    declineOffer(step, client, id);
  }
}
