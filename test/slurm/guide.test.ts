// The guide's job on a real Slurm of four nodes: scheduler, workers by srun on two of them, driver.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { processesOfJobs, startSlurm, whyNoSlurm, type SlurmCluster } from "./cluster.ts";

const root = path.join(import.meta.dirname, "..", "..");
const why = whyNoSlurm();
if (why !== undefined) {
  if (process.env["THENCE_TEST_SLURM"] === "required") throw new Error(`no Slurm: ${why}`);
  console.warn(`The tests on a real Slurm are skipped: ${why}`);
}

describe.skipIf(why !== undefined)("a real Slurm of four nodes", () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await startSlurm({ nodes: 4 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  test("srun places tasks on the nodes of this machine's own cluster", async () => {
    const script = "echo $SLURM_PROCID $SLURMD_NODENAME";
    const { code, stdout } = await cluster.run("srun", ["-N2", "-n4", "sh", "-c", script]);
    expect(code).toBe(0);
    expect(stdout.trim().split("\n").sort()).toEqual(["0 n1", "1 n1", "2 n2", "3 n2"]);
  });

  test("the guide's job writes its five sums, ends by itself with 0, and leaves nothing", async () => {
    const job = await submit(cluster, [path.join("examples", "slurm", "guide.sbatch")]);
    const { state, exitCode } = await jobEnd(cluster, job);
    const errors = readFileSync(errorFile(cluster, job), "utf8");
    expect({ state, exitCode }, errors).toEqual({ state: "COMPLETED", exitCode: "0:0" });
    expect(readFileSync(outputFile(cluster, job), "utf8")).toBe("11\n13\n15\n17\n19\n");
    await nothingLeft(cluster);
    expect(existsSync(path.join(root, `scheduler-${job}.json`))).toBe(false);
  });

  test("a job whose driver fails ends with the driver's exit code", async () => {
    const job = await submit(cluster, [guideWithDriver(cluster, "node --eval 'process.exit(3)'")]);
    expect(await jobEnd(cluster, job)).toEqual({ state: "FAILED", exitCode: "3:0" });
    await nothingLeft(cluster);
  });

  test("a job that is cancelled takes its scheduler and workers with it", async () => {
    // The driver waits for both workers, and then for ever.
    const script = guideWithDriver(cluster, "node test/slurm/fixtures/waits.ts");
    const job = await submit(cluster, [script]);
    await workersUp(cluster, job, 2);
    expect((await cluster.run("scancel", [job])).code).toBe(0);
    expect((await jobEnd(cluster, job)).state).toBe("CANCELLED");
    await nothingLeft(cluster);
  });
});

/** The guide's job with another program in place of its driver. */
function guideWithDriver({ directory }: SlurmCluster, driver: string): string {
  const guide = readFileSync(path.join(root, "examples", "slurm", "guide.sbatch"), "utf8");
  const script = path.join(directory, "job.sbatch");
  writeFileSync(script, guide.replace(/^node .*$/m, driver));
  return script;
}

/** Submits a job from the checkout's folder; resolves to its id. */
async function submit(cluster: SlurmCluster, args: readonly string[]): Promise<string> {
  const files = [`--output=${cluster.directory}/%j.out`, `--error=${cluster.directory}/%j.err`];
  // There is no ib0 here; every node is this machine.
  const env = { INTERFACE: "lo" };
  const { code, stdout, stderr } = await cluster.run("sbatch", ["--parsable", ...files, ...args], {
    cwd: root,
    env,
  });
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

const outputFile = ({ directory }: SlurmCluster, job: string): string => `${directory}/${job}.out`;
const errorFile = ({ directory }: SlurmCluster, job: string): string => `${directory}/${job}.err`;

type JobEnd = { state: string; exitCode: string };

async function jobEnd(cluster: SlurmCluster, job: string): Promise<JobEnd> {
  return until(`job ${job} has ended`, cluster, async () => {
    const { stdout } = await cluster.run("scontrol", ["--oneliner", "show", "job", job]);
    const state = /JobState=(\w+)/.exec(stdout)?.[1] ?? "unknown";
    const exitCode = / ExitCode=(\S+)/.exec(stdout)?.[1] ?? "unknown";
    const isOver = ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"].includes(state);
    return isOver ? { state, exitCode } : undefined;
  });
}

/** Waits until the driver says that the job's workers are there. */
async function workersUp(cluster: SlurmCluster, job: string, count: number): Promise<void> {
  await until(`${count} workers of job ${job} are there`, cluster, async () => {
    const file = outputFile(cluster, job);
    return existsSync(file) && readFileSync(file, "utf8").includes(`${count} workers`)
      ? true
      : undefined;
  });
}

async function nothingLeft(cluster: SlurmCluster): Promise<void> {
  await until("no process of a job is left", cluster, async () =>
    processesOfJobs(cluster.directory).length === 0 ? true : undefined,
  );
}

/** Polls until there is an answer; bounded by the time limit of the test. */
async function until<Answer>(
  what: string,
  cluster: SlurmCluster,
  ask: () => Promise<Answer | undefined>,
): Promise<Answer> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) {
      const { stdout } = await cluster.run("squeue", ["--long"]);
      throw new Error(`waited a minute until ${what}\n${stdout}`);
    }
    await sleep(100);
  }
}
