// The accepting side of the handshake. The first message on a new socket is a hello: JSON text, not a
// frame. The scheduler uses it like this:
//
//   const hello = await awaitHello(socket);
//   if (hello === undefined) return;
//   const known = links.get(hello.id);
//   const resumed = hello.resumes === id && … && (known?.canResume(hello.received) ?? false);
//   const link = resumed ? known : new Link(…);     // a known session that cannot resume ends
//   welcome(socket, { …, resumed, received: link.received });
//   link.attach(socket, resumed ? hello.received : 0);

import { checkHello, VersionError } from "../wire/check.ts";
import { describeDuration } from "../duration.ts";
import { systemClock, type Clock } from "./clock.ts";
import { limits } from "../wire/limits.ts";
import type { Hello, Welcome, WelcomeOrRefused } from "../wire/protocol.ts";
import { closeCodes, noHandlers, type Socket, type SocketData } from "./socket.ts";

/** Why a peer is refused, and how the dialling side reacts. */
export type RefusalCode =
  /** The first message is not a valid hello, or is too large. The dialler fails with ProtocolError. */
  | "malformed"
  /** The peer uses another protocol version. The dialler fails with ProtocolError. */
  | "version"
  /** The peer does not know the token. The dialler fails with AuthenticationError. */
  | "token"
  /** No hello, or no proof, arrived in time. The dialler tries again. */
  | "slow"
  /** The peer looks for another scheduler; its scheduler file is stale. The dialler tries again. */
  | "stale"
  /** The hello said that a worker has ended, and begins no session. */
  | "noted"
  /** The scheduler cannot accept peers now, because it shuts down. The dialler tries again. */
  | "unavailable"
  /** Another worker has this name. The dialler fails with NameTakenError. */
  | "taken"
  /** The scheduler cannot accept this peer; the message says why. The dialler fails with ConnectionError. */
  | "rejected";

export type Refusal = { code: RefusalCode; message: string };

/**
 * Reads the hello. Returns undefined when there is no valid one; the peer has then been refused. The
 * socket stays paused until `Link.attach`.
 *
 * @param options `timeoutMs` defaults to 10,000; `onRefused` receives the reason, for the log
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
    () => fail("slow", `no hello within ${describeDuration(timeoutMs)}`),
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

/** Answers a hello. Call `Link.attach` in the same turn of the event loop. */
export function welcome(socket: Socket, facts: Omit<Welcome, "type">): void {
  const message: WelcomeOrRefused = { type: "welcome", ...facts };
  socket.send(JSON.stringify(message));
}

/** Tells the peer why it is refused, then closes the socket. */
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
