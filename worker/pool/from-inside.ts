// What the client inside a task says, as main takes it from a thread: checked like what comes from any
// client, for it is passed on to others.

import type { SocketData } from "../../src/link/socket.ts";
import { checkFromClient } from "../../src/wire/check.ts";
import { readFrame } from "../../src/wire/frame.ts";
import type { FromClient } from "../../src/wire/protocol.ts";

/** @throws {ProtocolError} whatever it is given */
export function messagesOf(frame: SocketData): FromClient[] {
  const { messages, parts } = readFrame(frame);
  return messages.map((message) => checkFromClient(message, parts));
}
