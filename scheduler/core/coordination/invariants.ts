// What must hold of locks, semaphores, events, queues and variables between two steps, for tests.

import { assert } from "../assert.ts";
import type { State } from "../state.ts";
import type { Line, Member } from "../structures/line.ts";
import { fileName, isIdle, type Item, type Queue, type Thing, type Waiter } from "./things.ts";

export function checkCoordination(state: State): void {
  const { things, clients } = state.coordination;
  const items = new Set<Item>();
  const waiters = new Set<Waiter>();
  const held = new Map<Thing, number>();
  const handed = new Map<Thing, number>();
  for (const [client, { claims, uses }] of clients) {
    const say = (words: string) => () => `client ${client.name} ${words}`;
    const isLeaving = client.within?.dispatch.leases === client && uses.size === 0;
    const holds = [...claims.values()].every(({ at }) => at === "holding");
    assert(!client.gone || (isLeaving && holds), say("is gone and has claims"));
    assert(claims.size + uses.size > 0, say("has an empty involvement"));
    for (const thing of uses) assert(thing.users.has(client), say(`is no user of ${thing.name}`));
    for (const [id, claim] of claims) {
      if (claim.at === "told") {
        assert(
          state.offers.open.get(client)?.has(claim.offer) ?? false,
          say("has a claim on no offer"),
        );
        continue;
      }
      const { thing } = claim;
      assert(things.get(fileName(thing)) === thing, say(`has a claim on the gone ${thing.name}`));
      if (claim.at === "waiting") {
        assert(claim.client === client && claim.id === id, say("has the claim of another"));
        waiters.add(claim);
        if (claim.item) items.add(claim.item);
      } else if (claim.at === "holding") {
        held.set(thing, (held.get(thing) ?? 0) + claim.count);
      } else {
        handed.set(thing, (handed.get(thing) ?? 0) + 1);
        assert(claim.items.length > 0, say("was handed nothing"));
        for (const item of claim.items) add(items, item, () => "an item was handed out twice");
      }
    }
  }
  let waiting = 0;
  for (const [name, thing] of things) {
    assert(name === fileName(thing) && !isIdle(thing), () => `${name} is filed though it is idle`);
    for (const line of linesOf(thing)) {
      for (const waiter of inOrder(line)) {
        assert(waiters.has(waiter), () => `${name}: a request waits without a claim`);
        waiting++;
      }
    }
    checkThing(state, thing, items, { held: held.get(thing) ?? 0, handed: handed.get(thing) ?? 0 });
  }
  assert(waiting === waiters.size, () => `${waiters.size} claims wait, ${waiting} in lines`);
  checkItems(state, items);
}

/** The counts of a thing are right, and no request waits for what it could have. */
function checkThing(
  state: State,
  thing: Thing,
  items: Set<Item>,
  count: { held: number; handed: number },
): void {
  const say = (words: string) => () => `the ${thing.kind} "${thing.name}" ${words}`;
  switch (thing.kind) {
    case "lock":
    case "semaphore": {
      const { used, limit, waiting } = thing;
      assert(used === count.held && used <= limit, say(`has ${used} of ${limit} used`));
      const next = waiting.first;
      assert(
        !next || used + next.count > limit,
        say("has a request wait for leases that are free"),
      );
      break;
    }
    case "event":
      assert(!thing.isSet || thing.waiting.size === 0, say("is set and waited for"));
      break;
    case "variable":
      assert(!thing.item || thing.waiting.size === 0, say("has a value and is waited for"));
      if (thing.item) add(items, thing.item, say("has an item of another"));
      break;
    case "queue":
      checkQueue(state, thing, items, count.handed, say);
      break;
  }
}

function checkQueue(
  state: State,
  queue: Queue,
  items: Set<Item>,
  handed: number,
  say: (words: string) => () => string,
): void {
  const room = Math.min(queue.maxSize ?? Infinity, state.options.coordination.queueItems);
  assert(queue.handed === handed, say(`counts ${queue.handed} claims, there are ${handed}`));
  for (const item of inOrder(queue.items)) add(items, item, say("has an item twice"));
  assert(queue.items.size === 0 || queue.getters.size === 0, say("has items and is waited for"));
  assert(queue.items.size >= room || queue.putters.size === 0, say("has room and putters wait"));
  for (const putter of queue.putters)
    assert(putter.item !== undefined, say("has a request to put nothing"));
}

/** Every item is in one place, its bytes are counted, and its futures are retained. */
function checkItems(state: State, items: Set<Item>): void {
  let bytes = 0;
  for (const item of items) {
    bytes += item.bytes;
    assert(
      (item.retention !== undefined) === item.keys.length > 0,
      () => "an item does not retain its futures",
    );
    for (const task of item.retention?.tasks ?? []) {
      assert(state.retentions.has(task), () => `${task.key} is in an item and not retained`);
    }
  }
  const { bytes: counted } = state.coordination;
  assert(bytes === counted, () => `${counted} bytes counted in items, ${bytes} there`);
}

function add(items: Set<Item>, item: Item, words: () => string): void {
  assert(!items.has(item), words);
  items.add(item);
}

function linesOf(thing: Thing): Line<Waiter>[] {
  return thing.kind === "queue" ? [thing.getters, thing.putters] : [thing.waiting];
}

function inOrder<Self extends Member<Self>>(line: Line<Self>): Self[] {
  const members = [...line];
  assert(members.length === line.size, () => `a line of ${line.size} has ${members.length}`);
  const isSorted = members.every((each, at) => at === 0 || members[at - 1]!.order < each.order);
  assert(isSorted, () => "a line is out of order");
  assert(members.at(-1)?.behind === undefined, () => "a line has no end");
  return members;
}
