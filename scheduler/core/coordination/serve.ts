// Gives what is there to those who wait for it, in their order, as far as it goes. Whatever changes
// a thing calls `serve` after it, so that nobody waits for what he could have.

import type { Coordinated } from "../../../src/wire/coordination.ts";
import { answer, noRoomToWait, refuse } from "../clients/answers.ts";
import { enterAllotted, whyNoRoom } from "../memory/allotments.ts";
import { enterItem } from "../memory/ledger.ts";
import { claimBytes, retentionBytes, thingBytes } from "../memory/sizes.ts";
import { declineOffer, endRetention, offer, subscribe } from "../clients/retention.ts";
import { whyNotWant } from "../clients/wants.ts";
import type { Client } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import {
  fileName,
  isIdle,
  type Claim,
  type EventThing,
  type Involvement,
  type Item,
  type Queue,
  type Semaphore,
  type Thing,
  type Variable,
  type Waiter,
} from "./things.ts";

/** So many bytes of items leave in one answer, or one item of any size. */
const batchBytes = 4 * 2 ** 20;

export function serve(step: StepContext, thing: Thing): void {
  switch (thing.kind) {
    case "lock":
    case "semaphore":
      serveSemaphore(step, thing);
      break;
    case "event":
      serveEvent(step, thing);
      break;
    case "queue":
      serveQueue(step, thing);
      break;
    case "variable":
      serveVariable(step, thing);
      break;
  }
  if (isIdle(thing) && step.state.coordination.things.delete(fileName(thing))) {
    enterAllotted(step.state, "waits", thingBytes(thing), -1);
  }
}

/** Strictly in turn: whoever wants many leases is not overtaken for ever by those who want small. */
function serveSemaphore(step: StepContext, thing: Semaphore): void {
  for (let next = thing.waiting.first; next; next = thing.waiting.first) {
    if (thing.used + next.count > thing.limit) return;
    thing.used += next.count;
    settle(step, next, { at: "holding", thing, count: next.count });
    answerTo(step, next, {});
  }
}

function serveEvent(step: StepContext, { isSet, waiting }: EventThing): void {
  if (!isSet) return;
  for (let next = waiting.first; next; next = waiting.first) {
    settle(step, next, undefined);
    answerTo(step, next, {});
  }
}

function serveQueue(step: StepContext, queue: Queue): void {
  const { items, getters, putters } = queue;
  const room = Math.min(queue.maxSize ?? Infinity, step.state.options.coordination.queueItems);
  for (let moved = true; moved;) {
    moved = false;
    for (let next = getters.first; next && items.size > 0; next = getters.first) {
      const { retention } = items.first!;
      const why = retention && whyNotWant(step.state, next.client, retention.tasks);
      if (why !== undefined) refuseWaiter(step, next, why);
      else {
        handOut(step, queue, next);
        moved = true;
      }
    }
    for (let next = putters.first; next && items.size < room; next = putters.first) {
      const item = next.item!;
      item.order = step.state.coordination.order++;
      items.join(item);
      settle(step, next, undefined);
      answerTo(step, next, {});
      moved = true;
    }
  }
}

function handOut(step: StepContext, queue: Queue, getter: Waiter): void {
  const taken: Item[] = [];
  let bytes = 0;
  for (
    let item = queue.items.first;
    item && taken.length < getter.count;
    item = queue.items.first
  ) {
    if (taken.length > 0 && bytes + item.bytes > batchBytes) break;
    queue.items.leave(item);
    taken.push(item);
    bytes += item.bytes;
  }
  queue.handed++;
  settle(step, getter, { at: "handed", thing: queue, items: taken });
  answerTo(step, getter, contentOf(taken));
}

function serveVariable(step: StepContext, { item, waiting }: Variable): void {
  if (item === undefined) return;
  for (let next = waiting.first; next; next = waiting.first) {
    // It may name many futures, and whoever does not take them keeps them.
    const { retention } = item;
    const why =
      retention &&
      (whyNoRoom(step.state, "waits", retentionBytes(retention)) ??
        whyNotWant(step.state, next.client, retention.tasks));
    if (why !== undefined) {
      refuseWaiter(step, next, why);
      continue;
    }
    const offered = offer(step, next.client, item.retention?.tasks ?? []);
    settle(step, next, offered === undefined ? undefined : { at: "told", offer: offered });
    answerTo(step, next, contentOf([item]));
  }
}

/** There is no room for what it would have. */
function refuseWaiter(step: StepContext, waiter: Waiter, why: string): void {
  const { client, id } = waiter;
  settle(step, waiter, undefined);
  refuse(step, { client, id, to: "coordinate" }, noRoomToWait(why).failure);
}

// ── Claims ───────────────────────────────────────────────────────────────────────────────────────

/** It waits no more: it has something now, or nothing further to do. */
function settle(step: StepContext, waiter: Waiter, next: Claim | undefined): void {
  waiter.line.leave(waiter);
  setClaim(step, waiter.client, waiter.id, next);
}

export function claimOf({ state }: StepContext, client: Client, id: number): Claim | undefined {
  return state.coordination.clients.get(client)?.claims.get(id);
}

/** Of a client without any, a new one: to be filled by who asked for it. */
export function involvementOf({ state }: StepContext, client: Client): Involvement {
  const { clients } = state.coordination;
  let involvement = clients.get(client);
  if (involvement === undefined) {
    involvement = { claims: new Map(), uses: new Set() };
    clients.set(client, involvement);
  }
  return involvement;
}

export function setClaim(
  step: StepContext,
  client: Client,
  id: number,
  claim: Claim | undefined,
): void {
  const involvement = involvementOf(step, client);
  const { claims } = involvement;
  const before = claims.size;
  if (claim) claims.set(id, claim);
  else claims.delete(id);
  enterAllotted(step.state, "waits", claimBytes, claims.size - before);
  if (involvement.claims.size + involvement.uses.size === 0) {
    step.state.coordination.clients.delete(client);
  }
}

/** Undoes a claim: who waited waits no more, what was held or handed out goes back. */
export function undo(step: StepContext, client: Client, id: number, claim: Claim): void {
  setClaim(step, client, id, undefined);
  switch (claim.at) {
    case "waiting":
      claim.line.leave(claim);
      if (claim.item) discard(step, claim.item);
      break;
    case "holding":
      claim.thing.used -= claim.count;
      break;
    case "handed":
      claim.thing.handed--;
      // The last first: each finds its place at the very front.
      for (const item of [...claim.items].reverse()) claim.thing.items.rejoin(item);
      break;
    case "told":
      declineOffer(step, client, claim.offer);
      break;
  }
}

/** The client has what it was handed: the futures in it are its own now. */
export function received(
  step: StepContext,
  client: Client,
  id: number,
  items: readonly Item[],
): void {
  setClaim(step, client, id, undefined);
  // One that is in several items is told of once.
  subscribe(step, client, [...new Set(items.flatMap((item) => item.retention?.tasks ?? []))]);
  for (const item of items) discard(step, item);
}

/** An item or value that is nowhere any more. */
export function discard(step: StepContext, item: Item): void {
  step.state.coordination.bytes -= item.bytes;
  enterItem(step.state, item, -1);
  if (item.retention) endRetention(step, item.retention);
}

// ── Answers ──────────────────────────────────────────────────────────────────────────────────────

function answerTo(step: StepContext, { client, id }: Waiter, content: Coordinated): void {
  answer(step, { client, id, to: "coordinate" }, content);
}

function contentOf(items: readonly Item[]): Coordinated {
  const content = { items: items.map(({ value }) => value) };
  if (items.every(({ keys }) => keys.length === 0)) return content;
  return { ...content, inputs: items.map(({ keys }) => [...keys]) };
}
