// The dialled side of a connection: serves values, and takes values that are sent to it. It gives back what
// it holds for a peer that stands still: the memory for a value that does not come, a value that is not read.

import { ProtocolError } from "../errors/errors.ts";
import { systemClock, type Clock } from "../link/clock.ts";
import type { Socket } from "../link/socket.ts";
import { limits } from "../wire/limits.ts";
import { Flow, mostValues } from "./flow.ts";
import { windowBytes, type Incoming } from "./incoming.ts";
import { readAsked, type Asked, type Want } from "./messages.ts";
import type { Source } from "./shape.ts";
import { StallWatch } from "./stall-watch.ts";

/** The values that are served, and the place for values that arrive. */
export type Shelf = {
  /** The bytes of a value; undefined when it is not here. A rejection says why it cannot be read. */
  find(want: Want): Source | undefined | Promise<Source | undefined>;
  /** Takes a value; resolves when it is held. Reads all of it, unless it rejects. */
  take(want: Want, incoming: Incoming, to: string | undefined): Promise<void>;
};

export type ResponderOptions = {
  readonly clock?: Clock | undefined;
  /**
   * A connection on which nothing moves for this long while it is the other side's turn is ended, in milliseconds.
   * One without a request is too: whoever may ask again has closed it before. Default 120,000, for the other side
   * may be a program that is busy.
   */
  readonly stallMs?: number | undefined;
};

/** Bytes of all values on one connection that wait to be passed on. */
const mostUnreadBytes = 8 * windowBytes;

/** Answers on one socket, which has proved the token, until it closes. */
export function respond(
  socket: Socket,
  shelf: Shelf,
  closed: () => void = () => undefined,
  { clock = systemClock, stallMs = 120_000 }: ResponderOptions = {},
) {
  const wanted = new Set<number>();
  const taking = new Set<Incoming>();
  const on = {
    text: (text: string) => receive(readAsked(text)),
    closed: () => {
      watch.stop();
      closed();
    },
  };
  const flow: Flow = new Flow(socket, on, mostUnreadBytes);
  const isOurTurn = () => {
    if (wanted.size > 0 || flow.isReadingSource) return true;
    for (const incoming of taking) if (!incoming.isAwaited) return true;
    return false;
  };
  const watch = new StallWatch(clock, stallMs, {
    isTheirTurn: () => !isOurTurn(),
    moves: () => flow.arrivals + flow.departures,
    // A sign of life: holders that do not answer take their time, one after the other.
    waiting: () => flow.tell({ type: "credit", id: 1, bytes: 0 }),
    stalled: (forMs) => {
      flow.end(`nothing moved for ${Math.round(forMs / 1000)} s`);
      closed();
    },
  });
  watch.start();
  const fail = (id: number, error: unknown) => {
    const { message } = error as Error;
    flow.tell({ type: "failed", id, message: message.slice(0, limits.textLength) });
  };

  async function give(id: number, want: Want): Promise<void> {
    if (wanted.size + flow.values >= mostValues) {
      fail(id, new Error("too many values are asked for at once"));
      return;
    }
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
        if (flow.values >= mostValues) throw new ProtocolError("too many values at once");
        const incoming = flow.expect(id, message.shape);
        taking.add(incoming);
        void shelf
          .take(message, incoming, message.to)
          .then(
            () => flow.tell({ type: "stored", id }),
            (error: unknown) => {
              incoming.discard();
              fail(id, error);
            },
          )
          .finally(() => taking.delete(incoming));
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
    end: (reason: string) => {
      watch.stop();
      flow.end(reason);
    },
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
