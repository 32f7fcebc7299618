// What is kept of a frame of a client while the disk is full: which of its messages were refused, and those
// that bring nothing as they are.

import type { SocketData } from "../src/link/socket.ts";
import { readFrame } from "../src/wire/frame.ts";
import { withoutBurden } from "./core/clients/refusing.ts";
import type { Event } from "./core/step.ts";
import type { Happening } from "./records.ts";

const why = "the disk of its journal is full";

/** Undefined when nothing in the frame has to be refused. */
export function refusalOf(
  { from, messages: all }: Extract<Event, { type: "client-messages" }>,
  frame: SocketData,
): Extract<Happening, { kind: "refused" }> | undefined {
  const messages = all.map(withoutBurden);
  if (messages.every((message, index) => message === all[index])) return undefined;
  const { ack, messages: received } = readFrame(frame);
  const event = { type: "client-refused", from, messages, why } as const;
  return { kind: "refused", event, received: received.length, ack };
}
