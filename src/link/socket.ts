// What a link needs of a transport: whole messages, in order, each once, until it closes. A real
// one (`socket-ws.ts`) and one in memory (for tests) pass the same contract tests.

import { ConnectionError, ProtocolError } from "../errors/errors.ts";

export type Socket = {
  readonly open: boolean;
  /** Bytes given to `send` that have not left this process. */
  readonly bufferedBytes: number;
  /** Bytes that came, also of messages that are not whole yet; undefined where nobody counts them. */
  readonly bytesRead?: number | undefined;
  /** Says who hears from now on; until the first call everything is held back. */
  listen(handlers: SocketHandlers): void;
  /** Without effect once closed. The bytes must not change until they have left. */
  send(data: string | Uint8Array): void;
  /**
   * Nobody will look at these bytes, received as a message, again: a transport that can frees their
   * memory at once. For who receives much; the rest is left to the garbage collector.
   */
  release?(data: Uint8Array): void;
  /** No message is delivered until `resume`, and the other side is slowed down in the end. */
  pause(): void;
  resume(): void;
  /** Lets what was sent arrive, then closes both ways; the reason is cut at 123 bytes. */
  close(code: number, reason: string): void;
  /** At once, and without a word to the other side. */
  terminate(): void;
};

/** A message received: text, or binary data in memory that nothing else will write to. */
export type SocketData = string | Uint8Array;

export type SocketHandlers = {
  message(data: SocketData): void;
  /** Something that was sent has left this process. */
  wrote(): void;
  /** Once, and nothing after it. Not called for one's own `terminate`. */
  closed(close: SocketClose): void;
};

/** For a socket whose events no longer matter. */
export const noHandlers: SocketHandlers = { message() {}, wrote() {}, closed() {} };

export type SocketClose = {
  code: number;
  reason: string;
  /** Set when the other side broke the rules of the transport (too large, not UTF-8, …). */
  violation?: string;
};

/** Why a socket was closed. Every other code (1001, 1006, …) is a drop, and the link may resume. */
export const closeCodes = {
  /** The side that closes is done for ever; the session ends with it. */
  goodbye: 4000,
  /** After a `refused` message that says why. */
  refused: 4001,
  /** The other side broke the protocol; the reason says how. The session ends. */
  violation: 4002,
  /** The same peer came back on a newer socket. */
  replaced: 4003,
  /** More was waiting for the other side than this one is willing to keep. The session ends. */
  overflow: 4004,
  /** A fault of the side that closes. The session ends. */
  fault: 4005,
} as const;

/** The other side ended the session because it was done, and says why. */
export class GoodbyeError extends ConnectionError {}

/**
 * Whether a session ends with its socket, and by what error; `undefined`: only the socket is gone.
 * A frame that the other side found wrong would be wrong again, so such a close is an end too.
 */
export function endOf(close: SocketClose): { error: Error | undefined } | undefined {
  const said = describeClose(close);
  if (close.violation !== undefined) return { error: new ProtocolError(close.violation) };
  switch (close.code) {
    case closeCodes.goodbye:
      return { error: close.reason === "" ? undefined : new GoodbyeError(close.reason) };
    case closeCodes.violation:
    case closeCodes.refused:
      return { error: new ProtocolError(`the other side cut the link: ${said}`) };
    case closeCodes.replaced:
    case closeCodes.overflow:
    case closeCodes.fault:
      return { error: new ConnectionError(`the other side cut the link: ${said}`) };
    case 1009:
      return { error: new ProtocolError("the other side cut the link: a frame was too large") };
    case 1002:
    case 1003:
    case 1007:
    case 1008:
      return { error: new ProtocolError(`the other side cut the link: ${said}`) };
    default:
      return undefined;
  }
}

/** The reason for a close, or its code when the other side gave no reason. */
export function describeClose({ violation, reason, code }: SocketClose): string {
  return violation ?? (reason === "" ? `close code ${code}` : reason);
}

/** Words cut to what a close frame holds, never inside a character. */
export function closeReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= 123) return reason;
  let end = 120;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}
