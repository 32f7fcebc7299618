// Two nodes of 128 tasks each, on one machine: 256 processes join a scheduler. Each is a process that only
// connects, so the time that is printed is the scheduler's and that of starting Node 256 times.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { startScheduler } from "../../scheduler/main.ts";
import { formatDuration } from "../../src/duration.ts";
import { PROTOCOL_VERSION } from "../../src/wire/protocol.ts";
import { node, reap } from "../processes.ts";

const count = 256;
/** The processes do not answer heartbeats. */
const heartbeatMs = 60_000;

test(`${count} workers join, and end with the scheduler`, async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
  const schedulerFile = path.join(folder, "s.json");
  const joined = new Set<string>();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const onWorker = (name: string) => {
    joined.add(name);
    if (joined.size === count) resolve();
  };
  const scheduler = await startScheduler({ port: 0, schedulerFile, heartbeatMs, onWorker });
  try {
    const program = path.join(import.meta.dirname, "fixtures", "zero-worker.ts");
    const began = performance.now();
    const workers = Array.from({ length: count }, (_, index) =>
      node([program, schedulerFile, `w${index}`, String(PROTOCOL_VERSION)]),
    );
    await all;
    console.info(`${count} workers joined within ${formatDuration(performance.now() - began)}`);
    await scheduler.stop();
    for (const worker of workers) expect((await worker.ended).how).toBe(0);
  } finally {
    await scheduler.stop();
    await reap();
    await rm(folder, { recursive: true });
  }
});
