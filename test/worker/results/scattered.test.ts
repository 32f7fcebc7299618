// Scattered values on their way to a worker: how many it takes at a time is bounded by its memory.

import { expect, test, vi } from "vitest";
import type { Log } from "../../../src/log.ts";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { Requester } from "../../../src/transfer/requester.ts";
import { payloadSource, type Source } from "../../../src/transfer/shape.ts";
import type { Reports } from "../../../worker/reports.ts";
import { Results } from "../../../worker/results/results.ts";
import { VirtualClock } from "../../src/link/virtual-clock.ts";
import { memorySocketPair } from "../../src/link/socket-memory.ts";

const mebibyte = 2 ** 20;

function stage() {
  const clock = new VirtualClock();
  const held: string[] = [];
  const results = new Results({
    memoryBytes: 10 * mebibyte,
    disk: { isMemory: true, write: () => Promise.reject(new Error("no disk")) },
    reports: { held: (key: string) => held.push(key) } as unknown as Reports,
    log: {} as Log,
    token: () => "token",
    open: () => Promise.reject(new Error("there is nobody")),
    clock,
    schedulerAddress: () => undefined,
    paused: () => undefined,
  });
  /** Sends 4 MiB, on a connection of its own; the bytes come from `source`. */
  const send = (key: string, source?: Source) => {
    const [here, there] = memorySocketPair();
    results.accept(there);
    const requester = new Requester(here, () => undefined);
    const value = new BinaryPayload("", [new Uint8Array(4 * mebibyte)]);
    const sent = requester.put({ key, order: 1, attempt: 1 }, source ?? payloadSource(value));
    sent.catch(() => undefined);
    return { sent, requester };
  };
  return { clock, held, results, send };
}

/** Says how large the value is, and never gives its bytes. */
const stuck = (): Source => ({
  shape: { head: 0, parts: [4 * mebibyte] },
  read: () => new Promise<never>(() => undefined),
  close: () => undefined,
});

test("a value for which there is no room waits until others have come, or gone", async () => {
  const { clock, held, send } = stage();
  const vanishing = [send("a", stuck()), send("b", stuck())];
  // Each connection has a timer that watches whether anything moves on it.
  await vi.waitFor(() => expect(clock.pending).toBe(2));
  const waiting = send("c");
  await vi.waitFor(() => expect(clock.pending).toBe(4));
  expect(held).toEqual([]);
  vanishing[0]!.requester.close();
  await vi.waitFor(async () => {
    clock.runFor(20);
    await Promise.resolve();
    expect(held).toEqual(["c"]);
  });
  await waiting.sent;
});

test("it is refused when that takes long, so that it goes to another worker", async () => {
  const { clock, send } = stage();
  send("a", stuck());
  send("b", stuck());
  const { sent } = send("c");
  await vi.waitFor(() => {
    clock.runFor(1_000);
    expect(clock.now()).toBeGreaterThan(6_000);
  });
  await expect(sent).rejects.toThrow("its memory is full of what others send to it");
});

test("one value is taken however little room there is", async () => {
  const { held, results, send } = stage();
  results.expect(9 * mebibyte);
  await send("a").sent;
  expect(held).toEqual(["a"]);
});
