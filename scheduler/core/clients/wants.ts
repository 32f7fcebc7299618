// Wants: a client wants a task while it holds a future of it. Its own tasks are found by their specs, and those
// of others are kept in a set, so that the end of a client costs no more than what it wanted.

import { includes, without, withOne } from "../structures/small-set.ts";
import type { Client, Task } from "../state.ts";

export function addWant(task: Task, client: Client): void {
  client.within?.wants.add(task);
  if (task.spec.client !== client) client.wantsOfOthers.add(task);
  task.wantedBy = withOne(task.wantedBy, client);
}

/** Returns whether the client wanted the task. */
export function removeWant(task: Task, client: Client): boolean {
  if (!includes(task.wantedBy, client)) return false;
  forgetWant(task, client);
  task.wantedBy = without(task.wantedBy, client);
  return true;
}

/** Ends the wants of all clients, without telling them. */
export function removeWants(task: Task): void {
  forEachWanting(task, (client) => forgetWant(task, client));
  task.wantedBy = undefined;
}

function forgetWant(task: Task, { within, wantsOfOthers }: Client): void {
  within?.wants.delete(task);
  if (wantsOfOthers.size > 0) wantsOfOthers.delete(task);
}

/** The tasks that a client wants, and some of its own that it does not want any more. */
export function wantsOf({ specs, wantsOfOthers }: Client): Task[] {
  const wants = [...wantsOfOthers];
  for (const { tasks } of specs.values()) for (const task of tasks) wants.push(task);
  return wants;
}

export function forEachWanting(task: Task, visit: (client: Client) => void): void {
  const { wantedBy } = task;
  if (wantedBy instanceof Set) for (const client of wantedBy) visit(client);
  else if (wantedBy !== undefined) visit(wantedBy);
}
