// What clients coordinate by, as plain data: locks, semaphores, events, queues and variables. All are
// called things here, and are found by their kind and name. A thing exists while it is held, set or
// filled, while a request waits for it, and, if it has a limit, while a client that gave it is there.
//
// A claim is the outcome of one request of one client: the request waits, or it holds leases, or it was
// handed items that the client has not acknowledged. A client that is gone has no claims.

import type { Payload } from "../../../src/payload/payload.ts";
import type { ParametersOf } from "../../../src/wire/requests.ts";
import type { Retention } from "../clients/retention.ts";
import type { Client, TaskKey } from "../state.ts";
import { Line } from "../structures/line.ts";

/** Bounds on what the scheduler keeps for clients; sizes in bytes. */
export type CoordinationLimits = {
  /** Things at a time, of all kinds together. Default 100,000. */
  things: number;
  /** Claims of one client at a time. Default 100,000. */
  claimsOfClient: number;
  /** Items in one queue; a request to put more waits. Default 1,000,000. */
  queueItems: number;
  /** One item or value. A larger one belongs into a future. Default 16 MiB. */
  itemBytes: number;
  /** All items and values together. Default 1 GiB. */
  totalBytes: number;
};

export const defaultCoordinationLimits: CoordinationLimits = {
  things: 100_000,
  claimsOfClient: 100_000,
  queueItems: 1_000_000,
  itemBytes: 16 * 2 ** 20,
  totalBytes: 2 ** 30,
};

export type Request = ParametersOf<"coordinate">;
export type Kind = Request["kind"];

/** A value in a queue or a variable, and the retention of the futures in it. */
export type Item = {
  readonly value: Payload;
  /** The futures that the value refers to by position. */
  readonly keys: readonly TaskKey[];
  readonly retention: Retention | undefined;
  readonly bytes: number;
  order: number;
  ahead: Item | undefined;
  behind: Item | undefined;
};

export type Waiter = {
  readonly at: "waiting";
  readonly client: Client;
  readonly id: number;
  readonly thing: Thing;
  readonly line: Line<Waiter>;
  /** Leases or items asked for. */
  readonly count: number;
  /** The item to put. */
  readonly item: Item | undefined;
  readonly order: number;
  ahead: Waiter | undefined;
  behind: Waiter | undefined;
};

export type Claim =
  | Waiter
  | { readonly at: "holding"; readonly thing: Semaphore; readonly count: number }
  /** Items of a queue that go back to it unless the client acknowledges them. */
  | { readonly at: "handed"; readonly thing: Queue; readonly items: readonly Item[] }
  /** Futures in a variable that are offered to the client; see retention.ts. */
  | { readonly at: "told"; readonly offer: number };

/** A lock is a semaphore of one. */
export type Semaphore = {
  readonly kind: "lock" | "semaphore";
  readonly name: string;
  readonly limit: number;
  used: number;
  readonly waiting: Line<Waiter>;
  readonly users: Set<Client>;
};
export type EventThing = {
  readonly kind: "event";
  readonly name: string;
  isSet: boolean;
  readonly waiting: Line<Waiter>;
};
export type Queue = {
  readonly kind: "queue";
  readonly name: string;
  /** Undefined until a client gives one. */
  maxSize: number | undefined;
  readonly items: Line<Item>;
  readonly getters: Line<Waiter>;
  readonly putters: Line<Waiter>;
  /** Claims on items that were handed out and may come back. */
  handed: number;
  readonly users: Set<Client>;
};
export type Variable = {
  readonly kind: "variable";
  readonly name: string;
  item: Item | undefined;
  readonly waiting: Line<Waiter>;
};
export type Thing = Semaphore | EventThing | Queue | Variable;

/** The claims of one client and the limits it gave; exists while there are any. */
export type Involvement = {
  readonly claims: Map<number, Claim>;
  /** The things whose limit it gave. */
  readonly uses: Set<Semaphore | Queue>;
};

export type Coordination = {
  readonly things: Map<string, Thing>;
  readonly clients: Map<Client, Involvement>;
  /** Bytes of all items and values, those handed out and not acknowledged too. */
  bytes: number;
  /** Numbers given to waiters and items. */
  order: number;
};

export function createCoordination(): Coordination {
  return { things: new Map(), clients: new Map(), bytes: 0, order: 0 };
}

/** Under which a thing is found. Unambiguous, as no kind has a space in it. */
export function fileName({ kind, name }: Pick<Thing, "kind" | "name">): string {
  return `${kind} ${name}`;
}

export function createThing({ kind, name, limit }: Request): Thing {
  const waiting = new Line<Waiter>();
  switch (kind) {
    case "lock":
      return { kind, name, limit: 1, used: 0, waiting, users: new Set() };
    case "semaphore":
      return { kind, name, limit: limit ?? 1, used: 0, waiting, users: new Set() };
    case "event":
      return { kind, name, isSet: false, waiting };
    case "queue": {
      const [items, putters] = [new Line<Item>(), new Line<Waiter>()];
      const users = new Set<Client>();
      return { kind, name, maxSize: limit, items, getters: waiting, putters, handed: 0, users };
    }
    case "variable":
      return { kind, name, item: undefined, waiting };
  }
}

/** Whether the thing may be removed: no client would notice. */
export function isIdle(thing: Thing): boolean {
  switch (thing.kind) {
    case "lock":
    case "semaphore":
      return thing.used === 0 && thing.waiting.size === 0 && thing.users.size === 0;
    case "event":
      return !thing.isSet && thing.waiting.size === 0;
    case "queue": {
      const { items, getters, putters, handed, users } = thing;
      return items.size + getters.size + putters.size + handed + users.size === 0;
    }
    case "variable":
      return thing.item === undefined && thing.waiting.size === 0;
  }
}
