// The side that was dialled: gives the values it has to those who ask, and takes those it is sent.

import type { Socket } from "../link/socket.ts";
import { limits } from "../wire/limits.ts";
import { Flow, type Incoming } from "./flow.ts";
import { readAsked, type Asked, type Want } from "./messages.ts";
import type { Source } from "./shape.ts";

/** What can be asked for, and what takes what is sent. */
export type Shelf = {
  /** Undefined: it is not here. A rejection says why it cannot be given although it may be. */
  find(want: Want): Source | undefined | Promise<Source | undefined>;
  /** Takes a value; resolves when it is held. Reads it to its end, unless it rejects. */
  take(want: Want, incoming: Incoming, to: string | undefined): Promise<void>;
};

/** Answers on one socket until it closes; it has shown the token. */
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
      // Most are in memory: those are given without a turn in between.
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
        const stopped = new Error("it was stopped");
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

/** What comes from one side, to be passed on to another. */
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
