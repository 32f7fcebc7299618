// A scheduler with many queued tasks is killed, and the next one on its journal begins: how long it takes, and
// how much memory it then has, after full collections in both.

import { once } from "node:events";
import { join } from "node:path";
import { Inspector } from "../runner/inspector.ts";
import type { Processes, Started } from "../runner/processes.ts";
import { memoryOf } from "../thence/memory.ts";
import { orEnded, startClient, startScheduler } from "../thence/system.ts";
import type { Finding } from "./main.ts";

export async function measureComingBack(
  processes: Processes,
  directory: string,
  quick: boolean,
): Promise<Finding[]> {
  const tasks = quick ? 20_000 : 1_000_000;
  const schedulerFile = join(directory, "scheduler.json");
  const start = () =>
    startScheduler(
      processes,
      schedulerFile,
      ["--inspect=127.0.0.1:0"],
      ["--journal", join(directory, "journal"), "--no-supervise"],
    );
  const first = start();
  const client = startClient(processes, schedulerFile, 0);
  await orEnded(client.ask({ size: 0 }), first);
  await orEnded(client.ask({ scenario: "queue", size: tasks }), first);
  const before = await residentBytesOf(first);
  await first.kill();
  const found: Finding[] = [];
  for (const what of ["from records", "from a snapshot"]) {
    const beganAt = performance.now();
    const next = start();
    await listening(next);
    const tookS = (performance.now() - beganAt) / 1_000;
    // The client, which held its futures, is back too.
    await orEnded(client.ask({ size: 0 }), next);
    const after = await residentBytesOf(next);
    found.push(
      [`${tasks} queued tasks come back ${what}`, `${tookS.toFixed(1)} s`, "≤ 10 s"],
      ["  resident memory, of what it was", (after / before).toFixed(2), "≤ 1.3"],
    );
    // In good order: it leaves a snapshot and no records.
    await next.end();
  }
  return found;
}

async function residentBytesOf(scheduler: Started): Promise<number> {
  const inspector = await Inspector.connect(scheduler);
  try {
    return (await memoryOf(scheduler.pid, inspector)).resident;
  } finally {
    inspector.close();
  }
}

async function listening(scheduler: Started): Promise<void> {
  // Its debugger says "listening" too.
  while (!scheduler.tail.includes("scheduler: listening on")) {
    await orEnded(once(scheduler.said, "text"), scheduler);
  }
}
