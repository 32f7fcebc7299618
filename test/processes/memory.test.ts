// A worker in a control group with little memory, as a Slurm job has it, holds more results than fit in there,
// and is not killed: it takes its limit from the group, and writes to a disk although /tmp is in memory.

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { command, Program, root } from "../processes.ts";
import { cleanUp, connect, patientMs, startScheduler } from "./daemons.ts";

type Tasks = typeof import("./fixtures/large.ts");
const module = path.join(root, "test", "processes", "fixtures", "large.ts");
const limitBytes = 400 * 2 ** 20;
/** 40 MB each. */
const numbers = 5_000_000;

const group = makeGroup();
afterEach(cleanUp);
afterAll(() => {
  if (group !== undefined) rmdirSync(group);
});

/** A group below that of this process, of version 1; undefined where none can be made. */
function makeGroup(): string | undefined {
  try {
    const [, own] = /^\d+:memory:(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))!;
    const folder = path.join("/sys/fs/cgroup/memory", own!, `thence-test-${process.pid}`);
    mkdirSync(folder);
    writeFileSync(path.join(folder, "memory.limit_in_bytes"), `${limitBytes}`);
    return folder;
  } catch {
    return undefined;
  }
}

test.runIf(group !== undefined)(
  "a worker of 400 MiB holds 400 MB of results",
  { timeout: 2 * patientMs },
  async () => {
    const scheduler = await startScheduler();
    const args = ["worker", "--scheduler-file", scheduler.file, "--module", module];
    const enter = `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`;
    const worker = new Program(
      "sh",
      ["-c", enter, process.execPath, command, ...args, "--threads", "1"],
      { env: { TMPDIR: "/dev/shm", SLURM_JOB_ID: "7", SLURM_CPUS_PER_TASK: "1" } },
    );
    await worker.wrote(/joined the scheduler/);
    expect(worker.stderr).toMatch(/go to \/var\/tmp, since \/dev\/shm is in memory/);
    const client = await connect<Tasks>(scheduler);
    const seeds = Array.from({ length: 10 }, (_, index) => index + 1);
    const ramps = seeds.map((seed) => client.submit("ramp", scheduler.folder, numbers, seed));
    const sums = await client.gather(ramps.map((ramp) => client.submit("total", ramp)));
    const sum = (numbers * (numbers - 1)) / 2;
    expect(sums).toEqual(seeds.map((seed) => seed * sum));
    expect(readFileSync(path.join(group!, "memory.oom_control"), "utf8")).toMatch(/oom_kill 0$/m);
    expect(worker.stderr).not.toContain("the worker before this one died");
    await worker.end();
  },
);
