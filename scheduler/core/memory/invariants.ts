// What must hold of the ledger between two steps: its sums are those of what is there.

import { assert } from "../assert.ts";
import { feedBytes } from "../clients/feeds.ts";
import type { Item } from "../coordination/things.ts";
import type { Client, State } from "../state.ts";
import { listOf } from "../structures/small-set.ts";
import {
  claimBytes,
  createLedger,
  enterHeap,
  enterItem,
  enterPayload,
  enterPublished,
  enterTask,
  followFailure,
  followReasons,
  retainedBytes,
  specBytes,
} from "./ledger.ts";
import { fresh } from "../tasks/lifecycle.ts";

export function checkLedger(state: State): void {
  const { heapBytes, outsideBytes, failures } = state.ledger;
  const anew = countAnew(state);
  assert(
    heapBytes === anew.heapBytes,
    () => `${heapBytes} bytes are entered of the heap, ${anew.heapBytes} are there`,
  );
  assert(
    outsideBytes === anew.outsideBytes,
    () => `${outsideBytes} bytes are entered outside of the heap, ${anew.outsideBytes} are there`,
  );
  for (const [failure, { tasks }] of failures) {
    const there = anew.failures.get(failure)?.tasks;
    assert(tasks === there, () => `${tasks} tasks are entered for a failure, ${there} have it`);
  }
}

function countAnew(state: State) {
  const ledger = createLedger();
  const book = { ledger };
  for (const task of state.tasks.values()) {
    enterTask(book, task, 1);
    if (task.state.at === "finished" && task.state.value !== undefined) {
      enterPayload(book, task.state.value, 1);
    }
    followFailure(book, fresh, task.state);
    followReasons(book, fresh, task.state);
  }
  for (const client of clientsOf(state)) {
    for (const { signature } of client.specs.values()) enterHeap(book, specBytes(signature));
  }
  for (const retentions of state.retentions.values()) {
    enterHeap(book, retainedBytes, listOf(retentions).length);
  }
  for (const [name, published] of state.published) enterPublished(book, name, published, 1);
  for (const feed of state.feeds) enterHeap(book, feedBytes(feed));
  const { all, pending } = state.schedules;
  for (const { call } of [...all.values(), ...pending.keys()]) enterPayload(book, call.args, 1);
  for (const { claims } of state.coordination.clients.values()) {
    enterHeap(book, claimBytes, claims.size);
  }
  for (const item of itemsOf(state)) enterItem(book, item, 1);
  return ledger;
}

/** All clients that have specs: a client that is gone may have left tasks. */
function clientsOf(state: State): Set<Client> {
  const clients = new Set<Client>();
  for (const { spec } of state.tasks.values()) clients.add(spec.client);
  return clients;
}

function itemsOf({ coordination }: State): Set<Item> {
  const items = new Set<Item>();
  for (const thing of coordination.things.values()) {
    if (thing.kind === "queue") for (const item of thing.items) items.add(item);
    if (thing.kind === "variable" && thing.item) items.add(thing.item);
  }
  for (const { claims } of coordination.clients.values()) {
    for (const claim of claims.values()) {
      if (claim.at === "waiting" && claim.item) items.add(claim.item);
      if (claim.at === "handed") for (const item of claim.items) items.add(item);
    }
  }
  return items;
}
