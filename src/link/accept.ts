// The accepting side of the handshake: the first message on a fresh socket, which is JSON text by
// itself and not a frame. What the scheduler does with it:
//
//   const hello = await awaitHello(socket);
//   if (hello === undefined) return;
//   const known = links.get(hello.id);
//   const resumed = hello.resumes === id && (known?.canResume(hello.received) ?? false);
//   const link = resumed ? known : new Link(…);     // not resumed, yet known: the old session is over
//   welcome(socket, { …, resumed, received: link.received });
//   link.attach(socket, resumed ? hello.received : 0);

import { checkHello, VersionError } from "../wire/check.ts";
import { systemClock, type Clock } from "./clock.ts";
import { limits } from "../wire/limits.ts";
import type { Hello, Welcome, WelcomeOrRefused } from "../wire/protocol.ts";
import { closeCodes, noHandlers, type Socket, type SocketData } from "./socket.ts";

/** Why a peer was refused, and what the dialling side makes of it. */
export type RefusalCode =
  /** Not a well-formed hello, too large, or not the first message. It fails with ProtocolError. */
  | "malformed"
  /** It speaks another version of the protocol. It fails with ProtocolError. */
  | "version"
  /** There was no hello in time. It tries again. */
  | "slow"
  /** It looks for another scheduler: its scheduler file is stale. It tries again; the file may change. */
  | "stale"
  /** It cannot be taken now, for instance while shutting down. It tries again. */
  | "unavailable"
  /** It cannot be taken, and never will as it is: the message says why. It fails with ConnectionError. */
  | "rejected";

export type Refusal = { code: RefusalCode; message: string };

/**
 * Reads the hello. `undefined` when there was none to be had: the peer has then been told why and
 * cut off. The socket stays paused until `Link.attach`.
 *
 * @param options timeoutMs defaults to 10,000; `onRefused` hears why, for the log
 */
export async function awaitHello(
  socket: Socket,
  options: { timeoutMs?: number; clock?: Clock; onRefused?: (refusal: Refusal) => void } = {},
): Promise<Hello | undefined> {
  const { timeoutMs = 10_000, clock = systemClock } = options;
  const { promise, resolve } = Promise.withResolvers<Hello | undefined>();
  const fail = (code: RefusalCode, message: string) => {
    stopWaiting();
    refuse(socket, code, message);
    options.onRefused?.({ code, message });
    resolve(undefined);
  };
  const stopWaiting = clock.setTimeout(
    () => fail("slow", `no hello within ${timeoutMs / 1000} s`),
    timeoutMs,
    { keepAlive: false },
  );
  socket.listen({
    message(data) {
      socket.pause();
      try {
        const hello = readHello(data);
        stopWaiting();
        resolve(hello);
      } catch (error) {
        const code = error instanceof VersionError ? "version" : "malformed";
        fail(code, (error as Error).message);
      }
    },
    wrote() {},
    closed() {
      stopWaiting();
      resolve(undefined);
    },
  });
  return promise;
}

/** Says hello back; `Link.attach` follows in the same turn of the event loop. */
export function welcome(socket: Socket, facts: Omit<Welcome, "type">): void {
  const message: WelcomeOrRefused = { type: "welcome", ...facts };
  socket.send(JSON.stringify(message));
}

/** Says why, then closes. */
export function refuse(socket: Socket, code: RefusalCode, message: string): void {
  const refusal: WelcomeOrRefused = {
    type: "refused",
    code,
    message: message.slice(0, limits.textLength),
  };
  socket.listen(noHandlers);
  socket.send(JSON.stringify(refusal));
  socket.close(closeCodes.refused, message);
}

function readHello(data: SocketData): Hello {
  if (typeof data !== "string") throw new Error("the first message must be a hello, as text");
  if (data.length > limits.helloBytes) {
    throw new Error(
      `a hello may have ${limits.helloBytes} characters, this one has ${data.length}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new Error("the first message must be a hello, as JSON");
  }
  if ((value as { type?: unknown } | null)?.type !== "hello") {
    throw new Error("the first message must be a hello");
  }
  return checkHello(value);
}
