// Devices on real workers: never two tasks on one, and lent with the slot while a task waits for sub-tasks.

import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { root } from "../processes.ts";
import { cleanUp, connect, startScheduler, startWorker } from "./daemons.ts";

type Tasks = typeof import("../fixtures/devices.ts");
const modules = [path.join(root, "test", "fixtures", "devices.ts")];

afterEach(cleanUp);

test("four threads with two GPUs run two tasks at a time that want one, each with its own", async () => {
  const scheduler = await startScheduler();
  await startWorker(scheduler, { name: "w", modules, threads: 4, resources: "gpu=2" });
  const client = await connect<Tasks>(scheduler);
  const onGpu = client.with({ resources: { gpu: 1 } });
  const spans = await client.gather(
    onGpu.map(
      "use",
      Array.from({ length: 8 }, () => 50),
    ),
  );
  const all = spans.sort((a, b) => a.from - b.from);
  for (const { device, variable } of all) expect(variable).toBe(device);
  for (const name of ["0", "1"]) {
    const here = all.filter(({ device }) => device === name);
    expect(here.length).toBeGreaterThan(0);
    here.slice(1).forEach(({ from }, index) => {
      expect(from).toBeGreaterThanOrEqual(here[index]!.to);
    });
  }
});

test("a task that waits for a sub-task lends it its GPU, and has one again before it goes on", async () => {
  const scheduler = await startScheduler();
  await startWorker(scheduler, { name: "w", modules, threads: 1, resources: "gpu=1" });
  const client = await connect<Tasks>(scheduler);
  const seen = { gpu: { amount: 1, devices: ["0"] }, variable: "0" };
  const future = client.with({ resources: { gpu: 1 } }).submit("lend");
  expect(await future.result()).toEqual([seen, seen, seen]);
});
