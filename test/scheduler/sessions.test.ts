// The sessions of peers: which socket of a peer counts.

import { expect, test, vi } from "vitest";
import type { Clockwork } from "../../scheduler/clockwork.ts";
import { Sessions } from "../../scheduler/sessions.ts";
import type { Origin } from "../../scheduler/write-ahead.ts";
import { createLog } from "../../src/log.ts";
import { memorySocketPair } from "../src/link/socket-memory.ts";
import { clientHello } from "../src/link/accepting-side.ts";

function stage() {
  const handle = vi.fn((_event, origin?: Origin) => origin?.happened?.());
  const afterwards = (run: () => void) => run();
  const options = { graceMs: 30_000, smallResultBytes: 65_536 };
  const clockwork = { options, handle, afterwards } as unknown as Clockwork;
  const sessions = new Sessions({
    id: "s1",
    clockwork,
    heartbeatMs: 10_000,
    log: createLog("test"),
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
  return { sessions, connect, events };
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
