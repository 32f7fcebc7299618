// While the disk of the journal is full: what clients submit is refused, what the cluster says is kept as long as
// there is half of the reserve, and everything else waits. Nothing is lost, and a successor repeats it.

import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { createState } from "../../scheduler/core/state.ts";
import { step, type Event } from "../../scheduler/core/step.ts";
import { JournalFullError } from "../../scheduler/journal/journal-error.ts";
import { recordOf } from "../../scheduler/records.ts";
import { joining, Replica } from "../../scheduler/replica.ts";
import { nearestNames } from "../../src/nearest.ts";
import { WriteAhead, type Origin } from "../../scheduler/write-ahead.ts";
import type { FromClient, FromWorker } from "../../src/wire/protocol.ts";
import { FrameBuilder, writeFrame } from "../../src/wire/frame.ts";

const reserveBytes = 2_000;

/** A journal on a disk with so much room, and what came of the events. */
function stage(room: number) {
  const disk = {
    room,
    hasReserve: false,
    records: [] as Uint8Array[],
    pending: [] as Uint8Array[],
  };
  const need = (bytes: number) => {
    if (bytes > disk.room) throw new JournalFullError("no room");
    disk.room -= bytes;
  };
  const keeper = {
    append: (parts: readonly (string | Uint8Array)[]) => {
      disk.pending.push(Buffer.concat(parts.map((part) => Buffer.from(part as string))));
    },
    write() {
      need(disk.pending.reduce((sum, { length }) => sum + length, 0));
      disk.records.push(...disk.pending.splice(0));
    },
    sync: async () => undefined,
    discard: () => void (disk.pending = []),
    reserve() {
      if (disk.hasReserve) return;
      need(reserveBytes);
      disk.hasReserve = true;
    },
    spendReserve() {
      if (disk.hasReserve) disk.room += reserveBytes;
      disk.hasReserve = false;
    },
    reserveBytes,
  };
  const said: string[] = [];
  const happened: { event: Event; now: number }[] = [];
  const ahead = new WriteAhead({
    keeper,
    isSynced: false,
    apply: (event, now, origin) => {
      happened.push({ event, now });
      origin.happened?.();
    },
    fail: ({ message }) => void said.push(`failed: ${message}`),
    full: (isFull) => void said.push(isFull ? "full" : "room"),
  });
  let now = 0;
  const hear = (role: "client" | "worker", from: string, ...messages: object[]) => {
    const builder = new FrameBuilder();
    for (const message of messages) builder.add(message);
    const type = `${role}-messages` as const;
    const event = { type, from, messages } as Event;
    ahead.handle(event, (now += 1), { frame: writeFrame(3, builder.take()) });
  };
  const handle = (event: Event, origin: Origin = {}) => ahead.handle(event, (now += 1), origin);
  const events = () => happened.map(({ event }) => event);
  return { disk, ahead, said, happened, events, hear, handle };
}

const long = "x".repeat(10_000);
const submit = (...keys: string[]): FromClient => ({
  type: "submit",
  name: "echo",
  keys,
  args: keys.map(() => JSON.stringify([long])),
});
const progress = (text: string): FromWorker => ({
  type: "progress",
  key: "k",
  attempt: 1,
  fraction: 0.5,
  text,
});

test("submits and values are refused, and all else that a client says is heard", async () => {
  const { hear, events, said } = stage(3_000);
  const release: FromClient = { type: "release", keys: ["old"] };
  const look: FromClient = { type: "coordinate", id: 4, kind: "queue", name: "q", op: "look" };
  const put: FromClient = { ...look, id: 5, op: "put", value: "1" };
  hear("client", "c1", submit("a", "b"), release, put, look);
  hear("client", "c2", { type: "ping", id: 0 });
  await turn();
  expect(said).toEqual(["full"]);
  const refused = (what: object) => ({ type: "refused", ...what });
  expect(events()).toEqual([
    {
      type: "client-refused",
      from: "c1",
      messages: [refused({ keys: ["a", "b"] }), release, refused({ id: 5 }), look],
      why: "the disk of its journal is full",
    },
    { type: "client-messages", from: "c2", messages: [{ type: "ping", id: 0 }] },
  ]);
});

test("small records of workers are kept for half of the reserve; then they wait, in order", async () => {
  const { hear, events, said, disk, happened } = stage(2_000);
  hear("client", "c1", submit("a"));
  hear("worker", "w1", progress("1"));
  hear("worker", "w1", progress(long));
  hear("worker", "w1", progress("2"));
  hear("client", "c2", submit("b"));
  await turn();
  const texts = () =>
    events().flatMap((event): (number | string)[] =>
      event.type === "worker-messages"
        ? event.messages.map((message) => (message as { text: string }).text.length)
        : [event.type],
    );
  expect(texts()).toEqual(["client-refused", 1, "client-refused"]);
  disk.room += 50_000;
  await vi.waitFor(() => expect(said).toEqual(["full", "room"]));
  expect(texts().slice(3)).toEqual([long.length, 1]);
  const moments = happened.map(({ now }) => now);
  expect(moments).toEqual(moments.toSorted((a, b) => a - b));
  hear("client", "c1", submit("a"));
  await turn();
  expect(events().at(-1)).toMatchObject({ type: "client-messages", from: "c1" });
});

test("what is to be after a peer waits for its events only, and what is after all for all", async () => {
  const { hear, ahead, disk } = stage(2_000);
  const ran: string[] = [];
  hear("client", "c1", submit("a"));
  hear("worker", "w1", progress(long));
  ahead.afterwards(() => ran.push("client"), { role: "client", id: "c1" });
  ahead.afterwards(() => ran.push("worker"), { role: "worker", id: "w1" });
  ahead.afterwards(() => ran.push("all"));
  await turn();
  expect(ran).toEqual(["client"]);
  disk.room += 50_000;
  await vi.waitFor(() => expect(ran).toEqual(["client", "worker", "all"]));
});

test("with the reserve used up everything waits, and is taken whole when there is room", async () => {
  const { hear, events, said, disk } = stage(2_000);
  const many = Array.from({ length: 400 }, (_, index) => `key-${index}`);
  hear("client", "c1", submit(...many));
  hear("client", "c1", submit("b"));
  await turn();
  await turn();
  expect([said, events()]).toEqual([["full"], []]);
  disk.room = 5_000_000;
  await vi.waitFor(() => expect(said).toEqual(["full", "room"]));
  expect(events().map(({ type }) => type)).toEqual(["client-messages", "client-messages"]);
});

test("a disk without room for the reserve is full at once", async () => {
  const { hear, events, said, disk } = stage(1_000);
  await turn();
  expect(said).toEqual(["full"]);
  hear("client", "c1", submit("a"));
  await vi.waitFor(() => expect(events()).toMatchObject([{ type: "client-refused" }]));
  disk.room += 5_000;
  await vi.waitFor(() => expect(said).toEqual(["full", "room"]));
});

test("a refused call leaves nothing, its client hears of it, and a successor knows the same", () => {
  const hello = { type: "hello", role: "client", id: "c1", name: "n1", protocol: 1, received: 0 };
  const state = createState({ nearestNames });
  const replica = new Replica();
  const keep = (what: Parameters<typeof recordOf>[0]["what"]) =>
    replica.repeat(
      Buffer.concat(recordOf({ now: 1, what }).map((part) => Buffer.from(part as string))),
    );
  keep({ kind: "start", options: {} });
  keep({ kind: "join", hello: hello as never });
  step(state, 1, joining(hello as never));
  const event: Event & { type: "client-refused" } = {
    type: "client-refused",
    from: "c1",
    messages: [
      { type: "refused", keys: ["a", "b"] },
      { type: "refused", id: 7 },
      { type: "ping", id: 8 },
    ],
    why: "of this test",
  };
  keep({ kind: "refused", event, received: 3, ack: 0 });
  const effects = step(state, 1, event);
  const failure = {
    code: "overloaded",
    message: "make this call again later: the scheduler takes nothing new, since of this test",
  };
  const messages = [
    { type: "failed", keys: ["a", "b"], failure },
    { type: "answer", id: 7, failure },
    { type: "answer", id: 8, to: "ping", result: null },
  ];
  expect(effects).toEqual([{ do: "send-to-client", to: "c1", messages }]);
  expect(state.tasks.size).toBe(0);
  expect(replica.kept?.sessions.get("c1")).toMatchObject({ received: 3, messages });
  expect(replica.kept?.state.tasks.size).toBe(0);
});
