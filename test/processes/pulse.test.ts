// A scheduler that is busy with one long event sends heartbeats meanwhile.

import { afterEach, expect, test } from "vitest";
import { cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";
import type { SchedulerInfo } from "../../src/wire/facts.ts";
import { RawPeer, clientHello } from "./raw-peer.ts";

afterEach(cleanUp, patientMs);

test(
  "heartbeats come while a client of 500,000 tasks is let go",
  async () => {
    const scheduler = await startScheduler({ heartbeatMs: 10, core: { graceMs: 60_000 } });
    const peer = await RawPeer.connect(scheduler);
    await peer.welcomed(clientHello);
    const keys = (from: number) => Array.from({ length: 10_000 }, (_, index) => `${from + index}`);
    for (let from = 0; from < 500_000; from += 10_000) {
      const args = keys(from).map(() => "[]");
      peer.send([0, { type: "submit", name: "nobody's", keys: keys(from), args }]);
    }
    const bystander = await connect(scheduler);
    while ((await bystander.info()).totals.submitted < 500_000);
    const listener = await RawPeer.connect(scheduler);
    await listener.welcomed({ ...clientHello, id: "listener" });
    const left = peer.leave();
    // Between a question and its answer a scheduler that reads sends one heartbeat at most.
    let most = 0;
    for (let id = 1, there = Infinity; there > 0; id++) {
      const before = listener.received.length;
      listener.send([0, { type: "info", id }]);
      const { result } = await listener.heardAfter(before, "answer");
      there = (result as SchedulerInfo).tasks.ready;
      most = Math.max(most, listener.received.length - before);
    }
    await left;
    expect(most).toBeGreaterThan(5);
  },
  patientMs,
);
