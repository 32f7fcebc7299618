// A client with nobody at the other end: what it says is written down. So the core can be given just
// what a real client would send, and no socket is in the way.

import { Client } from "../../client/client.ts";
import type { Connection } from "../../client/connection.ts";
import { Session } from "../../client/session.ts";
import type { FromClient } from "../../src/wire/protocol.ts";
import type { Graph } from "../graphs/graphs.ts";

/** Frames of messages, each as it comes out of `JSON.parse` at the scheduler. */
export type Frames = FromClient[][];

/** Characters in a frame, about: what a link gathers too. */
const frameLength = 256 * 1024;

/** What a client sends to have a graph run, and then to let go of it. */
export function recordGraph(graph: Graph): { submit: Frames; release: Frames } {
  let said: FromClient[] = [];
  const connection: Connection = {
    send: (message) => void said.push(message),
    get lastUnsent() {
      return said.at(-1);
    },
    close: () => Promise.resolve(),
    welcome: { scheduler: "nobody" },
  };
  const session = new Session();
  session.attach(connection);
  const client = new Client(session);
  const futures = graph.build(client);
  const submit = framesOf(said);
  said = [];
  client.release(futures);
  return { submit, release: framesOf(said) };
}

/** Through text and back, so that no string is shared that would not be after a socket. */
export function framesOf(messages: readonly FromClient[]): Frames {
  const frames: Frames = [];
  let length = Infinity;
  for (const message of messages) {
    if (length >= frameLength) {
      frames.push([]);
      length = 0;
    }
    const text = JSON.stringify(message);
    frames.at(-1)?.push(JSON.parse(text) as FromClient);
    length += text.length;
  }
  return frames;
}
