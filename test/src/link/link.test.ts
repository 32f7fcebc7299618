// A link: every message once and in order after any fault, within its limits.

import { afterAll, describe, expect, test, vi } from "vitest";
import { ConnectionError, ProtocolError } from "../../../src/errors/errors.ts";
import type { LinkEvents, LinkOptions } from "../../../src/link/link-options.ts";
import { Link } from "../../../src/link/link.ts";
import { BinaryPayload } from "../../../src/payload/binary-payload.ts";
import { readFrame } from "../../../src/wire/frame.ts";
import { cut, memorySocketPair } from "./socket-memory.ts";
import type { Socket, SocketClose } from "../../../src/link/socket.ts";
import { socketMakers } from "./socket-pairs.ts";
import { VirtualClock } from "./virtual-clock.ts";

type Note = { type: string; n?: number; texts?: string[]; payload?: unknown };
type Ended = Error | undefined;

/** One side of a link, and the events that it received. */
class Side {
  readonly heard: Note[] = [];
  readonly batches: number[] = [];
  readonly downs: string[] = [];
  readonly ends: Ended[] = [];
  readonly link: Link<Note, Note>;

  constructor(options: Partial<LinkOptions<Note>> = {}, on: Partial<LinkEvents<Note>> = {}) {
    this.link = new Link<Note, Note>({
      check: (value) => value as Note,
      heartbeatMs: 1_000,
      ...options,
      on: {
        messages: (batch) => {
          this.batches.push(batch.length);
          this.heard.push(...batch);
        },
        down: (reason) => this.downs.push(reason),
        ended: (error) => this.ends.push(error),
        ...on,
      },
    });
  }
}

/** Two sides on a virtual clock; each `join` connects them again. */
class Pair {
  readonly clock: VirtualClock;
  readonly left: Side;
  readonly right: Side;
  sockets = memorySocketPair();
  readonly #latencyMs: () => number;

  constructor(
    options: { left?: Partial<LinkOptions<Note>>; right?: Partial<LinkOptions<Note>> } = {},
    clock = new VirtualClock(),
    latencyMs: () => number = () => 1,
  ) {
    this.clock = clock;
    this.#latencyMs = latencyMs;
    this.left = new Side({ clock, ...options.left });
    this.right = new Side({ clock, ...options.right });
    this.join();
  }

  join(): void {
    this.sockets = memorySocketPair({ clock: this.clock, latencyMs: this.#latencyMs });
    const [leftHas, rightHas] = [this.left.link.received, this.right.link.received];
    this.left.link.attach(this.sockets[0], rightHas);
    this.right.link.attach(this.sockets[1], leftHas);
  }
}

const note = (n: number): Note => ({ type: "note", n });
const numbers = (side: Side) => side.heard.map(({ n }) => n);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

const makers = await socketMakers();
afterAll(() => Promise.all(makers.map((maker) => maker.close())));

describe.each(makers)("a link on sockets ($kind)", (maker) => {
  test("carries everything, both ways, across sockets that break", async () => {
    const left = new Side();
    const right = new Side();
    const count = 2_000;
    let current: Socket[] = [];
    const join = async () => {
      const { dialled, accepted } = await maker.pair();
      current = [dialled, accepted];
      const [leftHas, rightHas] = [left.link.received, right.link.received];
      left.link.attach(dialled, rightHas);
      right.link.attach(accepted, leftHas);
    };
    await join();
    for (let n = 0; n < count; n += 1) {
      left.link.send(note(n));
      right.link.send({ ...note(n), payload: new BinaryPayload("h", [Uint8Array.of(n % 256)]) });
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (n % 500 === 250) {
        for (const socket of current) socket.terminate();
        await join();
      }
    }
    await vi.waitFor(() => expect(numbers(right)).toEqual(upTo(count)), 10_000);
    await vi.waitFor(() => expect(numbers(left)).toEqual(upTo(count)), 10_000);
    await left.link.close();
    await vi.waitFor(() => expect(right.ends).toEqual([undefined]));
    expect(left.ends).toEqual([]);
  });

  test("flushes before it closes, and the other side hears a goodbye", async () => {
    const left = new Side();
    const right = new Side();
    const { dialled, accepted } = await maker.pair();
    left.link.attach(dialled, 0);
    right.link.attach(accepted, 0);
    const big = "x".repeat(100_000);
    for (let n = 0; n < 100; n += 1) left.link.send({ ...note(n), texts: [big] });
    await left.link.close();
    await vi.waitFor(() => expect(right.ends).toEqual([undefined]));
    expect(numbers(right)).toEqual(upTo(100));
    expect([left.link.state, right.link.state]).toEqual(["ended", "ended"]);
  });

  test("cuts off a peer that sends nonsense, and tells it why", async () => {
    const side = new Side();
    const { dialled, accepted } = await maker.pair();
    const closes: SocketClose[] = [];
    dialled.listen({ message() {}, wrote() {}, closed: (close) => closes.push(close) });
    side.link.attach(accepted, 0);
    dialled.send("{nonsense");
    await vi.waitFor(() => expect(closes).toMatchObject([{ code: 4002 }]));
    expect(closes[0]!.reason).toBe("a frame is not JSON");
    expect(side.ends).toEqual([expect.any(ProtocolError)]);
    expect(side.downs).toEqual([]);
  });

  test("keeps a bounded amount in the socket of a reader that stops", async () => {
    const side = new Side();
    const { dialled, accepted } = await maker.pair();
    accepted.pause();
    side.link.attach(dialled, 0);
    const text = "x".repeat(1024 * 1024);
    for (let n = 0; n < 64; n += 1) side.link.send({ type: "block", texts: [text] });
    await vi.waitFor(() => expect(dialled.bufferedBytes).toBeGreaterThan(4 * text.length));
    expect(dialled.bufferedBytes).toBeLessThan(6 * text.length);
    expect(side.link.bufferedBytes).toBeGreaterThan(62 * text.length);
    dialled.terminate();
    accepted.terminate();
  });
});

describe("sending", () => {
  test("puts all of one turn into one frame, in order", () => {
    const { clock, left, right } = new Pair();
    clock.runFor(10);
    for (let n = 0; n < 100; n += 1) left.link.send(note(n));
    clock.runFor(10);
    expect(numbers(right)).toEqual(upTo(100));
    expect(right.batches).toEqual([100]);
  });

  test("sends what is much at once when it is told to, and joins what is little", () => {
    const { clock, left, right } = new Pair();
    clock.runFor(10);
    for (let n = 0; n < 100; n += 1) {
      left.link.send(note(n));
      left.link.pack();
    }
    left.link.send({ type: "block", texts: ["x".repeat(400 * 1024)] });
    left.link.pack();
    expect(left.link.lastUnsent).toBeUndefined();
    left.link.send(note(100));
    clock.runFor(10);
    expect(right.batches).toEqual([101, 1]);
  });

  test("lets the newest message grow until it is in a frame", () => {
    const { clock, left, right } = new Pair();
    left.link.send({ type: "note", texts: ["a"] });
    left.link.lastUnsent!.texts!.push("b");
    clock.runFor(10);
    expect(left.link.lastUnsent).toBeUndefined();
    expect(right.heard).toEqual([{ type: "note", texts: ["a", "b"] }]);
  });

  test("cuts frames so that none is large, and none of the messages is lost", () => {
    const { clock, left, right } = new Pair();
    const text = "x".repeat(100_000);
    for (let n = 0; n < 30; n += 1) left.link.send({ ...note(n), texts: [text] });
    clock.runFor(10);
    expect(numbers(right)).toEqual(upTo(30));
    expect(right.batches).toEqual(Array(10).fill(3));
  });

  test("leaves out a message larger than a frame, says so, and goes on", () => {
    const unsendable = vi.fn<(message: unknown, error: Error) => void>();
    const clock = new VirtualClock();
    const sockets = memorySocketPair({ clock });
    const left = new Side({ clock, frameBytes: 10_000 }, { unsendable });
    const right = new Side({ clock });
    left.link.attach(sockets[0], 0);
    right.link.attach(sockets[1], 0);
    left.link.send({ ...note(0), texts: ["x".repeat(6_000)] });
    left.link.send({ ...note(1), texts: ["x".repeat(6_000)] });
    left.link.send({ ...note(2), texts: ["x".repeat(20_000)] });
    left.link.send({ ...note(3), payload: new BinaryPayload("", [new Uint8Array(20_000)]) });
    left.link.send(note(4));
    clock.runFor(10);
    expect(numbers(right)).toEqual([0, 1, 4]);
    expect(unsendable.mock.calls.map(([message]) => (message as Note).n)).toEqual([2, 3]);
    expect(unsendable.mock.calls[0]![1]).toMatchObject({ code: "not-serializable" });
  });

  test("a message that was left out keeps its number, so that a successor counts the same", () => {
    const clock = new VirtualClock();
    const sockets = memorySocketPair({ clock });
    const left = new Side({ clock, frameBytes: 1_000 }, { unsendable: () => undefined });
    const right = new Side({ clock });
    left.link.attach(sockets[0], 0);
    right.link.attach(sockets[1], 0);
    left.link.send({ type: "note", texts: ["x".repeat(2_000)] });
    left.link.send(note(1));
    clock.runFor(10);
    expect(numbers(right)).toEqual([1]);
    expect(right.link.received).toBe(2);
  });

  test("a message larger than a frame ends a link that has no answer to it", () => {
    const { clock, left, right } = new Pair({ left: { frameBytes: 1_000 } });
    left.link.send({ type: "note", texts: ["x".repeat(2_000)] });
    clock.runFor(10);
    expect(left.ends).toMatchObject([{ code: "not-serializable" }]);
    expect(right.ends).toEqual([expect.any(ConnectionError)]);
  });
});

describe("coming back after a drop", () => {
  test.each(Array.from({ length: 30 }, (_, index) => ({ seed: index + 1 })))(
    "each side gets what was sent, once and in order, whatever breaks when (seed $seed)",
    ({ seed }) => {
      const clock = new VirtualClock(seed);
      const chance = (odds: number) => clock.random() < odds;
      const pair = new Pair({}, clock, () => clock.random() * 5);
      let [sentLeft, sentRight] = [0, 0];
      for (let round = 0; round < 400; round += 1) {
        for (; chance(0.7); sentLeft += 1) pair.left.link.send(note(sentLeft));
        for (; chance(0.6); sentRight += 1) {
          const payload = chance(0.3) ? new BinaryPayload("h", [new Uint8Array(9)]) : undefined;
          const texts = chance(0.05) ? ["x".repeat(300_000)] : [];
          pair.right.link.send({ ...note(sentRight), texts, payload });
        }
        clock.runFor(chance(0.5) ? 0 : clock.random() * 6);
        if (chance(0.1)) {
          const unnoticedBy = pair.sockets.filter(() => chance(0.3));
          cut(pair.sockets, { unnoticedBy });
          clock.runFor(chance(0.5) ? 0 : clock.random() * 6);
          if (chance(0.8)) pair.join();
        }
        if (chance(0.02)) pair.join();
        if (pair.left.link.state === "down" && chance(0.5)) pair.join();
      }
      pair.join();
      clock.runFor(10_000);
      expect(numbers(pair.right)).toEqual(upTo(sentLeft));
      expect(numbers(pair.left)).toEqual(upTo(sentRight));
      expect([...pair.left.ends, ...pair.right.ends]).toEqual([]);
      // In the end everything was acknowledged: only a heartbeat may be in flight.
      for (const { link } of [pair.left, pair.right]) expect(link.bufferedBytes).toBeLessThan(20);
    },
  );

  test("says down once, and what is sent meanwhile arrives after it", () => {
    const pair = new Pair();
    pair.clock.runFor(10);
    cut(pair.sockets);
    pair.clock.runFor(10);
    expect(pair.left.downs).toEqual(["closed with code 1006"]);
    expect(pair.left.link.state).toBe("down");
    for (let n = 0; n < 5; n += 1) pair.left.link.send(note(n));
    pair.clock.runFor(60_000);
    expect(pair.left.link.bufferedBytes).toBeGreaterThan(0);
    pair.join();
    pair.clock.runFor(10);
    expect(numbers(pair.right)).toEqual(upTo(5));
  });

  test("a newer socket replaces one still thought open", () => {
    const pair = new Pair();
    pair.clock.runFor(10);
    const old = pair.sockets;
    cut(old, { unnoticedBy: old });
    pair.left.link.send(note(0));
    pair.clock.runFor(10);
    pair.join();
    pair.clock.runFor(10);
    expect(numbers(pair.right)).toEqual([0]);
    expect([...pair.left.downs, ...pair.right.downs]).toEqual([]);
    expect(old.map((socket) => socket.open)).toEqual([false, false]);
  });

  test("a session can go on only within what is possible", () => {
    const clock = new VirtualClock();
    const { link } = new Side({ clock });
    const [socket, peer] = memorySocketPair({ clock });
    link.attach(socket, 0);
    clock.runFor(10);
    expect([0, 1].map((received) => link.canResume(received))).toEqual([true, false]);
    link.send(note(0));
    clock.runFor(10);
    expect([0, 1, 2].map((received) => link.canResume(received))).toEqual([true, true, false]);
    peer.send("[1]");
    clock.runFor(10);
    expect([0, 1, 2].map((received) => link.canResume(received))).toEqual([false, true, false]);
    void link.close();
    clock.runFor(10_000);
    expect(link.canResume(1)).toBe(false);
  });

  test.each([0, 1, 2, 3])("a successor of one side goes on after %i messages", (received) => {
    const clock = new VirtualClock();
    const heir = new Side({ clock });
    // Its predecessor may have written three messages, and had received five.
    const messages = upTo(3).map(note);
    heir.link.inherit({ received: 5, acknowledged: 10, messages });
    heir.link.send(note(3));
    expect([9, 10, 13, 14].map((count) => heir.link.canResume(count))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    const [socket, peer] = memorySocketPair({ clock });
    const frames: unknown[] = [];
    peer.listen({
      message: (data) => frames.push(JSON.parse(data as string)),
      wrote() {},
      closed() {},
    });
    heir.link.attach(socket, 10 + received);
    clock.runFor(10);
    expect(frames).toEqual([[5, ...upTo(4).slice(received).map(note)]]);
    // What comes later is acknowledged as ever.
    peer.send("[14]");
    clock.runFor(10);
    expect([13, 14].map((count) => heir.link.canResume(count))).toEqual([false, true]);
  });

  test("messages that are kept first are acknowledged when they are kept", () => {
    const clock = new VirtualClock();
    const side = new Side({ clock, takesLater: true });
    const [socket, peer] = memorySocketPair({ clock });
    const acks: number[] = [];
    peer.listen({
      message: (data) => acks.push((JSON.parse(data as string) as number[])[0]!),
      wrote() {},
      closed() {},
    });
    side.link.attach(socket, 0);
    peer.send(JSON.stringify([0, note(0), note(1)]));
    clock.runFor(10);
    side.link.send(note(0));
    clock.runFor(10);
    side.link.took(2, 100);
    side.link.send(note(1));
    clock.runFor(10);
    expect(acks).toEqual([0, 2]);
    expect(side.link.received).toBe(2);
  });

  test("after a reset both sides count from nothing", () => {
    const pair = new Pair();
    for (let n = 0; n < 3; n += 1) {
      pair.left.link.send(note(n));
      pair.clock.runFor(10);
    }
    cut(pair.sockets);
    pair.clock.runFor(10);
    pair.left.link.send(note(99));
    const other = new Side({ clock: pair.clock });
    const sockets = memorySocketPair({ clock: pair.clock });
    pair.left.link.reset();
    pair.left.link.configure({ heartbeatMs: 900, frameBytes: 1024 * 1024 });
    pair.left.link.attach(sockets[0], 0);
    other.link.attach(sockets[1], 0);
    pair.left.link.send(note(7));
    pair.clock.runFor(5_000);
    expect(numbers(other)).toEqual([7]);
    expect(pair.left.downs).toHaveLength(1);
  });
});

describe("acknowledging", () => {
  test.each(["[1]", "[-1]", '["0"]', "[0.5]", "[null]"])(
    "what is impossible is a violation: %s",
    (frame) => {
      const clock = new VirtualClock();
      const side = new Side({ clock });
      const [socket, peer] = memorySocketPair({ clock });
      side.link.attach(socket, 0);
      peer.send(frame);
      clock.runFor(10);
      expect(side.ends).toEqual([expect.any(ProtocolError)]);
    },
  );

  test("never goes back", () => {
    const clock = new VirtualClock();
    const side = new Side({ clock });
    const [socket, peer] = memorySocketPair({ clock });
    side.link.attach(socket, 0);
    side.link.send(note(0));
    clock.runFor(10);
    peer.send("[1]");
    peer.send("[0]");
    clock.runFor(10);
    expect(side.ends).toMatchObject([
      { message: "acknowledges 0 messages where 1 to 1 are possible" },
    ]);
  });

  test("comes soon from a side that only listens, so that little is kept for it", () => {
    const { clock, left } = new Pair();
    for (let n = 0; n < 1_000; n += 1) {
      left.link.send({ ...note(n), texts: ["x".repeat(50_000)] });
      clock.runFor(0.1);
      expect(left.link.bufferedBytes).toBeLessThan(4 * 1024 * 1024);
    }
  });
});

describe("the heartbeat", () => {
  test("goes on without any traffic, and keeps the link up", () => {
    const pair = new Pair();
    pair.clock.runFor(3_600_000);
    expect([...pair.left.downs, ...pair.right.downs]).toEqual([]);
    expect(pair.left.heard).toEqual([]);
  });

  test("notices a silent peer within four beats", () => {
    const pair = new Pair();
    pair.clock.runFor(10_000);
    cut(pair.sockets, { unnoticedBy: pair.sockets });
    pair.clock.runFor(2_000);
    expect(pair.left.downs).toEqual([]);
    pair.clock.runFor(2_000);
    expect(pair.left.downs).toEqual(["nothing was heard for 3 s"]);
    expect(pair.right.downs).toEqual(["nothing was heard for 3 s"]);
  });

  test("of a link that is closed stops, and leaves no timer", async () => {
    const pair = new Pair();
    pair.clock.runFor(10);
    const closed = pair.left.link.close();
    await pair.clock.advance(10);
    await closed;
    await pair.clock.advance(5_000);
    expect(pair.clock.pending).toBe(0);
  });
});

describe("a peer that does not read", () => {
  const block = { type: "block", texts: ["x".repeat(1024 * 1024)] };

  test("is not read either while too much waits for it, and is read again after", () => {
    const pair = new Pair({ right: { pauseAboveBytes: 16 * 1024 * 1024 } });
    pair.clock.runFor(10);
    pair.sockets[0].pause();
    for (let n = 0; n < 40; n += 1) pair.right.link.send({ ...block });
    pair.clock.runFor(10);
    pair.left.link.send(note(1));
    pair.clock.runFor(10);
    expect(pair.right.heard).toEqual([]);
    pair.sockets[0].resume();
    pair.clock.runFor(100);
    expect(numbers(pair.right)).toEqual([1]);
    expect(pair.left.heard).toHaveLength(40);
    expect(pair.right.downs).toEqual([]);
  });

  test("loses its session when far too much waits for it, up or down", () => {
    for (const down of [false, true]) {
      const pair = new Pair({ right: { endAboveBytes: 32 * 1024 * 1024 } });
      pair.clock.runFor(10);
      if (down) cut(pair.sockets);
      else pair.sockets[0].pause();
      pair.clock.runFor(10);
      for (let n = 0; n < 60; n += 1) pair.right.link.send({ ...block });
      // Nothing more is queued, though its sender hears of the end a moment later.
      expect(pair.right.link.bufferedBytes).toBeLessThan(40 * 1024 * 1024);
      pair.clock.runFor(10);
      expect(pair.right.ends).toEqual([expect.any(ConnectionError)]);
      expect(pair.right.ends[0]!.message).toContain("queued for a peer that does not read");
      expect(pair.right.link.bufferedBytes).toBe(0);
      expect(pair.left.ends).toHaveLength(down ? 0 : 1);
    }
  });

  test("no more than a window is made into frames while nothing is acknowledged", () => {
    const clock = new VirtualClock();
    const side = new Side({ clock, heartbeatMs: 1e9 });
    const [socket, peer] = memorySocketPair({ clock });
    let frames = 0;
    peer.listen({ message: () => (frames += 1), wrote() {}, closed() {} });
    side.link.attach(socket, 0);
    for (let n = 0; n < 200; n += 1) side.link.send({ ...block });
    clock.runFor(1_000);
    // The first frame after an attach is a heartbeat, which is not counted.
    expect(frames).toBeGreaterThanOrEqual(64);
    expect(frames).toBeLessThanOrEqual(66);
    peer.send("[60]");
    clock.runFor(1_000);
    expect(frames).toBeGreaterThanOrEqual(124);
    expect(side.ends).toEqual([]);
  });
});

test("of much that an earlier process said, what the peer lacks is sent, whatever is said meanwhile", () => {
  const clock = new VirtualClock();
  const [socket, peer] = memorySocketPair({ clock });
  const side = new Side({ clock });
  const heard: unknown[] = [];
  peer.listen({
    message: (data) => heard.push(...readFrame(data).messages),
    wrote() {},
    closed() {},
  });
  const large = (n: number) => ({ type: "note", n, texts: ["x".repeat(100_000)] }) as Note;
  const messages = Array.from({ length: 10 }, (_, index) => large(index + 1));
  side.link.inherit({ received: 0, acknowledged: 0, messages });
  side.link.send(large(11));
  side.link.pack();
  clock.runFor(100);
  side.link.attach(socket, 5);
  clock.runFor(100);
  expect(heard.map((message) => (message as Note).n)).toEqual([6, 7, 8, 9, 10, 11]);
});

describe("an end", () => {
  test("that the upper layer wants is told to the peer with its reason", () => {
    const on: Partial<LinkEvents<Note>> = {
      messages: () => {
        throw new ProtocolError("a worker may not submit");
      },
    };
    const clock = new VirtualClock();
    const sockets = memorySocketPair({ clock });
    const left = new Side({ clock });
    const right = new Side({ clock }, on);
    left.link.attach(sockets[0], 0);
    right.link.attach(sockets[1], 0);
    left.link.send(note(0));
    clock.runFor(10);
    expect(right.ends).toMatchObject([{ message: "a worker may not submit" }]);
    expect(left.ends).toEqual([
      new ProtocolError("the other side cut the link: a worker may not submit"),
    ]);
  });

  test("by a fault of one's own is not blamed on the peer", () => {
    const clock = new VirtualClock();
    const sockets = memorySocketPair({ clock });
    const left = new Side({ clock });
    const fault = new TypeError("x is undefined");
    const messages = () => {
      throw fault;
    };
    const right = new Side({ clock }, { messages });
    left.link.attach(sockets[0], 0);
    right.link.attach(sockets[1], 0);
    left.link.send(note(0));
    clock.runFor(10);
    expect(right.ends).toEqual([fault]);
    expect(left.ends).toEqual([expect.any(ConnectionError)]);
  });

  test("while the link is down needs no waiting", async () => {
    const { link } = new Side();
    await link.close();
    expect(link.state).toBe("ended");
    expect(link.signal.aborted).toBe(true);
    await link.close();
  });

  test("comes within two seconds when the other side does not answer", async () => {
    const pair = new Pair();
    pair.clock.runFor(10);
    cut(pair.sockets, { unnoticedBy: pair.sockets });
    const closed = pair.left.link.close();
    await pair.clock.advance(2_000);
    await closed;
    expect(pair.left.link.state).toBe("ended");
    expect(pair.left.ends).toEqual([]);
  });

  test("takes a socket that comes too late with it", async () => {
    const { link } = new Side();
    await link.close();
    const [late] = memorySocketPair();
    link.attach(late, 0);
    expect(late.open).toBe(false);
  });
});
