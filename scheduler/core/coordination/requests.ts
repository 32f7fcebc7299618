// What clients ask of locks, semaphores, events, queues and variables, and how they end it. Every
// request is answered once under its id, when it can be met; until then it waits in line.

import { formatSize } from "../../../src/size.ts";
import { bytesOf } from "../effects.ts";
import { enterAllotted, whyNoRoom } from "../memory/allotments.ts";
import { enterItem } from "../memory/ledger.ts";
import { claimBytes, thingBytes } from "../memory/sizes.ts";
import { acceptOffer, findTasks, retain } from "../clients/retention.ts";
import type { Client } from "../state.ts";
import type { StepContext } from "../tasks/transition.ts";
import { answer, later, noRoomToWait, Refusal, type Asked } from "../clients/answers.ts";
import { claimOf, discard, involvementOf, received, serve, setClaim, undo } from "./serve.ts";
import {
  createThing,
  fileName,
  type Item,
  type Kind,
  type Request,
  type Thing,
  type Waiter,
} from "./things.ts";
import type { Line } from "../structures/line.ts";

const operations: Record<Kind, readonly Request["op"][]> = {
  lock: ["acquire", "look"],
  semaphore: ["acquire", "look"],
  event: ["set", "clear", "wait", "look"],
  queue: ["put", "get", "clear", "look"],
  variable: ["set", "get", "clear"],
};

/** The operations that may wait, or hold something. */
const waiting: ReadonlySet<Request["op"]> = new Set(["acquire", "wait", "get", "put"]);

export function coordinate(
  step: StepContext,
  asked: Asked<"coordinate">,
  request: Request,
): Refusal | typeof later {
  const { things } = step.state.coordination;
  const { kind, name } = request;
  const { client, id } = asked;
  const existing = things.get(fileName(request));
  const refusal = whyNot(step, asked, request, existing);
  if (refusal) return refusal;
  const item = request.value === undefined ? undefined : createItem(step, request);
  if (item instanceof Refusal) return item;
  const thing = existing ?? createThing(request);
  if (!existing) {
    things.set(fileName({ kind, name }), thing);
    enterAllotted(step.state, "waits", thingBytes(thing));
  }
  remember(step, client, thing, request);
  perform(step, asked, request, thing, item);
  serve(step, thing);
  if (request.wait === false && claimOf(step, client, id)?.at === "waiting") {
    handBack(step, client, [id]);
  }
  return later;
}

/** The client has received what it got. */
export function took(step: StepContext, client: Client, ids: readonly number[]): void {
  for (const id of ids) {
    const claim = claimOf(step, client, id);
    if (claim?.at === "handed") {
      claim.thing.handed--;
      received(step, client, id, claim.items);
      serve(step, claim.thing);
    } else if (claim?.at === "told") {
      setClaim(step, client, id, undefined);
      acceptOffer(step, client, claim.offer);
    }
  }
}

/** The client releases what it holds, does not want what it was handed, or waits no longer. */
export function handBack(step: StepContext, client: Client, ids: readonly number[]): void {
  const touched = new Set<Thing>();
  // The last first: items that were handed out return to the very front of their queue.
  for (const id of ids.toReversed()) {
    const claim = claimOf(step, client, id);
    if (claim === undefined) continue;
    undo(step, client, id, claim);
    if (claim.at === "waiting") answer(step, { client, id, to: "coordinate" }, { withdrawn: true });
    if (claim.at !== "told") touched.add(claim.thing);
  }
  for (const thing of touched) serve(step, thing);
}

/**
 * Gives back everything that an owner holds and was handed, and ends its waiting: it is gone. For a
 * client that leaves, and for whatever else comes to speak as one: a task whose attempt ends. An owner
 * that may still be at work keeps its leases. Returns whether it has any.
 */
export function giveBack(
  step: StepContext,
  owner: Client,
  { keepsLeases = false }: { keepsLeases?: boolean } = {},
): boolean {
  const { clients } = step.state.coordination;
  const involvement = clients.get(owner);
  if (involvement === undefined) return false;
  const { claims, uses } = involvement;
  const touched = new Set<Thing>(uses);
  for (const [id, claim] of [...claims].reverse()) {
    if (keepsLeases && claim.at === "holding") continue;
    if (claim.at !== "told") touched.add(claim.thing);
    undo(step, owner, id, claim);
  }
  for (const thing of uses) thing.users.delete(owner);
  uses.clear();
  if (claims.size === 0) clients.delete(owner);
  // Only now, when it waits for nothing any more and would not be given what it gave back.
  for (const thing of touched) serve(step, thing);
  return claims.size > 0;
}

// ── Whether it can be ────────────────────────────────────────────────────────────────────────────

function whyNot(
  step: StepContext,
  { client, id }: Asked,
  request: Request,
  thing: Thing | undefined,
): Refusal | undefined {
  const { kind, name, op, limit, count = 1 } = request;
  const { coordination: state, options } = step.state;
  const limits = options.coordination;
  const claims = state.clients.get(client)?.claims;
  const wantsValue = op === "put" || (op === "set" && kind === "variable");
  const isBroken =
    !operations[kind].includes(op) ||
    claims?.has(id) ||
    wantsValue !== (request.value !== undefined) ||
    (kind === "semaphore" && limit === undefined) ||
    count < 1 ||
    limit === 0;
  if (isBroken) {
    return new Refusal({ code: "protocol-violated", message: `no such request: ${kind} ${op}` });
  }
  if ((claims?.size ?? 0) >= limits.claimsOfClient) {
    return refuse(
      `wait for some of what was asked for, or release some: this client has ${limits.claimsOfClient} ` +
        "requests and holds already",
    );
  }
  if (thing === undefined && state.things.size >= limits.things) {
    return refuse(
      `delete or empty what is no longer needed: there are ${limits.things} locks, semaphores, ` +
        "events, queues and variables in use, as many as there may be",
    );
  }
  const bytes =
    (thing === undefined ? thingBytes(request) : 0) + (waiting.has(op) ? claimBytes : 0);
  const why = bytes > 0 ? whyNoRoom(step.state, "waits", bytes) : undefined;
  if (why !== undefined) return noRoomToWait(why);
  const known = thing && limitOf(thing);
  if (limit !== undefined && known !== undefined && known !== limit) {
    const what = kind === "queue" ? "maxSize" : "n";
    return refuse(
      `say ${what} = ${known}, or choose another name: the ${kind} "${name}" is in use with ` +
        `${what} = ${known}, and this handle says ${limit}`,
    );
  }
  const most = kind === "lock" ? 1 : kind === "semaphore" ? limit! : Infinity;
  if (op === "acquire" && count > most) {
    return refuse(`ask for ${most} at most: the ${kind} "${name}" has no more, and ${count} were`);
  }
  return undefined;
}

function limitOf(thing: Thing): number | undefined {
  if (thing.kind === "semaphore") return thing.limit;
  return thing.kind === "queue" ? thing.maxSize : undefined;
}

function refuse(message: string): Refusal {
  return new Refusal({ code: "coordination-refused", message });
}

function createItem(
  step: StepContext,
  { kind, name, value, inputs = [] }: Request,
): Item | Refusal {
  const { coordination, options } = step.state;
  const { itemBytes, totalBytes } = options.coordination;
  const bytes = bytesOf(value!);
  if (bytes > itemBytes) {
    return refuse(
      `put a future of it instead of the value: ${formatSize(bytes)} are more than the ${formatSize(itemBytes)} that ` +
        `one value in the ${kind} "${name}" may have`,
    );
  }
  if (coordination.bytes + bytes > totalBytes) {
    return refuse(
      `take something out first, or put futures: values in queues and variables have ` +
        `${formatSize(coordination.bytes)} already, and may have ${formatSize(totalBytes)} together`,
    );
  }
  const tasks = findTasks(step.state, inputs);
  if (typeof tasks === "string") {
    const message = `the future ${tasks} in what was given to the ${kind} "${name}" is not known here: was it released, or is it of another scheduler?`;
    return new Refusal({ code: "lost-data", message });
  }
  coordination.bytes += bytes;
  const kept = tasks.length > 0 ? retain(step, `${kind} "${name}"`, tasks) : undefined;
  const item: Item = {
    ...{ value: value!, keys: inputs, retention: kept, bytes },
    ...{ order: 0, ahead: undefined, behind: undefined },
  };
  enterItem(step.state, item, 1);
  return item;
}

/** A limit is remembered while somebody who gave it is there. */
function remember(step: StepContext, client: Client, thing: Thing, { limit }: Request): void {
  if (limit === undefined || (thing.kind !== "semaphore" && thing.kind !== "queue")) return;
  if (thing.kind === "queue") thing.maxSize = limit;
  thing.users.add(client);
  involvementOf(step, client).uses.add(thing);
}

// ── What it does ─────────────────────────────────────────────────────────────────────────────────

function perform(
  step: StepContext,
  asked: Asked<"coordinate">,
  request: Request,
  thing: Thing,
  item: Item | undefined,
): void {
  const { op } = request;
  const done = (what: { number?: number } = {}) => answer(step, asked, what);
  const wait = (line: Line<Waiter>) => waitIn(step, asked, request, thing, line, item);
  if (op === "look") return done({ number: look(thing) });
  switch (thing.kind) {
    case "lock":
    case "semaphore":
      return wait(thing.waiting);
    case "event":
      if (op === "wait") return wait(thing.waiting);
      thing.isSet = op === "set";
      return done();
    case "queue":
      if (op === "put") return wait(thing.putters);
      if (op === "get") return wait(thing.getters);
      return done({ number: empty(step, thing.items) });
    case "variable":
      if (op === "get") return wait(thing.waiting);
      if (thing.item) discard(step, thing.item);
      thing.item = item;
      return done();
  }
}

/** Free leases, items, or 1 for an event that is set. */
function look(thing: Thing): number {
  switch (thing.kind) {
    case "lock":
    case "semaphore":
      return thing.limit - thing.used;
    case "event":
      return Number(thing.isSet);
    case "queue":
      return thing.items.size;
    case "variable":
      return Number(thing.item !== undefined);
  }
}

function empty(step: StepContext, items: Line<Item>): number {
  const { size } = items;
  for (let item = items.shift(); item; item = items.shift()) discard(step, item);
  return size;
}

function waitIn(
  step: StepContext,
  { client, id }: Asked<"coordinate">,
  { count = 1 }: Request,
  thing: Thing,
  line: Line<Waiter>,
  item: Item | undefined,
): void {
  const order = step.state.coordination.order++;
  const links = { ahead: undefined, behind: undefined };
  const waiter = { at: "waiting" as const, client, id, thing, line, count, item, order, ...links };
  line.join(waiter);
  setClaim(step, client, id, waiter);
}
