// The streams of events of a session: each is known by the request that began it.

import type { ClusterEvent } from "../src/wire/events.ts";
import type { FromClient } from "../src/wire/protocol.ts";
import type { ParametersOf } from "../src/wire/requests.ts";
import type { EventStream } from "./events.ts";
import type { PendingRequests } from "./requests.ts";

export class Streams {
  readonly #open = new Map<number, EventStream>();
  readonly #requests: PendingRequests;
  /** Throws when the session is over. */
  readonly #send: (message: FromClient) => void;

  constructor(requests: PendingRequests, send: (message: FromClient) => void) {
    this.#requests = requests;
    this.#send = send;
  }

  /** Begins a stream, and returns its number. One that cannot begin fails where it is read. */
  open(stream: EventStream, filter: ParametersOf<"events">): number {
    let opened: number | undefined;
    const send = (id: number) => {
      this.#send({ type: "events", id, ...filter });
      this.#open.set((opened = id), stream);
    };
    const refused = (error: Error) => {
      if (opened === undefined || this.#open.delete(opened)) stream.fail(error);
    };
    this.#requests.send<"events", null>(send, { read: () => null }).catch(refused);
    return opened ?? -1;
  }

  tellRead(feed: number, count: number): void {
    if (this.#open.has(feed)) this.#send({ type: "events-read", feed, count });
  }

  close(feed: number): void {
    if (this.#open.delete(feed)) this.#send({ type: "events-end", feed });
  }

  receive(feed: number, events: readonly ClusterEvent[]): void {
    this.#open.get(feed)?.receive(events);
  }

  /** The session is over: with an error when its scheduler is lost. */
  endAll(error?: Error): void {
    const streams = [...this.#open.values()];
    this.#open.clear();
    for (const stream of streams) {
      if (error === undefined) stream.end();
      else stream.fail(error);
    }
  }
}
