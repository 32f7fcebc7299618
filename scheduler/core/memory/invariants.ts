// What must hold of the ledger between two steps: its sums are those of what is there.

import { assert } from "../assert.ts";
import { feedBytes } from "../clients/feeds.ts";
import type { Retention } from "../clients/retention.ts";
import type { Item } from "../coordination/things.ts";
import type { Client, State } from "../state.ts";
import { listOf } from "../structures/small-set.ts";
import { bytesOf } from "../workers/repertoires.ts";
import { allot, enterAllotted, type Allotment } from "./allotments.ts";
import {
  createLedger,
  enterHeap,
  enterItem,
  enterPayload,
  enterPublished,
  enterSchedule,
  enterTask,
  followFailure,
  followReasons,
} from "./ledger.ts";
import {
  backlogBytes,
  claimBytes,
  clientBytes,
  dispatchBytes,
  functionBytes,
  holderBytes,
  rateBytes,
  retentionBytes,
  retireBytes,
  scatterBytes,
  specBytes,
  thingBytes,
  wantBytes,
  workerBytes,
} from "./sizes.ts";
import { fresh } from "../tasks/lifecycle.ts";

export function checkLedger(state: State): void {
  const { heapBytes, outsideBytes, allotted, failures } = state.ledger;
  const anew = countAnew(state);
  assert(
    heapBytes === anew.heapBytes,
    () => `${heapBytes} bytes are entered of the heap, ${anew.heapBytes} are there`,
  );
  assert(
    outsideBytes === anew.outsideBytes,
    () => `${outsideBytes} bytes are entered outside of the heap, ${anew.outsideBytes} are there`,
  );
  for (const [of, bytes] of Object.entries(allotted)) {
    const there = anew.allotted[of as Allotment];
    assert(bytes === there, () => `${bytes} bytes are allotted to ${of}, ${there} are there`);
  }
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
    for (const spec of client.specs.values()) enterHeap(book, specBytes(spec));
  }
  for (const client of [...state.clients.values(), ...insidersOf(state)]) {
    enterHeap(book, clientBytes(client));
    enterAllotted(book, "wants", wantBytes, client.wantsOfOthers.size);
  }
  for (const retention of retentionsOf(state)) enterHeap(book, retentionBytes(retention));
  for (const open of state.offers.open.values()) {
    for (const offered of open.values()) allot(book, "waits", retentionBytes(offered));
  }
  for (const [name, published] of state.published) enterPublished(book, name, published, 1);
  for (const feed of state.feeds) enterHeap(book, feedBytes(feed));
  const { all, pending, behind } = state.schedules;
  enterHeap(book, backlogBytes, behind.size);
  for (const each of [...all.values(), ...pending.keys()]) enterSchedule(book, each, 1);
  for (const { claims } of state.coordination.clients.values()) {
    enterAllotted(book, "waits", claimBytes, claims.size);
  }
  for (const thing of state.coordination.things.values()) {
    enterAllotted(book, "waits", thingBytes(thing));
  }
  for (const item of itemsOf(state)) enterItem(book, item, 1);
  for (const rate of state.limits.rates.values()) enterAllotted(book, "rates", rateBytes(rate));
  for (const scatters of state.scatters.byTask.values()) {
    for (const { workers } of listOf(scatters)) enterHeap(book, scatterBytes, 1 + workers.size);
  }
  enterWorkers(state, book);
  return ledger;
}

function enterWorkers(state: State, book: Pick<State, "ledger">): void {
  for (const worker of state.workers.values()) {
    enterAllotted(book, "workers", workerBytes(worker));
    enterHeap(book, dispatchBytes, worker.dispatches.size);
    enterHeap(book, holderBytes, worker.holds.size);
  }
  for (const repertoire of state.repertoires.values()) {
    enterAllotted(book, "workers", bytesOf(repertoire));
  }
  for (const { key, workers } of state.functions.values()) {
    if (workers > 0) enterAllotted(book, "workers", functionBytes(key));
  }
  for (const { requests } of state.retirements.values()) {
    enterAllotted(book, "waits", retireBytes, requests.length);
  }
}

/** The clients inside tasks. */
function insidersOf({ workers }: State): Client[] {
  const dispatches = [...workers.values()].flatMap((worker) => [...worker.dispatches.values()]);
  return dispatches.map(({ inside }) => inside).filter((inside) => inside !== undefined);
}

function retentionsOf({ retentions }: State): Set<Retention> {
  return new Set([...retentions.values()].flatMap((each) => listOf(each)));
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
