// The sessions of peers: which socket of a peer counts.

import { expect, test, vi } from "vitest";
import type { Clockwork } from "../../scheduler/clockwork.ts";
import { memoryLimits, type MemoryLimits } from "../../scheduler/memory-limits.ts";
import { Sessions } from "../../scheduler/sessions.ts";
import type { Origin } from "../../scheduler/write-ahead.ts";
import { createLog } from "../../src/log.ts";
import { memorySocketPair } from "../src/link/socket-memory.ts";
import { clientHello } from "../src/link/accepting-side.ts";

function stage(limits?: MemoryLimits, { keeps = false } = {}) {
  const handle = vi.fn((_event, origin?: Origin) => origin?.happened?.());
  const afterwards = (run: () => void) => void (keeps ? setImmediate(run) : run());
  const options = { graceMs: 30_000, smallResultBytes: 65_536 };
  const room = { whyNot: undefined as string | undefined };
  const clockwork = {
    ...{ options, handle, afterwards, keeps, waitingBytes: 0 },
    whyNotJoin: () => room.whyNot,
  } as unknown as Clockwork;
  const sessions = new Sessions({
    id: "s1",
    clockwork,
    heartbeatMs: 10_000,
    log: createLog("test"),
    ...(limits && { limits }),
  });
  /** The first message that the scheduler sends, and how the socket closes, when that has come. */
  function connect(hello: object) {
    const [near, far] = memorySocketPair();
    const heard: { answer?: unknown; closed?: number } = {};
    near.listen({
      message: (data) => (heard.answer ??= JSON.parse(data as string)),
      wrote: () => undefined,
      closed: ({ code }) => (heard.closed = code),
    });
    sessions.accept(far, "nearby", "full");
    near.send(JSON.stringify({ ...clientHello, ...hello }));
    return { near, heard };
  }
  const events = () => handle.mock.calls.map(([event]) => (event as { type: string }).type);
  return { sessions, connect, events, room };
}

test("an attempt that arrives after a later one of the same peer does not take its place", async () => {
  const { connect, events } = stage();
  const later = connect({ attempt: 4 });
  await vi.waitFor(() => expect(later.heard.answer).toMatchObject({ type: "welcome" }));
  // One that would begin anew, and one that would resume.
  for (const resumes of [{}, { resumes: "s1" }]) {
    const earlier = connect({ attempt: 3, ...resumes });
    await vi.waitFor(() => {
      expect(earlier.heard.answer).toMatchObject({ type: "refused", code: "unavailable" });
    });
  }
  expect(later.heard.closed).toBeUndefined();
  expect(events()).toEqual(["client-joins"]);
  const next = connect({ attempt: 5, resumes: "s1" });
  await vi.waitFor(() => expect(next.heard.answer).toMatchObject({ resumed: true }));
  await vi.waitFor(() => expect(later.heard.closed).toBe(4003));
  expect(events()).toEqual(["client-joins", "client-back"]);
});

test("a session that was begun by an attempt given up is not taken for the one before", async () => {
  const { connect, events } = stage();
  const first = connect({ attempt: 0 });
  await vi.waitFor(() => expect(first.heard.answer).toMatchObject({ resumed: false }));
  first.near.send("[0]");
  // As when the session had ended, and the peer did not wait for the answer.
  const givenUp = connect({ attempt: 1, resumes: "another", received: 1, session: 0 });
  await vi.waitFor(() => expect(givenUp.heard.answer).toMatchObject({ resumed: false }));
  const next = connect({ attempt: 2, resumes: "s1", session: 0 });
  await vi.waitFor(() => expect(next.heard.answer).toMatchObject({ resumed: false }));
  const later = connect({ attempt: 3, resumes: "s1", session: 2 });
  await vi.waitFor(() => expect(later.heard.answer).toMatchObject({ resumed: true }));
  expect(events()).toEqual([
    ...["client-joins", "client-leaves", "client-joins"],
    ...["client-leaves", "client-joins", "client-back"],
  ]);
});

test("attempts of one peer that are admitted while events wait for the journal begin one session each", async () => {
  const { connect, events } = stage(undefined, { keeps: true });
  const first = connect({ attempt: 0 });
  await vi.waitFor(() => expect(first.heard.answer).toMatchObject({ resumed: false }));
  const [second, third] = [connect({ attempt: 1 }), connect({ attempt: 2 })];
  await vi.waitFor(() => expect(third.heard.answer).toMatchObject({ resumed: false }));
  await vi.waitFor(() => expect(second.heard.closed).toBeDefined());
  const pairs = events().join(" ").replaceAll("client-joins client-leaves", "").trim();
  expect(pairs).toBe("client-joins");
});

test("a peer for which there is no room is refused for now, and one that has a session comes back", async () => {
  const { connect, events, room } = stage({ ...memoryLimits(), sessions: 2 });
  const joined = connect({});
  await vi.waitFor(() => expect(joined.heard.answer).toMatchObject({ type: "welcome" }));
  room.whyNot = "there is no room for the facts of more workers";
  const worker = connect({ ...workerHello, id: "w" });
  const refused = { type: "refused", code: "unavailable" };
  await vi.waitFor(() => {
    expect(worker.heard.answer).toMatchObject({ ...refused, message: room.whyNot });
  });
  room.whyNot = undefined;
  connect({ id: "c2" });
  await vi.waitFor(() => expect(events()).toEqual(["client-joins", "client-joins"]));
  const third = connect({ id: "c3" });
  await vi.waitFor(() => {
    expect(third.heard.answer).toMatchObject({
      ...refused,
      message: expect.stringMatching(/2 clients and workers/),
    });
  });
  room.whyNot = "nobody is let in";
  const again = connect({ resumes: "s1" });
  await vi.waitFor(() => expect(again.heard.answer).toMatchObject({ resumed: true }));
});

const workerHello = {
  ...{ role: "worker", host: "elsewhere", pid: 1, threads: 1, slots: 1 },
  ...{ resources: {}, functions: ["add"], name: "one", resumes: undefined },
};

test("a name is taken only while something is heard of the worker that has it", async () => {
  const { connect, events } = stage();
  const first = connect({ ...workerHello, id: "first" });
  await vi.waitFor(() => expect(first.heard.answer).toMatchObject({ type: "welcome" }));
  const second = connect({ ...workerHello, id: "second" });
  await vi.waitFor(() => {
    expect(second.heard.answer).toMatchObject({ type: "refused", code: "unavailable" });
  });
  // A heartbeat.
  first.near.send("[0]");
  await vi.waitFor(() => {
    const again = connect({ ...workerHello, id: "second" });
    return vi.waitFor(() => expect(again.heard.answer).toMatchObject({ code: "taken" }));
  });
  expect(events()).toEqual(["worker-joins"]);
});
