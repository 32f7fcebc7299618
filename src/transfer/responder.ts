// The dialled side of a connection: serves values, and takes values that are sent to it.

import type { Socket } from "../link/socket.ts";
import { limits } from "../wire/limits.ts";
import { Flow } from "./flow.ts";
import type { Incoming } from "./incoming.ts";
import { readAsked, type Asked, type Want } from "./messages.ts";
import type { Source } from "./shape.ts";

/** The values that are served, and the place for values that arrive. */
export type Shelf = {
  /** The bytes of a value; undefined when it is not here. A rejection says why it cannot be read. */
  find(want: Want): Source | undefined | Promise<Source | undefined>;
  /** Takes a value; resolves when it is held. Reads all of it, unless it rejects. */
  take(want: Want, incoming: Incoming, to: string | undefined): Promise<void>;
};

/** Answers on one socket, which has proved the token, until it closes. */
export function respond(socket: Socket, shelf: Shelf, closed: () => void = () => undefined) {
  const wanted = new Set<number>();
  const flow: Flow = new Flow(socket, {
    text: (text) => receive(readAsked(text)),
    heard: () => undefined,
    closed,
  });
  const fail = (id: number, error: unknown) => {
    const { message } = error as Error;
    flow.tell({ type: "failed", id, message: message.slice(0, limits.textLength) });
  };

  async function give(id: number, want: Want): Promise<void> {
    wanted.add(id);
    try {
      const found = shelf.find(want);
      // A value in memory, the usual case, is sent without a turn in between.
      const source = found instanceof Promise ? await found : found;
      if (!wanted.has(id)) {
        source?.close();
      } else if (source === undefined) {
        flow.tell({ type: "missing", id });
      } else {
        flow.tell({ type: "value", id, shape: source.shape });
        flow.send(id, source, (error) => {
          if (error) fail(id, error);
        });
      }
    } catch (error) {
      fail(id, error);
    } finally {
      wanted.delete(id);
    }
  }

  function receive(message: Asked): void {
    const { id } = message;
    switch (message.type) {
      case "get":
        void give(id, message);
        return;
      case "put": {
        const incoming = flow.expect(id, message.shape);
        shelf.take(message, incoming, message.to).then(
          () => flow.tell({ type: "stored", id }),
          (error: unknown) => {
            flow.ignore(id);
            fail(id, error);
          },
        );
        return;
      }
      case "chunk":
        flow.chunk(id);
        return;
      case "credit":
        flow.credit(id, message.bytes);
        return;
      case "stop": {
        wanted.delete(id);
        const stopped = new Error("the transfer was stopped");
        flow.stop(id, stopped);
        flow.fail(id, stopped);
        return;
      }
      default:
        message satisfies never;
    }
  }

  return {
    end: (reason: string) => flow.end(reason),
  };
}

/** A value that arrives on one connection, as the source for another. */
export function relayed(incoming: Incoming, close: () => void): Source {
  let rest: Uint8Array | undefined;
  const cut = (bytes: Uint8Array, most: number) => {
    rest = bytes.byteLength > most ? bytes.subarray(most) : undefined;
    return bytes.subarray(0, most);
  };
  return {
    shape: incoming.shape,
    read(most) {
      if (rest !== undefined) return cut(rest, most);
      const read = incoming.read();
      return read instanceof Promise ? read.then((bytes) => cut(bytes, most)) : cut(read, most);
    },
    close,
  };
}
