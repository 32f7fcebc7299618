// The proofs: who knows the token gets in and is sure of the other side; who does not learns nothing.

import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { AuthenticationError, ConnectionError, ProtocolError } from "../../../src/errors/errors.ts";
import { hmac, isSame, mintNonce } from "../../../src/link/hmac.ts";
import { awaitProof, prove } from "../../../src/link/proof.ts";
import type { Purpose } from "../../../src/link/purpose.ts";
import { noHandlers, type Socket, type SocketData } from "../../../src/link/socket.ts";
import { limits } from "../../../src/wire/limits.ts";
import { PROTOCOL_VERSION } from "../../../src/wire/protocol.ts";
import { rightOf, type Right } from "../../../src/wire/rights.ts";
import { viewTokenOf } from "../../../src/meeting/token.ts";
import { memorySocketPair } from "./socket-memory.ts";

const token = "the-token-of-this-test";

type Side = { token?: string; purpose?: Purpose; binding?: string };

function dialling(socket: Socket, side: Side & { right?: Right; timeoutMs?: number } = {}) {
  const { token: own = token, purpose = "link", binding, timeoutMs = 5_000 } = side;
  const right = side.right ?? rightOf(own);
  return prove(Object.assign(socket, { binding }), { token: own, right, purpose, timeoutMs });
}

function accepting(socket: Socket, side: Side & { timeoutMs?: number } = {}) {
  const { token: own = token, purpose = "link", binding, timeoutMs } = side;
  const refusals: string[] = [];
  const right = awaitProof(Object.assign(socket, { binding }), {
    tokenFor: (claimed) => (claimed === "full" ? own : viewTokenOf(own)),
    purpose,
    timeoutMs,
    onRefused: (why) => refusals.push(why),
  });
  return { right, refusals };
}

/** Everything that a socket sends from now on. */
function recorded(socket: Socket): string[] {
  const sent: string[] = [];
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    sent.push(data as string);
    send(data);
  };
  return sent;
}

/** The messages that arrive on a socket, one at a time. */
function inbox(socket: Socket): () => Promise<Record<string, unknown>> {
  const waiting: ((message: Record<string, unknown>) => void)[] = [];
  const arrived: Record<string, unknown>[] = [];
  const take = (message: Record<string, unknown>) => {
    const next = waiting.shift();
    if (next) next(message);
    else arrived.push(message);
  };
  socket.listen({
    ...noHandlers,
    message: (data) => take(JSON.parse(data as string) as Record<string, unknown>),
    closed: ({ code, reason }) => take({ closed: code, reason }),
  });
  return () =>
    new Promise((resolve) => {
      const next = arrived.shift();
      if (next) resolve(next);
      else waiting.push(resolve);
    });
}

test.each<[token: string, right: Right]>([
  [token, "full"],
  [viewTokenOf(token), "view"],
])("both sides know %j, and the accepting side hears that the right is %s", async (own, right) => {
  const [dialled, accepted] = memorySocketPair();
  const side = accepting(accepted);
  await dialling(dialled, { token: own });
  dialled.send("the hello");
  expect(await side.right).toBe(right);
  const heard = new Promise<SocketData>((message) => accepted.listen({ ...noHandlers, message }));
  accepted.resume();
  expect(await heard).toBe("the hello");
  expect(side.refusals).toEqual([]);
});

test("the token crosses the wire in neither direction", async () => {
  const [dialled, accepted] = memorySocketPair();
  const said = [recorded(dialled), recorded(accepted)];
  const { right } = accepting(accepted);
  await dialling(dialled);
  await right;
  expect(said.map(({ length }) => length)).toEqual([2, 1]);
  for (const text of said.flat()) expect(text).not.toContain(token);
});

test("with another token both sides say so, and the dialling side proves nothing", async () => {
  const [dialled, accepted] = memorySocketPair();
  const sent = recorded(dialled);
  const side = accepting(accepted);
  const proving = dialling(dialled, { token: "another" });
  await expect(proving).rejects.toThrow(AuthenticationError);
  await expect(proving).rejects.toThrow(/^The token is not the one of this scheduler, or /);
  expect(await side.right).toBeUndefined();
  expect(side.refusals).toEqual([expect.stringContaining("the dialling side has another token")]);
  expect(sent).toHaveLength(1);
});

test("a view token proves no full right", async () => {
  const [dialled, accepted] = memorySocketPair();
  const side = accepting(accepted);
  const proving = dialling(dialled, { token: viewTokenOf(token), right: "full" });
  await expect(proving).rejects.toThrow(AuthenticationError);
  expect(await side.right).toBeUndefined();
});

test("a right that is not enough for the purpose is refused with words", async () => {
  const [dialled, accepted] = memorySocketPair();
  const right = awaitProof(accepted, { tokenFor: () => undefined, purpose: "data" });
  await expect(dialling(dialled, { purpose: "data" })).rejects.toThrow(
    "a full token is not enough for what is asked here",
  );
  expect(await right).toBeUndefined();
});

test("who listens without the token is sent a challenge, and nothing else", async () => {
  for (const answer of [
    { type: "proof", nonce: mintNonce(), proof: hmac("guess", "x") },
    { type: "welcome", scheduler: "s", resumed: false, received: 0, heartbeatMs: 1, graceMs: 1 },
    { type: "proof", nonce: "short", proof: "" },
    [],
  ]) {
    const [dialled, accepted] = memorySocketPair();
    const sent = recorded(dialled);
    const next = inbox(accepted);
    const proving = dialling(dialled).catch((error: unknown) => error);
    expect(await next()).toMatchObject({ type: "challenge", protocol: PROTOCOL_VERSION });
    accepted.send(JSON.stringify(answer));
    const error = await proving;
    expect(error instanceof AuthenticationError || error instanceof ProtocolError).toBe(true);
    expect(sent).toHaveLength(1);
  }
});

test("a recorded handshake opens nothing", async () => {
  const [dialled, accepted] = memorySocketPair();
  const sent = recorded(dialled);
  const side = accepting(accepted);
  await dialling(dialled);
  expect(await side.right).toBe("full");
  const [replaying, next] = memorySocketPair();
  const again = accepting(next);
  const answers = inbox(replaying);
  replaying.send(sent[0]!);
  expect(await answers()).toMatchObject({ type: "proof" });
  replaying.send(sent[1]!);
  expect(await answers()).toMatchObject({ type: "refused", code: "token" });
  expect(await again.right).toBeUndefined();
});

test("a recorded answer is no proof of who listens", async () => {
  const [dialled, accepted] = memorySocketPair();
  const answers = recorded(accepted);
  const side = accepting(accepted);
  await dialling(dialled);
  await side.right;
  const [next, rogue] = memorySocketPair();
  const challenged = inbox(rogue);
  const proving = expect(dialling(next)).rejects.toThrow(AuthenticationError);
  await challenged();
  rogue.send(answers[0]!);
  await proving;
});

test("a proof that is sent back to who made it proves nothing", async () => {
  const [rogue, accepted] = memorySocketPair();
  const side = accepting(accepted);
  const answers = inbox(rogue);
  rogue.send(
    JSON.stringify({
      type: "challenge",
      protocol: PROTOCOL_VERSION,
      right: "full",
      nonce: mintNonce(),
    }),
  );
  const { proof } = await answers();
  rogue.send(JSON.stringify({ type: "proof", proof }));
  expect(await answers()).toMatchObject({ type: "refused", code: "token" });
  expect(await side.right).toBeUndefined();
});

test.each<[what: string, dialling: Side, accepting: Side]>([
  ["for another purpose", { purpose: "link" }, { purpose: "data" }],
  ["over another certificate", { binding: "one" }, { binding: "two" }],
  ["without the encryption of the other end", { binding: "one" }, {}],
])(
  "a proof %s proves nothing, as when somebody in the middle passes it on",
  async (_, one, two) => {
    const [dialled, accepted] = memorySocketPair();
    const sent = recorded(dialled);
    const side = accepting(accepted, two);
    await expect(dialling(dialled, one)).rejects.toThrow(AuthenticationError);
    expect(await side.right).toBeUndefined();
    expect(sent).toHaveLength(1);
  },
);

test("sides of different versions are told so, however the other one begins", async () => {
  for (const type of ["challenge", "hello"]) {
    const [old, accepted] = memorySocketPair();
    const side = accepting(accepted);
    const answers = inbox(old);
    old.send(JSON.stringify({ type, protocol: PROTOCOL_VERSION - 1, role: "client" }));
    const words = /^Install the same version of thence on both sides/;
    expect(await answers()).toMatchObject({
      code: "version",
      message: expect.stringMatching(words),
    });
    expect(await side.right).toBeUndefined();
    const [dialled, refusing] = memorySocketPair();
    refusing.listen(noHandlers);
    refusing.send(JSON.stringify({ type: "refused", code: "version", message: "another version" }));
    await expect(dialling(dialled)).rejects.toThrow(ProtocolError);
  }
});

test.each<[what: string, data: string | Uint8Array]>([
  ["no JSON", "hello?"],
  ["bytes", new Uint8Array(10)],
  [
    "a hello at once",
    JSON.stringify({ type: "hello", protocol: PROTOCOL_VERSION, role: "client" }),
  ],
  ["a challenge without a nonce", `{"type":"challenge","protocol":${PROTOCOL_VERSION}}`],
  ["a message that is too large", JSON.stringify("x".repeat(limits.proofCharacters))],
  ["null", "null"],
])("%s is refused", async (_, data) => {
  const [stranger, accepted] = memorySocketPair();
  const side = accepting(accepted);
  const answers = inbox(stranger);
  stranger.send(data);
  expect(await answers()).toMatchObject({ type: "refused", code: "malformed" });
  expect(await side.right).toBeUndefined();
  expect(side.refusals).toHaveLength(1);
});

test("silence has an end on both sides", async () => {
  const [dialled, accepted] = memorySocketPair();
  accepted.listen(noHandlers);
  const proving = dialling(dialled, { timeoutMs: 10 });
  await expect(proving).rejects.toThrow(ConnectionError);
  const [, waiting] = memorySocketPair();
  const side = accepting(waiting, { timeoutMs: 10 });
  expect(await side.right).toBeUndefined();
  expect(side.refusals).toEqual(["no proof within 10 ms"]);
});

test("the HMAC is that of Node, and texts are compared whole", () => {
  for (const text of ["", "text", "Grüße 🎈"]) {
    const native = createHmac("sha256", token).update(text).digest("base64url");
    expect(hmac(token, text)).toBe(native);
  }
  expect(isSame("abc", "abc")).toBe(true);
  expect(isSame("abc", "abd")).toBe(false);
  expect(isSame("abc", "abcd")).toBe(false);
});
