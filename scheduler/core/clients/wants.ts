// Wants: a client wants a task while it holds a future of it.

import { includes, without, withOne } from "../structures/small-set.ts";
import type { Client, Task } from "../state.ts";

export function addWant(task: Task, client: Client): void {
  client.within?.wants.add(task);
  task.wantedBy = withOne(task.wantedBy, client);
}

/** Returns whether the client wanted the task. */
export function removeWant(task: Task, client: Client): boolean {
  if (!includes(task.wantedBy, client)) return false;
  client.within?.wants.delete(task);
  task.wantedBy = without(task.wantedBy, client);
  return true;
}

/** Ends the wants of all clients, without telling them. */
export function removeWants(task: Task): void {
  forEachWanting(task, (client) => client.within?.wants.delete(task));
  task.wantedBy = undefined;
}

export function forEachWanting(task: Task, visit: (client: Client) => void): void {
  const { wantedBy } = task;
  if (wantedBy instanceof Set) for (const client of wantedBy) visit(client);
  else if (wantedBy !== undefined) visit(wantedBy);
}
