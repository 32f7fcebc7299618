// A worker that may use some of the machine's cores keeps to them, with all its threads and programs.

import { accessSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { command, Program, root } from "../processes.ts";
import { cleanUp, connect, startScheduler } from "./daemons.ts";

type Tasks = typeof import("../fixtures/cores.ts");
const module = path.join(root, "test", "fixtures", "cores.ts");

afterEach(cleanUp);

/** The first core that this process may use. */
function firstCore(): string {
  const status = readFileSync("/proc/self/status", "utf8");
  return /^Cpus_allowed_list:\s*(\d+)/m.exec(status)![1]!;
}

function canBeConfined(): boolean {
  try {
    accessSync("/usr/bin/taskset");
    return process.platform === "linux";
  } catch {
    return false;
  }
}

test
  .runIf(canBeConfined())
  .each<[situation: string, env: Record<string, string>, threads: number]>([
    ["takes its threads from its affinity", {}, 1],
    ["says when Slurm promised more", { SLURM_JOB_ID: "7", SLURM_CPUS_PER_TASK: "3" }, 3],
  ])("a worker on one core %s, and keeps to it", async (_, env, threads) => {
  const scheduler = await startScheduler();
  const core = firstCore();
  const args = ["worker", "--scheduler-file", scheduler.file, "--module", module, "--no-supervise"];
  const worker = new Program("taskset", ["-c", core, process.execPath, command, ...args], { env });
  await worker.wrote(/joined the scheduler/);
  const client = await connect<Tasks>(scheduler);
  expect(await client.workers()).toMatchObject([{ threads }]);
  const all = await client.gather(
    client.map(
      "cores",
      Array.from({ length: threads }, () => 50),
    ),
  );
  for (const each of all) expect(each).toEqual({ thread: core, program: core, openMp: "1" });
  const warnings = worker.stderr.match(/give srun --cpus-per-task=3 too/g) ?? [];
  expect(warnings).toHaveLength(threads === 3 ? 1 : 0);
});
