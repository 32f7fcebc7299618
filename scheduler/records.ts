// What the journal keeps of one event: the moment, and either the frame of a peer as it came over the
// wire, what is left of one that was refused, the hello of a peer that joins, or the event itself as JSON. A
// successor reads the same events.

import { ProtocolError } from "../src/errors/errors.ts";
import type { SocketData } from "../src/link/socket.ts";
import type { ClientHello, WorkerHello } from "../src/wire/protocol.ts";
import type { Right } from "../src/wire/rights.ts";
import type { CoreOptions } from "./core/state.ts";
import type { Event } from "./core/step.ts";

/** The hello of a peer that has a session, with what the peer proved; nothing stands for the full right. */
export type PeerHello = (ClientHello & { readonly right?: Right }) | WorkerHello;

/** What a session keeps of a hello: the core keeps the facts of workers, which may be large. */
export type Peer = ClientPeer | WorkerPeer;
type ClientPeer = Pick<ClientHello, "role" | "id" | "name" | "attempt"> & {
  readonly right?: Right;
};
export type WorkerPeer = Pick<
  WorkerHello,
  "role" | "id" | "name" | "attempt" | "host" | "pid" | "supervisor"
>;

export function peerOf(hello: PeerHello): Peer {
  const { id, name, attempt } = hello;
  const common = { id, name, ...(attempt !== undefined && { attempt }) };
  if (hello.role === "client") {
    return { role: "client", ...common, ...(hello.right && { right: hello.right }) };
  }
  const { host, pid, supervisor } = hello;
  return { role: "worker", ...common, host, pid, ...(supervisor !== undefined && { supervisor }) };
}

/** The options of the core that a scheduler was started with; functions are the same in each. */
export type KeptOptions = Partial<Omit<CoreOptions, "nearestNames">>;

/** What happened. Every kind but `frame` is written as JSON. */
export type Happening =
  /** A scheduler begins, or goes on where an earlier one ended. */
  | { readonly kind: "start"; readonly options: KeptOptions }
  | { readonly kind: "join"; readonly hello: PeerHello }
  | {
      readonly kind: "frame";
      readonly role: PeerHello["role"];
      readonly from: string;
      readonly data: SocketData;
    }
  /** A frame of a client of which nothing new was taken. */
  | {
      readonly kind: "refused";
      readonly event: RefusedEvent;
      /** Messages that the frame had, and that it acknowledged. */
      readonly received: number;
      readonly ack: number;
    }
  | { readonly kind: "event"; readonly event: Event };

export type RefusedEvent = Extract<Event, { type: "client-refused" }>;

export type Recorded = { readonly now: number; readonly what: Happening };

/** The first byte of a record: what it is, and for a frame who it is from. */
const json = 0;
const [text, binary] = [1, 2];
const fromWorker = 16;
/** This byte, the moment, and the length of the id of a peer. */
const headBytes = 1 + 8 + 2;

/** The parts of a record. A frame is not copied. */
export function recordOf({ now, what }: Recorded): (string | Uint8Array)[] {
  if (what.kind !== "frame") return [headOf(json, now, ""), JSON.stringify(what)];
  const { role, from, data } = what;
  const code = (typeof data === "string" ? text : binary) + (role === "worker" ? fromWorker : 0);
  return [headOf(code, now, from), data];
}

/**
 * Reads a record.
 *
 * @throws {ProtocolError} when it is none
 */
export function readRecord(record: Uint8Array): Recorded {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
  const code = bytes[0]!;
  const now = bytes.readDoubleLE(1);
  const bodyAt = headBytes + bytes.readUInt16LE(9);
  if (code === json) {
    return { now, what: JSON.parse(bytes.toString("utf8", bodyAt)) as Happening };
  }
  const role = code >= fromWorker ? "worker" : "client";
  const from = bytes.toString("utf8", headBytes, bodyAt);
  switch (code % fromWorker) {
    case text:
      return { now, what: { kind: "frame", role, from, data: bytes.toString("utf8", bodyAt) } };
    case binary: {
      // A copy: values in it are views, and would keep all that was read beside them.
      const data = Uint8Array.from(bytes.subarray(bodyAt));
      return { now, what: { kind: "frame", role, from, data } };
    }
    default:
      throw new ProtocolError(`a record of the journal has the unknown code ${code}`);
  }
}

function headOf(code: number, now: number, from: string): Uint8Array {
  const fromBytes = Buffer.byteLength(from);
  const head = Buffer.allocUnsafe(headBytes + fromBytes);
  head[0] = code;
  head.writeDoubleLE(now, 1);
  head.writeUInt16LE(fromBytes, 9);
  head.write(from, headBytes);
  return head;
}
