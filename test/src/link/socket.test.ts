// The contract of every socket, for sockets in memory and for those of `ws`.

import { afterAll, describe, expect, test, vi } from "vitest";
import { AuthenticationError, ConnectionError } from "../../../src/errors/errors.ts";
import { openWebSocket } from "../../../src/link/socket-ws.ts";
import {
  closeReason,
  type Socket,
  type SocketClose,
  type SocketData,
} from "../../../src/link/socket.ts";
import { socketMakers } from "./socket-pairs.ts";

const makers = await socketMakers();
afterAll(() => Promise.all(makers.map((maker) => maker.close())));

/** Records the events of a socket. */
function listenTo(socket: Socket) {
  const heard: (string | number[])[] = [];
  const closes: SocketClose[] = [];
  let wrote = 0;
  socket.listen({
    message: (data: SocketData) => heard.push(typeof data === "string" ? data : [...data]),
    wrote: () => (wrote += 1),
    closed: (close) => closes.push(close),
  });
  return { heard, closes, wrote: () => wrote };
}

describe.each(makers)("a socket ($kind)", (maker) => {
  test("carries text and bytes, whole and in order, both ways", async () => {
    const { dialled, accepted } = await maker.pair();
    const left = listenTo(dialled);
    const right = listenTo(accepted);
    const sent: (string | number[])[] = [];
    for (let index = 0; index < 100; index += 1) {
      const data = index % 2 === 0 ? `näme ${index}` : Uint8Array.of(index, 0, 255);
      sent.push(typeof data === "string" ? data : [...data]);
      dialled.send(data);
      accepted.send(data);
    }
    await vi.waitFor(() => expect(right.heard).toEqual(sent));
    await vi.waitFor(() => expect(left.heard).toEqual(sent));
    await vi.waitFor(() => expect(dialled.bufferedBytes).toBe(0));
    expect(left.wrote()).toBeGreaterThan(0);
    dialled.terminate();
  });

  test("holds back what arrives before anyone listens, and its close", async () => {
    const { dialled, accepted } = await maker.pair();
    const left = listenTo(dialled);
    dialled.send("first");
    dialled.close(4000, "goodbye");
    await vi.waitFor(() => expect(left.closes).toHaveLength(1));
    const right = listenTo(accepted);
    await vi.waitFor(() => expect(right.closes).toEqual([{ code: 4000, reason: "goodbye" }]));
    expect(right.heard).toEqual(["first"]);
    expect(accepted.open || dialled.open).toBe(false);
  });

  test("delivers nothing between pause and resume, and is felt by the writer", async () => {
    const { dialled, accepted } = await maker.pair();
    const left = listenTo(dialled);
    const right = listenTo(accepted);
    accepted.pause();
    const block = "x".repeat(1024 * 1024);
    for (let index = 0; index < 32; index += 1) dialled.send(block);
    // The system's buffers take a part; the rest stays in the writer's process.
    await vi.waitFor(() => expect(dialled.bufferedBytes).toBeGreaterThan(8 * block.length));
    expect(right.heard).toEqual([]);
    accepted.resume();
    await vi.waitFor(() => expect(right.heard).toHaveLength(32), 10_000);
    await vi.waitFor(() => expect(dialled.bufferedBytes).toBe(0));
    expect(left.wrote()).toBeGreaterThanOrEqual(32);
    dialled.terminate();
  });

  test("tells the other side of its end, and hears nothing more itself", async () => {
    const { dialled, accepted } = await maker.pair();
    const left = listenTo(dialled);
    const right = listenTo(accepted);
    dialled.terminate();
    await vi.waitFor(() => expect(right.closes).toMatchObject([{ code: 1006 }]));
    dialled.send("too late");
    accepted.send("too late");
    expect(left).toMatchObject({ heard: [], closes: [] });
  });

  test("closes with a reason cut to what a close frame holds", async () => {
    const { dialled, accepted } = await maker.pair();
    const left = listenTo(dialled);
    const right = listenTo(accepted);
    dialled.close(4002, "ö".repeat(200));
    await vi.waitFor(() => expect(right.closes).toHaveLength(1));
    expect(right.closes[0]!.reason).toBe(`${"ö".repeat(60)}…`);
    await vi.waitFor(() => expect(left.closes).toHaveLength(1));
  });
});

test("the reason of a close is cut between characters", () => {
  expect(closeReason("short")).toBe("short");
  for (const character of ["a", "é", "€", "𝄞"]) {
    for (let lead = 0; lead < 4; lead += 1) {
      const reason = closeReason("a".repeat(lead) + character.repeat(130));
      expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(123);
      expect(reason).not.toContain("\uFFFD");
      expect(reason).toMatch(/…$/);
    }
  }
});

describe("dialling a WebSocket", () => {
  test("fails with words when nobody answers, or the address is none", async () => {
    const options = { timeoutMs: 2_000 };
    const open = (url: string) => openWebSocket({ url }, options);
    await expect(open("ws://127.0.0.1:1")).rejects.toThrow(/ECONNREFUSED.*127\.0\.0\.1:1/);
    await expect(open("ws://localhost:1")).rejects.toThrow(/ECONNREFUSED/);
    await expect(open("nonsense")).rejects.toThrow(/nonsense is not a valid address/);
    await expect(open("nonsense")).rejects.toBeInstanceOf(ConnectionError);
    await expect(open("nonsense")).rejects.not.toBeInstanceOf(AuthenticationError);
  });
});
