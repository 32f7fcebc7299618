// Wants: a client wants a task while it holds a future of it. Its own tasks are found by their specs, and those
// of others are kept in a set, so that the end of a client costs no more than what it wanted.

import { includes, without, withOne } from "../structures/small-set.ts";
import { enterAllotted, whyNoRoom } from "../memory/allotments.ts";
import { wantBytes } from "../memory/sizes.ts";
import type { Client, State, Task } from "../state.ts";

type Book = { readonly state: Pick<State, "ledger"> };

export function addWant({ state }: Book, task: Task, client: Client): void {
  client.within?.wants.add(task);
  if (isNewWant(task, client)) {
    client.wantsOfOthers.add(task);
    enterAllotted(state, "wants", wantBytes);
  }
  task.wantedBy = withOne(task.wantedBy, client);
}

/** Whether the client would want one more task of others, for which there has to be room. */
export function isNewWant(task: Task, client: Client): boolean {
  return task.spec.client !== client && !client.wantsOfOthers.has(task);
}

/** Why there is no room for these, in words. */
export function whyNotWant(
  state: State,
  client: Client,
  tasks: readonly Task[],
): string | undefined {
  const count = tasks.filter((task) => isNewWant(task, client)).length;
  return whyNoRoom(state, "wants", count * wantBytes);
}

/** Returns whether the client wanted the task. */
export function removeWant(book: Book, task: Task, client: Client): boolean {
  if (!includes(task.wantedBy, client)) return false;
  forgetWant(book, task, client);
  task.wantedBy = without(task.wantedBy, client);
  return true;
}

/** Ends the wants of all clients, without telling them. */
export function removeWants(book: Book, task: Task): void {
  forEachWanting(task, (client) => forgetWant(book, task, client));
  task.wantedBy = undefined;
}

function forgetWant({ state }: Book, task: Task, { within, wantsOfOthers }: Client): void {
  within?.wants.delete(task);
  if (wantsOfOthers.size > 0 && wantsOfOthers.delete(task))
    enterAllotted(state, "wants", wantBytes, -1);
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
