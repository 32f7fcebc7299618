// Peers that stand still or say too much: what is held for them is given back in time, and no sooner.

import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { windowBytes } from "../../../src/transfer/incoming.ts";
import { Requester } from "../../../src/transfer/requester.ts";
import { respond, type Shelf } from "../../../src/transfer/responder.ts";
import { Assembly, payloadSource, type Source } from "../../../src/transfer/shape.ts";
import { StallWatch } from "../../../src/transfer/stall-watch.ts";
import { cut, memorySocketPair } from "../link/socket-memory.ts";
import { VirtualClock } from "../link/virtual-clock.ts";

const stallMs = 120_000;
const want = { key: "a", order: 0, attempt: 1 };
const large = new BinaryPayload("", [new Uint8Array(3 * windowBytes)]);

/** A holder that counts what it holds for the other side, and the other end of the socket. */
function stage(more: Partial<Shelf> = {}) {
  const clock = new VirtualClock();
  const pair = memorySocketPair({ clock });
  const [here, there] = pair;
  const held = { taking: 0, pinned: 0, closed: 0 };
  const taken: string[] = [];
  const shelf: Shelf = {
    find() {
      held.pinned += 1;
      return payloadSource(large, () => (held.pinned -= 1));
    },
    async take({ key }, incoming) {
      held.taking += 1;
      try {
        const assembly = new Assembly(incoming.shape);
        await incoming.readInto(assembly);
        taken.push(key);
      } finally {
        held.taking -= 1;
      }
    },
    ...more,
  };
  respond(there, shelf, () => (held.closed += 1), { clock, stallMs });
  /** Lets time pass, and promises go on meanwhile. */
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.runFor(Math.min(left, 1_000));
      await nextTurn();
    }
  };
  const requester = () => new Requester(here, () => undefined, { clock, stallMs: 15_000 });
  return { clock, pair, here, there, held, taken, pass, requester };
}

const tell = (message: object) => JSON.stringify(message);
const put = (bytes: number, id = 1) =>
  tell({ type: "put", id, ...want, shape: { head: bytes, parts: [] } });

describe("the dialled side", () => {
  test("gives up a value that stops coming, and not one that comes slowly", async () => {
    const { here, held, pass } = stage();
    here.send(put(1_000));
    here.send(tell({ type: "chunk", id: 1 }));
    for (let minutes = 0; minutes < 20; minutes += 1) {
      here.send(new Uint8Array(10));
      await pass(60_000);
    }
    expect(held).toMatchObject({ taking: 1, closed: 0 });
    await pass(1.3 * stallMs);
    expect(held).toMatchObject({ taking: 0, closed: 1 });
    expect(here.open).toBe(false);
  });

  test("gives up a value when whoever sends it has vanished", async () => {
    const { pair, here, there, held, pass } = stage();
    here.send(put(1_000));
    await pass(1_000);
    expect(held.taking).toBe(1);
    cut(pair, { unnoticedBy: [there] });
    await pass(1.3 * stallMs);
    expect(held).toMatchObject({ taking: 0, closed: 1 });
  });

  test("gives up a reader that reads no more, and not one that is slow", async () => {
    const { held, pass, requester } = stage();
    const incoming = await passing(requester().get(want), pass);
    for (let minutes = 0; minutes < 6; minutes += 1) {
      await incoming.read();
      await incoming.read();
      await pass(60_000);
    }
    expect(held).toMatchObject({ pinned: 1, closed: 0 });
    await pass(1.3 * stallMs);
    expect(held).toMatchObject({ pinned: 0, closed: 1 });
  });

  test("ends a connection that is not used", async () => {
    const { held, pass, here } = stage();
    await pass(stallMs / 2);
    expect(held.closed).toBe(0);
    await pass(stallMs);
    expect(held.closed).toBe(1);
    expect(here.open).toBe(false);
  });

  test("forgets a value that was refused when it does not come to its end either", async () => {
    const { held, pass, here } = stage({ take: () => Promise.reject(new Error("no room")) });
    here.send(put(1_000));
    await pass(1.3 * stallMs);
    expect(held.closed).toBe(1);
  });

  test("is waited for while it looks for a value itself, however long that takes", async () => {
    const found = Promise.withResolvers<Source>();
    const { held, pass, requester } = stage({ find: () => found.promise });
    const asking = requester().fetch(want, 10);
    await pass(10 * stallMs);
    found.resolve(payloadSource("1"));
    expect(await passing(asking, pass)).toBe("1");
    expect(held.closed).toBe(0);
  });

  test("cuts off who sends more than it was given credit for", async () => {
    const { held, pass, here } = stage({ take: () => new Promise(() => undefined) });
    here.send(put(2 * windowBytes));
    here.send(tell({ type: "chunk", id: 1 }));
    for (let sent = 0; sent <= windowBytes; sent += 1024 * 1024) {
      here.send(new Uint8Array(1024 * 1024));
    }
    await pass(1_000);
    expect(held.closed).toBe(1);
    expect(here.open).toBe(false);
  });

  test("does not read from who sends many values faster than they are passed on", async () => {
    const { here, there, pass } = stage({ take: () => new Promise(() => undefined) });
    for (let id = 1; id <= 50; id += 1) {
      here.send(put(windowBytes, id));
      here.send(tell({ type: "chunk", id }));
      here.send(new Uint8Array(windowBytes));
    }
    await pass(1_000);
    // What it has not read still waits on the way.
    expect(here.bufferedBytes).toBeGreaterThan(40 * windowBytes);
    expect(there.open).toBe(true);
  });

  test("does not read from who does not read its answers", async () => {
    let asked = 0;
    const text = "x".repeat(60_000);
    const { here, there, held, pass } = stage({
      find() {
        asked += 1;
        return payloadSource(text);
      },
    });
    here.listen({ message() {}, wrote() {}, closed() {} });
    here.pause();
    for (let id = 1; id <= 5_000; id += 1) here.send(tell({ type: "get", id, ...want }));
    await pass(1_000);
    expect(there.bufferedBytes).toBeLessThan(20 * 1024 * 1024);
    expect(asked).toBeLessThan(400);
    here.resume();
    await pass(1_000);
    expect(asked).toBe(5_000);
    here.pause();
    here.send(tell({ type: "get", id: 9_999, ...want }));
    await pass(1.3 * stallMs);
    expect(held.closed).toBe(1);
  });
});

describe("the dialling side", () => {
  test("gives up a holder that takes questions and never answers, whatever else it is asked", async () => {
    const clock = new VirtualClock();
    const [here] = memorySocketPair({ clock });
    const requester = new Requester(here, () => undefined, { clock, stallMs: 15_000 });
    const outcomes: string[] = [];
    for (let seconds = 0; seconds < 30; seconds += 1) {
      requester.fetch(want, 10).catch((error: Error) => outcomes.push(error.message));
      clock.runFor(1_000);
      await nextTurn();
    }
    expect(outcomes).toHaveLength(30);
    expect(outcomes[0]).toMatch(/nothing arrived for 1\d s/);
  });
});

test("a process that stood still itself does not take others to have done so", () => {
  const clock = new VirtualClock();
  let sleptMs = 0;
  let stalled = 0;
  const watch = new StallWatch({ ...bound(clock), now: () => clock.now() + sleptMs }, 10_000, {
    isTheirTurn: () => true,
    moves: () => 0,
    stalled: () => (stalled += 1),
  });
  watch.start();
  clock.runFor(5_000);
  sleptMs = 3_600_000;
  clock.runFor(5_000);
  expect(stalled).toBe(0);
  clock.runFor(10_000);
  expect(stalled).toBe(1);
});

function bound(clock: VirtualClock) {
  return {
    setTimeout: clock.setTimeout.bind(clock),
    nextTick: clock.nextTick.bind(clock),
    setImmediate: clock.setImmediate.bind(clock),
    random: clock.random.bind(clock),
  };
}

/** The outcome of a promise that needs time to pass. */
async function passing<T>(promise: Promise<T>, pass: (ms: number) => Promise<void>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  promise.then(settle, settle);
  while (!isSettled) await pass(1_000);
  return promise;
}
