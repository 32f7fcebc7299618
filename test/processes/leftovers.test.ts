// A worker that is killed while it ends leaves no files: its supervisor removes them.

import { mkdirSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { childrenOf, root, thence } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";

type Tasks = typeof import("./fixtures/large.ts");
const module = path.join(root, "test", "processes", "fixtures", "large.ts");
/** On a disk, which the folder for temporary files need not be. */
const disk = path.join(root, "node_modules", ".cache");

let folder: string;
afterEach(async () => {
  await cleanUp();
  await rm(folder, { recursive: true, force: true });
});

test(
  "the files of a killed worker are removed by its supervisor",
  { timeout: patientMs },
  async () => {
    mkdirSync(disk, { recursive: true });
    folder = await mkdtemp(path.join(disk, "thence-test-"));
    const scheduler = await startScheduler();
    const args = ["worker", "--scheduler-file", scheduler.file, "--module", module];
    const worker = thence([...args, "--threads", "1", "--memory-limit", "10MB"], {
      env: { TMPDIR: folder },
    });
    await worker.wrote(/joined the scheduler/);
    expect(await readdir(folder)).toEqual([]);

    const client = await connect<Tasks>(scheduler);
    const ramps = [1, 2, 3].map((seed) => client.submit("ramp", scheduler.folder, 1_000_000, seed));
    await client.wait(ramps);
    await expect.poll(() => readdir(folder), { timeout: patientMs }).toHaveLength(1);
    client.fireAndForget(
      client.submit("totalSlowly", client.submit("ramp", scheduler.folder, 9, 1), 60_000),
    );
    await expect.poll(async () => (await client.info()).tasks.running).toBe(1);
    const [child] = childrenOf(worker.pid);
    worker.signal("SIGTERM");
    await worker.wrote(/waiting for the task that runs/);
    process.kill(child!, "SIGKILL");
    await worker.ended;
    expect(await readdir(folder)).toEqual([]);
  },
);
