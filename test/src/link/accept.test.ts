// The accepting side of the handshake: which peers are accepted, and why others are refused.

import { describe, expect, test, vi } from "vitest";
import { limits } from "../../../src/wire/limits.ts";
import { memorySocketPair } from "./socket-memory.ts";
import type { SocketClose, SocketData } from "../../../src/link/socket.ts";
import { AcceptingSide, clientHello as hello } from "./accepting-side.ts";
import { VirtualClock } from "./virtual-clock.ts";

/** The answers to a peer that sends these messages after it has connected. */
async function afterSaying(...things: SocketData[]) {
  const clock = new VirtualClock();
  const side = new AcceptingSide({ clock });
  const [peer, socket] = memorySocketPair({ clock });
  const heard: { type?: string; code?: string; message?: string }[] = [];
  const closes: SocketClose[] = [];
  peer.listen({
    message: (data) => heard.push(JSON.parse(data as string)),
    wrote() {},
    closed: (close) => closes.push(close),
  });
  void side.accept(socket);
  for (const thing of things) peer.send(thing);
  await clock.advance(2_000);
  return { side, heard, closes, clock, peer };
}

describe("a fresh socket", () => {
  test("is welcomed for a hello", async () => {
    const { side, heard } = await afterSaying(JSON.stringify(hello));
    expect(heard[0]).toMatchObject({ type: "welcome", resumed: false, received: 0 });
    expect(side.links.get("c1")?.state).toBe("up");
  });

  test.each([
    ["nothing", [], "slow", /no hello within 1 s/],
    ["bytes", [new Uint8Array(9)], "malformed", /hello, as text/],
    ["no JSON", ["hello"], "malformed", /hello, as JSON/],
    ["null", ["null"], "malformed", /the first message must be a hello/],
    ["a frame", ["[0]"], "malformed", /the first message must be a hello/],
    ["a hello of no role", [JSON.stringify({ ...hello, role: "x" })], "malformed", /not a role/],
    ["half a hello", [JSON.stringify({ ...hello, id: "" })], "malformed", /"client"\.id/],
    ["another version", [JSON.stringify({ ...hello, protocol: 9 })], "version", /same version/],
    ["too much", [" ".repeat(limits.helloBytes + 1)], "malformed", /4194304 characters/],
  ])("that says %s is told why and closed", async (_, things, code, words) => {
    const { side, heard, closes } = await afterSaying(...things);
    expect(heard).toEqual([{ type: "refused", code, message: expect.stringMatching(words) }]);
    expect(closes).toMatchObject([{ code: 4001 }]);
    expect(side.refusals).toEqual([{ code, message: expect.stringMatching(words) }]);
    expect(side.links.size).toBe(0);
  });

  test("may not speak before it is welcomed, and loses nothing if it does", async () => {
    // The peer sends before its welcome has arrived, which is allowed.
    const { side } = await afterSaying(JSON.stringify(hello), '[0,{"type":"note","n":1}]');
    expect(side.heard).toEqual([{ type: "note", n: 1 }]);
  });

  test("that says hello twice is cut off", async () => {
    const text = JSON.stringify(hello);
    const { side, closes } = await afterSaying(text, text);
    expect(closes).toMatchObject([{ code: 4002, reason: "a frame is not an array" }]);
    expect(side.ends).toMatchObject([{ code: "protocol-violated" }]);
  });

  test("that is gone before its hello is nobody's concern", async () => {
    const { side, peer, clock } = await afterSaying();
    const [other, socket] = memorySocketPair({ clock });
    void side.accept(socket);
    other.terminate();
    await clock.advance(2_000);
    expect(side.refusals).toHaveLength(1);
    expect(peer.open).toBe(false);
    expect(clock.pending).toBe(0);
  });
});

test("a session goes on only with a peer that has heard its welcome", async () => {
  const clock = new VirtualClock();
  const side = new AcceptingSide({ clock });
  const connect = async (received: number, resumes?: string) => {
    const [peer, socket] = memorySocketPair({ clock });
    const heard = vi.fn();
    peer.listen({ message: (data) => heard(JSON.parse(data as string)), wrote() {}, closed() {} });
    void side.accept(socket);
    peer.send(JSON.stringify({ ...hello, received, ...(resumes && { resumes }) }));
    await clock.advance(20);
    peer.terminate();
    await clock.advance(10);
    return (heard.mock.calls[0]![0] as { resumed: boolean }).resumed;
  };
  // The first welcome was lost: the peer knows no session and gets a new one.
  expect(await connect(0)).toBe(false);
  expect(await connect(0)).toBe(false);
  // The socket was cut right after the welcome, before any message: the session resumes.
  expect(await connect(0, "s1")).toBe(true);
  // The peer names a session of another scheduler, or more frames than were ever sent.
  expect(await connect(0, "s0")).toBe(false);
  expect(await connect(5, "s1")).toBe(false);
});
