// The transport of a link: whole messages, in order, each once, until it closes. The real one
// (`socket-ws.ts`) and one in memory, for tests, pass the same contract tests.

import { ConnectionError, ProtocolError } from "../errors/errors.ts";
import { withoutFrames } from "../errors/stack.ts";

export type Socket = {
  readonly open: boolean;
  /** Bytes passed to `send` that have not left this process. */
  readonly bufferedBytes: number;
  /** Bytes received, including those of incomplete messages; undefined when they are not counted. */
  readonly bytesRead?: number | undefined;
  /** Bytes that have left this process, in the same way. */
  readonly bytesSent?: number | undefined;
  /**
   * The SHA-256 of the certificate of the accepting side, as this side sees it: somebody in the middle has another
   * one. Undefined without TLS. The proofs of the token cover it.
   */
  readonly binding?: string | undefined;
  /** Sets the handlers. Messages are held back until the first call. */
  listen(handlers: SocketHandlers): void;
  /** Sends a message; has no effect after a close. The bytes must not change until they have left. */
  send(data: string | Uint8Array): void;
  /**
   * Frees the memory of a received message at once, where the transport can. For receivers of much
   * data; the garbage collector frees the memory of other messages.
   */
  release?(data: Uint8Array): void;
  /** Stops the delivery of messages until `resume`; in the end the other side cannot send either. */
  pause(): void;
  resume(): void;
  /** Closes both directions after everything sent has arrived. The reason is cut at 123 bytes. */
  close(code: number, reason: string): void;
  /** Closes at once, without telling the other side. */
  terminate(): void;
};

/** A received message: text, or binary data in memory that no other code writes to. */
export type SocketData = string | Uint8Array;

export type SocketHandlers = {
  message(data: SocketData): void;
  /** A sent message has left this process. */
  wrote(): void;
  /** The last event, called once. Not called after `terminate` on this side. */
  closed(close: SocketClose): void;
};

/** For a socket whose events no longer matter. */
export const noHandlers: SocketHandlers = { message() {}, wrote() {}, closed() {} };

export type SocketClose = {
  code: number;
  reason: string;
  /** Set when the other side violated the rules of the transport (too large, not UTF-8, …). */
  violation?: string;
};

/** Why a socket was closed. After any other code (1001, 1006, …) the link may resume. */
export const closeCodes = {
  /** The closing side ends the session. */
  goodbye: 4000,
  /** The peer was refused; a `refused` message has the reason. */
  refused: 4001,
  /** The other side violated the protocol; the reason says how. The session ends. */
  violation: 4002,
  /** The same peer has connected with a newer socket. */
  replaced: 4003,
  /** Too much was queued for the other side. The session ends. */
  overflow: 4004,
  /** The closing side has an internal error. The session ends. */
  fault: 4005,
} as const;

/** The other side ended the session in good order; the message has its reason. */
export class GoodbyeError extends ConnectionError {}

/**
 * Whether a session ends with its socket, and with which error; undefined when the session can
 * resume. A frame that the other side rejected would be rejected again, so such a close is an end.
 */
export function endOf(close: SocketClose): { error: Error | undefined } | undefined {
  const end = sayEnd(close);
  if (end?.error) withoutFrames(end.error);
  return end;
}

function sayEnd(close: SocketClose): { error: Error | undefined } | undefined {
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

/** Cuts a reason to the size of a close frame, never inside a character. */
export function closeReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.length <= 123) return reason;
  let end = 120;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}
