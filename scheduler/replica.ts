// What a scheduler was at the end of its journal: the state of the core, and what each link had received
// and sent. The same events give the same state and the same messages, so a replica repeats them. It is
// made where a scheduler starts, and where the journal is compacted.

import { gap, readFrame } from "../src/wire/frame.ts";
import { checkFromClient, checkFromWorker } from "../src/wire/check.ts";
import type { FromClient, FromWorker, ToClient, ToWorker } from "../src/wire/protocol.ts";
import type { Effect } from "./core/effects.ts";
import { JournalFullError } from "./journal/journal-error.ts";
import { nearestNames } from "../src/nearest.ts";
import { freeze } from "./core/snapshot/freeze.ts";
import type { Chunk } from "./core/snapshot/format.ts";
import { thaw } from "./core/snapshot/thaw.ts";
import { createState, defaultCoreOptions, type State } from "./core/state.ts";
import { step, type Event } from "./core/step.ts";
import {
  peerOf,
  readRecord,
  recordOf,
  type Happening,
  type KeptOptions,
  type Peer,
  type PeerHello,
} from "./records.ts";
import { startAgain } from "./core/start-again.ts";
import { timestamp } from "../src/timers.ts";
import type { Keeper } from "./write-ahead.ts";

/** The session of a peer, as far as it has to be known to go on with it. */
export type KeptSession = {
  readonly hello: Peer;
  /** Messages received from the peer. */
  received: number;
  /** Messages that the peer is known to have received, and those sent after them. */
  acknowledged: number;
  messages: (ToClient | ToWorker)[];
};

/** What a snapshot keeps. */
export type Kept = {
  readonly state: State;
  readonly sessions: Map<string, KeptSession>;
  /** The moment of the last event. */
  readonly now: number;
};

/** The functions in the state that are not the core's. */
export const outside = { nearestNames };

export class Replica {
  #state: State | undefined;
  #sessions = new Map<string, KeptSession>();
  #now = 0;

  /** Begins with a snapshot, or with nothing. */
  static from(snapshot: Iterable<unknown> | undefined): Replica {
    const replica = new Replica();
    if (snapshot === undefined) return replica;
    const { state, sessions, now } = thaw(snapshot as Iterable<Chunk>, outside) as Kept;
    replica.#state = state;
    replica.#sessions = sessions;
    replica.#now = now;
    return replica;
  }

  freeze(): Iterable<Chunk> {
    return freeze(this.kept, outside);
  }

  /** Undefined when the journal has no record. */
  get kept(): Kept | undefined {
    const [state, sessions, now] = [this.#state, this.#sessions, this.#now];
    return state && { state, sessions, now };
  }

  /**
   * A scheduler goes on from here. That is written as any other record is, if need be with the room in reserve;
   * with `machine` it has to be synced before anybody is told of it.
   *
   * @throws {JournalFullError} when there is no room for it at all
   */
  goOn(keeper: Pick<Keeper, "append" | "write" | "spendReserve">, options: KeptOptions): Kept {
    const now = Math.max(timestamp(), this.#now);
    const record = recordOf({ now, what: { kind: "start", options } });
    keeper.append(record);
    try {
      keeper.write();
    } catch (error) {
      if (!(error instanceof JournalFullError)) throw error;
      keeper.spendReserve();
      keeper.write();
    }
    this.repeat(Buffer.concat(record.map((part) => Buffer.from(part as string))));
    return this.kept!;
  }

  repeat(record: Uint8Array): void {
    const { now, what } = readRecord(record);
    this.#now = now;
    switch (what.kind) {
      case "start":
        this.#start(what.options);
        break;
      case "join":
        this.#sessions.set(what.hello.id, newSession(what.hello));
        this.#step(joining(what.hello));
        break;
      case "frame":
        this.#step(this.#read(what));
        break;
      case "refused":
        this.#count(what.event.from, what);
        this.#step(what.event);
        break;
      case "event":
        if (what.event.type === "client-leaves" || what.event.type === "worker-lost") {
          this.#sessions.delete(what.event.id);
        }
        this.#step(what.event);
        break;
      default:
        what satisfies never;
    }
  }

  #start(options: KeptOptions): void {
    const all = { ...defaultCoreOptions, ...options, nearestNames };
    if (this.#state === undefined) this.#state = createState(all);
    else startAgain(this.#state, all);
  }

  #step(event: Event): void {
    if (this.#state === undefined) throw new Error("the journal does not begin with a start");
    let effects: Effect[];
    try {
      effects = step(this.#state, this.#now, event);
    } catch {
      // The core refused the event when it was new, too: the end of the peer's session follows.
      return;
    }
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    if (effect.do === "disconnect") this.#sessions.delete(effect.peer);
    if (effect.do !== "send-to-client" && effect.do !== "send-to-worker") return;
    const session = this.#sessions.get(effect.to);
    for (const message of effect.messages) session?.messages.push(message);
  }

  #read({ role, from, data }: Extract<Happening, { kind: "frame" }>): Event {
    const { ack, messages, parts } = readFrame(data);
    this.#count(from, { received: messages.length, ack });
    const there = messages.filter((message) => message !== gap);
    if (role === "client") {
      const batch: FromClient[] = there.map((message) => checkFromClient(message, parts));
      return { type: "client-messages", from, messages: batch };
    }
    const batch: FromWorker[] = there.map((message) => checkFromWorker(message, parts));
    return { type: "worker-messages", from, messages: batch };
  }

  /** A frame brought messages, and acknowledged others. */
  #count(from: string, { received, ack }: { received: number; ack: number }): void {
    // The core may have ended the session before it came to this frame.
    const session = this.#sessions.get(from);
    if (session === undefined) return;
    if (ack > session.acknowledged) {
      session.messages.splice(0, ack - session.acknowledged);
      session.acknowledged = ack;
    }
    session.received += received;
  }
}

/** The event of a peer that begins a session. */
export function joining(hello: PeerHello): Event {
  if (hello.role === "worker") return { ...hello, type: "worker-joins" };
  const { id, name, right } = hello;
  return { type: "client-joins", id, name, ...(right && { right }) };
}

function newSession(hello: PeerHello): KeptSession {
  return { hello: peerOf(hello), received: 0, acknowledged: 0, messages: [] };
}
