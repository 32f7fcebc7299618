// Clusters whose workers are jobs of a real Slurm: they start, follow the work, lose a job without a loss,
// and leave nothing.

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BatchSystemError, SlurmCluster, type SlurmClusterOptions } from "../../cluster/index.ts";
import { UnschedulableError } from "../../src/errors/errors.ts";
import { reap, thence, type Program } from "../processes.ts";
import { processesOfJobs, startSlurm, whyNoSlurm, type SlurmCluster as Slurm } from "./cluster.ts";

const tasks = path.join(import.meta.dirname, "fixtures", "cluster-tasks.ts");
type Tasks = typeof import("./fixtures/cluster-tasks.ts");

const why = whyNoSlurm();
if (why !== undefined && process.env["THENCE_TEST_SLURM"] === "required") {
  throw new Error(`no Slurm: ${why}`);
}

describe.skipIf(why !== undefined)("a SlurmCluster on a real Slurm", () => {
  let slurm: Slurm;
  let directory: string;
  const before = { ...process.env };
  const lines: string[] = [];

  beforeAll(async () => {
    slurm = await startSlurm({ nodes: 3, cpusPerNode: 1 });
    Object.assign(process.env, slurm.env);
    directory = mkdtempSync(path.join(tmpdir(), "thence slurm-cluster 'test' 100%-"));
  });
  afterAll(async () => {
    await reap();
    await slurm?.stop();
    process.env = before;
    rmSync(directory, { recursive: true, force: true });
  });

  const start = (options: Partial<SlurmClusterOptions> = {}): Promise<SlurmCluster<Tasks>> =>
    SlurmCluster.start<Tasks>({
      modules: [tasks],
      directory,
      interface: "lo",
      time: "5m",
      onLine: (line) => lines.push(line),
      ...options,
    });

  const squeue = async (): Promise<string> => (await slurm.run("squeue", ["-h"])).stdout.trim();

  test("runs tasks, loses nothing when a job is cancelled, and leaves nothing", async () => {
    const cluster = await start({ workers: 2 });
    const { client } = cluster;
    const [folder = ""] = readdirSync(directory);
    expect(statSync(path.join(directory, folder)).mode & 0o777).toBe(0o700);
    await client.waitForWorkers(2, { timeoutMs: 60_000 });
    const sums = client.map("add", [1, 2, 3, 4, 5], [10, 11, 12, 13, 14]);
    expect(await client.gather(sums)).toEqual([11, 13, 15, 17, 19]);

    const ids = cluster.jobs.map(({ id }) => id);
    const token = JSON.parse((await slurm.run("cat", [cluster.schedulerFile])).stdout) as {
      token: string;
    };
    for (const id of ids) {
      const shown = await slurm.run("scontrol", ["show", "job", id]);
      expect(shown.stdout).toContain("JobState=RUNNING");
      expect(shown.stdout).not.toContain(token.token);
      const script = await slurm.run("scontrol", ["write", "batch_script", id, "-"]);
      expect(script.stdout).toContain("exec srun");
      expect(script.stdout).not.toContain(token.token);
    }

    const blocks = client.map("block", [1, 2, 3, 4]);
    await client.wait(blocks);
    const slow = client.map("slowly", [...Array(12).keys()], Array<number>(12).fill(500));
    await slurm.run("scancel", [ids[0]!]);
    expect(await client.gather(slow)).toEqual([...Array(12).keys()]);
    for (const [index, block] of (await client.gather(blocks)).entries()) {
      expect(block[0]).toBe(index + 1);
    }
    // The job that is gone is replaced.
    const isGone = () => !cluster.jobs.some(({ id }) => id === ids[0]);
    await until(isGone, "the cancelled job is gone");
    await client.waitForWorkers(2, { timeoutMs: 60_000 });

    await cluster.close();
    expect(await squeue()).toBe("");
    expect(processesOfJobs(slurm.directory)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("grows from nothing to three worker jobs with the work, and shrinks to nothing", async () => {
    const cluster = await start({ workers: 0 });
    try {
      const { client } = cluster;
      await cluster.adapt({ minimum: 0, maximum: 3, idleMs: 2_000 });
      expect(cluster.jobs).toEqual([]);
      const names = await client.gather(client.map("where", Array<number>(6).fill(3_000)));
      expect(new Set(names).size).toBe(3);
      expect(cluster.jobs).toHaveLength(3);
      await until(() => cluster.jobs.length === 0, "no job is left");
      expect((await client.info()).workers).toBe(0);
      expect(await squeue()).toBe("");
    } finally {
      await cluster.close();
    }
  });

  test("a partition that Slurm refuses is an error with its words, and leaves nothing", async () => {
    const refused = await start({ partition: "nowhere" }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BatchSystemError);
    expect((refused as Error).message).toContain(
      "sbatch: error: invalid partition specified: nowhere",
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test("a module that does not load ends the submissions after three jobs, and says why", async () => {
    const cluster = await start({ modules: ["./taks.ts"], workers: 1 });
    try {
      const failure = await cluster.client.submit("add", 1, 2).exception();
      expect(failure).toBeInstanceOf(UnschedulableError);
      expect(failure!.message).toMatch(/3 worker jobs in a row ended before their worker joined/);
      expect(failure!.message).toMatch(
        /the last, job \d+: FAILED \(NonZeroExitCode\), exit code 2/,
      );
      expect(failure!.message).toContain("taks.ts");
      expect(failure!.message).toContain(cluster.failure!.message);
      expect(cluster.jobs).toEqual([]);
      expect(await squeue()).toBe("");
    } finally {
      await cluster.close();
    }
  });

  test("jobs whose workers leave ahead of their time limit are replaced while work waits", async () => {
    const cluster = await start({ workers: 1, workerOptions: ["--lifetime=3s"] });
    try {
      const { client } = cluster;
      const names = await client.gather(client.map("where", Array<number>(6).fill(700)));
      expect(new Set(names).size).toBeGreaterThan(1);
    } finally {
      await cluster.close();
    }
  });

  const foreground = (name: string): { program: Program; file: string } => {
    const file = path.join(directory, `${name}.json`);
    const where = ["--directory", directory, "--scheduler-file", file, "--interface", "lo"];
    const args = ["cluster", "slurm", "--workers", "1", "--module", tasks, ...where];
    return { program: thence(args, { env: slurm.env }), file };
  };

  test("thence cluster slurm runs until it is interrupted, and leaves nothing", async () => {
    const { program, file } = foreground("interrupted");
    await program.wrote(/job \d+ is submitted/);
    const { stdout } = await thence(["submit", "--scheduler-file", file, "add", "1", "10"]).ended;
    expect(stdout).toBe("11\n");
    expect((await program.end("SIGINT")).how).toBe(0);
    expect(await squeue()).toBe("");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("when its process is killed, its workers end at once, and so do jobs that wait", async () => {
    const { program, file } = foreground("killed");
    await program.wrote(/worker slurm-\d+ joined/);
    await program.end("SIGKILL");
    const killedAt = Date.now();
    await untilEmpty();
    expect(Date.now() - killedAt).toBeLessThan(20_000);
    expect(existsSync(file)).toBe(false);
    for (const name of readdirSync(directory))
      rmSync(path.join(directory, name), { recursive: true });
  });

  async function untilEmpty(): Promise<void> {
    const deadline = Date.now() + 60_000;
    while ((await squeue()) !== "" || processesOfJobs(slurm.directory).length > 0) {
      if (Date.now() > deadline) throw new Error(`jobs are left: ${await squeue()}`);
      await sleep(200);
    }
  }

  async function until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`waited until ${what}\n${lines.join("\n")}`);
      await sleep(100);
    }
  }
});
