// The first messages on every connection: both sides prove that they know the token, and the token itself
// never travels. Nothing else is read before that, and nothing that matters is said.
//
//   dialling side                                accepting side
//   challenge  { protocol, right, nonce }   →
//                                           ←    proof  { nonce, proof }
//   proof      { proof }, hello, …          →
//
// A proof is an HMAC under the token. It covers which side made it, the right, the purpose, both nonces, and the
// binding of the socket, so one that was recorded, reflected, or made for something else proves nothing.
// The accepting side goes first: who listens where a scheduler was learns nothing of the token.

import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/schema";
import { describeDuration } from "../duration.ts";
import { AuthenticationError, ConnectionError, ProtocolError } from "../errors/errors.ts";
import { checkWelcome, VersionError } from "../wire/check.ts";
import { limits } from "../wire/limits.ts";
import { PROTOCOL_VERSION } from "../wire/protocol.ts";
import { rights, type Right } from "../wire/rights.ts";
import { refuse, type RefusalCode } from "./accept.ts";
import { systemClock, type Clock } from "./clock.ts";
import { hmac, isSame, mintNonce } from "./hmac.ts";
import { refusalError } from "./handshake.ts";
import type { Purpose } from "./purpose.ts";
import { closeCodes, describeClose, noHandlers } from "./socket.ts";
import type { Socket, SocketClose, SocketData } from "./socket.ts";

const Nonce = Type.String({ minLength: 22, maxLength: 128 });
const Proof = Type.String({ minLength: 43, maxLength: 43 });

const challengeSchema = Type.Object({
  type: Type.Literal("challenge"),
  protocol: Type.Literal(PROTOCOL_VERSION),
  /** Which of the tokens the dialling side has. */
  right: Type.Enum(rights),
  nonce: Nonce,
});
const answerSchema = Type.Object({ type: Type.Literal("proof"), nonce: Nonce, proof: Proof });
const proofSchema = Type.Object({ type: Type.Literal("proof"), proof: Proof });
const readChallenge = readerOf(challengeSchema);
const readAnswer = readerOf(answerSchema);
const readProof = readerOf(proofSchema);

/** What both sides must agree upon. */
type Terms = {
  readonly right: Right;
  readonly purpose: Purpose;
  readonly dialled: string;
  readonly accepted: string;
  readonly binding: string;
};

function proofOf(token: string, side: "dialling" | "accepting", terms: Terms): string {
  const { right, purpose, dialled, accepted, binding } = terms;
  const said = [side, PROTOCOL_VERSION, right, purpose, dialled, accepted, binding];
  return hmac(token, JSON.stringify(["thence proof", ...said]));
}

export type ProveOptions = {
  token: string;
  /** The right that comes with this token. */
  right: Right;
  purpose: Purpose;
  timeoutMs: number;
  clock?: Clock | undefined;
  signal?: AbortSignal | undefined;
};

/**
 * The dialling side, on a new socket; resolves when the other side has proved that it knows the token, and the
 * proof of this side has been sent. The caller sets its handlers in the same turn of the event loop. After an
 * error the socket is closed.
 *
 * @throws {AuthenticationError} when the other side does not know the token
 * @throws {ProtocolError} when it has another protocol version, or is not of thence
 * @throws {ConnectionError} when another attempt may succeed
 */
export async function prove(socket: Socket, options: ProveOptions): Promise<void> {
  const { token, right, purpose, timeoutMs, clock = systemClock, signal } = options;
  const dialled = mintNonce();
  const { promise: answered, resolve, reject } = Promise.withResolvers<SocketData>();
  const stopWaiting = clock.setTimeout(
    () => reject(new ConnectionError("connected, but no answer to the challenge")),
    timeoutMs,
  );
  const stop = () => reject(new ConnectionError("the attempt was cancelled"));
  signal?.addEventListener("abort", stop, { once: true });
  socket.listen({
    message: resolve,
    wrote() {},
    closed: (close) =>
      reject(new ConnectionError(`connected, but cut off: ${describeClose(close)}`)),
  });
  socket.send(
    JSON.stringify({ type: "challenge", protocol: PROTOCOL_VERSION, right, nonce: dialled }),
  );
  try {
    const answer = answerIn(await answered);
    const binding = socket.binding ?? "";
    const terms = { right, purpose, dialled, accepted: answer.nonce, binding };
    if (!isSame(answer.proof, proofOf(token, "accepting", terms))) {
      socket.close(closeCodes.refused, "the dialling side has another token");
      throw new AuthenticationError(
        "The token is not the one of this scheduler, or what answers there is not the scheduler: " +
          "it does not know the token.",
      );
    }
    socket.send(JSON.stringify({ type: "proof", proof: proofOf(token, "dialling", terms) }));
  } catch (error) {
    socket.listen(noHandlers);
    if (!(error instanceof AuthenticationError)) socket.terminate();
    throw error;
  } finally {
    stopWaiting();
    signal?.removeEventListener("abort", stop);
  }
}

function answerIn(data: SocketData): Static<typeof answerSchema> {
  const value = valueIn(data);
  if ((value as { type?: unknown } | undefined)?.type === "refused") {
    const refusal = checkWelcome(value);
    if (refusal.type === "refused") throw refusalError(refusal);
  }
  const answer = readAnswer(value);
  if (answer === undefined) {
    throw new ProtocolError("the server at this address is not of thence");
  }
  return answer;
}

export type AwaitProofOptions = {
  /** The token that proves a right; undefined when the right is not enough for the purpose. */
  tokenFor: (right: Right) => string | undefined;
  purpose: Purpose;
  /** Default: 10,000. */
  timeoutMs?: number | undefined;
  clock?: Clock | undefined;
  /** Receives the reason for a refusal, for the log, and whether the other side has just vanished. */
  onRefused?: ((why: string, hasVanished: boolean) => void) | undefined;
};

/**
 * The accepting side, on a new socket; resolves with the right that the other side has proved, and the socket is
 * then paused. Resolves with undefined when it proved none; it has then been refused.
 */
export async function awaitProof(
  socket: Socket,
  options: AwaitProofOptions,
): Promise<Right | undefined> {
  const { tokenFor, purpose, timeoutMs = 10_000, clock = systemClock, onRefused } = options;
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => undefined);
  let arrived = Promise.withResolvers<SocketData>();
  const stopWaiting = clock.setTimeout(
    () => over.reject(new Refused("slow", `no proof within ${describeDuration(timeoutMs)}`)),
    timeoutMs,
    { keepAlive: false },
  );
  socket.listen({
    message(data) {
      socket.pause();
      arrived.resolve(data);
    },
    wrote() {},
    closed: (close) => over.reject(new Gone(close)),
  });
  const next = async (): Promise<unknown> => {
    const data = await Promise.race([arrived.promise, over.promise]);
    arrived = Promise.withResolvers<SocketData>();
    return valueIn(data);
  };
  try {
    const { right, nonce: dialled } = challengeIn(await next());
    const token = tokenFor(right);
    if (token === undefined) {
      throw new Refused("rejected", `a ${right} token is not enough for what is asked here`);
    }
    const accepted = mintNonce();
    const terms = { right, purpose, dialled, accepted, binding: socket.binding ?? "" };
    const proof = proofOf(token, "accepting", terms);
    socket.send(JSON.stringify({ type: "proof", nonce: accepted, proof }));
    socket.resume();
    const answer = readProof(await next());
    if (answer === undefined) throw new Refused("malformed", "the second message must be a proof");
    if (!isSame(answer.proof, proofOf(token, "dialling", terms))) {
      throw new Refused("token", "the proof is not one of this token");
    }
    return right;
  } catch (error) {
    if (error instanceof Refused) refuse(socket, error.code, error.message);
    else if (!(error instanceof Gone)) throw error;
    onRefused?.(error.message, error instanceof Gone && error.hasVanished);
    return undefined;
  } finally {
    stopWaiting();
  }
}

class Refused extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** The other side has left before it proved anything. */
class Gone extends Error {
  /** Without a word, as the processes of a job do that is over. */
  readonly hasVanished: boolean;

  constructor(close: SocketClose) {
    super(`it left before it proved that it knows the token: ${describeClose(close)}`);
    this.hasVanished = close.code === vanished && close.violation === undefined;
  }
}
/** The code of RFC 6455 for a connection that ended without a close. */
const vanished = 1006;

function challengeIn(value: unknown): Static<typeof challengeSchema> {
  const { type, protocol } = (value ?? {}) as { type?: unknown; protocol?: unknown };
  // A peer of an older version begins with its hello.
  const isOther = type === "hello" || (type === "challenge" && Number.isInteger(protocol));
  if (isOther && protocol !== PROTOCOL_VERSION) {
    throw new Refused("version", new VersionError(protocol).message);
  }
  const challenge = readChallenge(value);
  if (challenge === undefined) {
    throw new Refused("malformed", "the first message must be a challenge");
  }
  return challenge;
}

/** The JSON value of a message; undefined when there is none. */
function valueIn(data: SocketData): unknown {
  if (typeof data !== "string" || data.length > limits.proofCharacters) return undefined;
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

function readerOf<Schema extends TSchema>(schema: Schema) {
  const compiled = Compile(schema);
  return (value: unknown): Static<Schema> | undefined =>
    compiled.Check(value) ? value : undefined;
}
