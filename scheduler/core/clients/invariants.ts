// What must hold of clients between two steps: their wants, retentions, offers and publications.

import { assert } from "../assert.ts";
import type { Client, State } from "../state.ts";
import { listOf } from "../structures/small-set.ts";
import { mostUnread } from "./feeds.ts";
import { retentionsOf } from "./retention.ts";

export function checkClients(state: State): void {
  for (const task of state.tasks.values()) {
    for (const client of listOf(task.wantedBy)) {
      assert(isHere(state, client), () => `${task.key} is wanted by ${client.id}, which is gone`);
    }
  }
  for (const [task, retentions] of state.retentions) {
    assert(state.tasks.get(task.key) === task, () => `${task.key} is retained though it is gone`);
    const all = listOf(retentions);
    const isSmall = !(retentions instanceof Set) || all.length > 1;
    assert(isSmall, () => `${task.key} has a Set of one retention`);
    for (const { tasks, what } of all) {
      assert(tasks.includes(task), () => `${task.key} is not among the tasks of ${what}`);
    }
  }
  for (const [task, { until, hasTimer }] of state.kept) {
    const { at } = task.state;
    assert(state.tasks.get(task.key) === task, () => `${task.key} is kept though it is gone`);
    const hasOutcome = at === "finished" || at === "failed" || at === "cancelled";
    assert(
      hasOutcome === (until !== undefined),
      () => `${task.key}, ${at}, is kept until ${until}`,
    );
    assert(hasTimer || !hasOutcome, () => `${task.key} is kept for ever`);
  }
  for (const [name, { retention }] of state.published) {
    for (const task of retention.tasks) {
      const isRetained = retentionsOf(state, task).includes(retention);
      assert(isRetained, () => `${task.key} is published as ${name} and not retained for it`);
    }
  }
  for (const [client, offers] of state.offers.open) {
    assert(!client.gone, () => `an offer to the gone ${client.name}`);
    assert(offers.size > 0, () => `an empty list of offers to ${client.name}`);
    for (const task of [...offers.values()].flatMap(({ tasks }) => tasks)) {
      assert(state.retentions.has(task), () => `${task.key} is offered, and not retained`);
    }
  }
  let unreadEvents = 0;
  for (const { client, unread } of state.feeds) {
    unreadEvents += unread;
    assert(isHere(state, client), () => `a feed of ${client.name}, which is gone`);
    assert(unread <= mostUnread, () => `${unread} events on their way to ${client.name}`);
  }
  assert(
    state.unreadEvents === unreadEvents,
    () => `${state.unreadEvents} events counted as unread`,
  );
  assert(state.endedClients.length === 0, () => "clients are left over from the step");
}

/** A program's client that has not left, or one inside a task that runs. */
function isHere(state: State, client: Client): boolean {
  const dispatch = client.within?.dispatch;
  if (dispatch === undefined) return state.clients.get(client.id) === client;
  const isOnWorker = state.workers.get(dispatch.worker.id) === dispatch.worker;
  const isRunning = dispatch.worker.dispatches.get(dispatch.task.key) === dispatch;
  return isOnWorker && isRunning && dispatch.inside === client;
}
