// Workers of several jobs on one node of a real Slurm: names, GPUs, threads and memory.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/index.ts";
import { command, reap, root, thence, type Program } from "../processes.ts";
import { startSlurm, whyNoSlurm, type Outcome, type SlurmCluster } from "./cluster.ts";

const module = path.join(root, "test", "fixtures", "devices.ts");
type Tasks = typeof import("../fixtures/devices.ts");

describe.skipIf(whyNoSlurm() !== undefined)("workers of two jobs on a node with two GPUs", () => {
  let cluster: SlurmCluster;
  let folder: string;
  let scheduler: Program;
  let client: Client<Tasks>;
  const jobs: Promise<Outcome>[] = [];

  beforeAll(async () => {
    cluster = await startSlurm({ nodes: 1, cpusPerNode: 4, gpusPerNode: 2 });
    folder = await mkdtemp(path.join(tmpdir(), "thence-test-"));
    const file = path.join(folder, "s.json");
    scheduler = thence(["scheduler", "--port", "0", "--scheduler-file", file]);
    client = await Client.connect<Tasks>(file);
    const worker = [process.execPath, command, "worker", "--scheduler-file", file];
    const run = (...args: string[]) => {
      jobs.push(cluster.run("srun", [...args, ...worker, "--module", module]));
    };
    run("-n2", "--gres=gpu:2");
    // Jobs are numbered as they come.
    await client.waitForWorkers(2, { timeoutMs: 60_000 });
    run("-n1", "--cpus-per-task=2");
    await client.waitForWorkers(3, { timeoutMs: 60_000 });
  });
  afterAll(async () => {
    await client?.close();
    await reap();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("have names of their own, and the threads of their tasks", async () => {
    const workers = await client.workers();
    const facts = workers.map(({ name, threads }) => [name, threads] as const);
    expect(facts.sort()).toEqual([
      ["n1-1.0-0", 1],
      ["n1-1.0-1", 1],
      ["n1-2.0-0", 2],
    ]);
  });

  test("divide the GPUs of their step, and each task has one of its own", async () => {
    const workers = await client.workers();
    const gpus = workers.map(({ name, resources }) => [name, resources["gpu"]?.total] as const);
    expect(gpus.sort()).toEqual([
      ["n1-1.0-0", 1],
      ["n1-1.0-1", 1],
      ["n1-2.0-0", undefined],
    ]);
    const onGpu = client.with({ resources: { gpu: 1 } });
    const used = await client.gather(onGpu.map("use", [500, 500]));
    expect(used.map(({ device }) => device).sort()).toEqual(["0", "1"]);
    for (const { device, variable } of used) expect(variable).toBe(device);
    const programs = await onGpu.submit("seenByPrograms").result();
    expect(programs).toEqual([programs[0], programs[0], "own"]);
  });

  test("end well with the scheduler", async () => {
    await scheduler.end();
    for (const { code, stderr } of await Promise.all(jobs)) expect(code, stderr).toBe(0);
  });
});
