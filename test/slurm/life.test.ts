// The ends of jobs on a real Slurm: no worker can start, none is left, the time limit is near.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askJobTime } from "../../cluster/slurm/job-time.ts";
import { runningSteps } from "../../cluster/slurm/steps.ts";
import { processesOfJobs, startSlurm, whyNoSlurm, type SlurmCluster } from "./cluster.ts";

const root = path.join(import.meta.dirname, "..", "..");
const fixtures = path.join("test", "slurm", "fixtures");
const why = whyNoSlurm();
if (why !== undefined && process.env["THENCE_TEST_SLURM"] === "required") {
  throw new Error(`no Slurm: ${why}`);
}

describe.skipIf(why !== undefined)("a job on a real Slurm", () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await startSlurm({ nodes: 2 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  /** A job of a scheduler, two workers and a driver; resolves with its id. */
  async function submit(job: {
    module?: string;
    driver: string;
    margin?: string;
    minutes?: number;
  }): Promise<string> {
    const { module = "seconds.ts", driver, margin = "10s", minutes = 5 } = job;
    const script = `#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --cpus-per-task=2 --time=${minutes}
export PATH=$PWD/node_modules/.bin:$PATH
export THENCE_SCHEDULER_FILE=${cluster.directory}/scheduler-$SLURM_JOB_ID.json
trap 'kill $(jobs -p); wait' EXIT
thence scheduler --port 0 --end-margin ${margin} &
srun --overlap --kill-on-bad-exit=0 --wait=0 --cpus-per-task=2 \\
  thence worker --end-margin ${margin} --module ${fixtures}/${module} &
node ${fixtures}/${driver}
`;
    const file = path.join(cluster.directory, "job.sbatch");
    writeFileSync(file, script);
    const output = [`--output=${cluster.directory}/%j.out`, `--error=${cluster.directory}/%j.err`];
    const { code, stdout, stderr } = await cluster.run("sbatch", ["--parsable", ...output, file], {
      cwd: root,
    });
    expect(code, stderr).toBe(0);
    return stdout.trim();
  }

  const outputOf = (job: string) => read(`${cluster.directory}/${job}.out`);
  const errorsOf = (job: string) => read(`${cluster.directory}/${job}.err`);

  /** Its state and exit code, once it has ended. */
  async function endOf(job: string): Promise<string> {
    return until(`job ${job} has ended`, async () => {
      const { stdout } = await cluster.run("scontrol", ["--oneliner", "show", "job", job]);
      const state = /JobState=(\w+)/.exec(stdout)?.[1] ?? "unknown";
      const code = / ExitCode=(\S+)/.exec(stdout)?.[1] ?? "unknown";
      return /RUNNING|PENDING|COMPLETING/.test(state) ? undefined : `${state} ${code}`;
    });
  }

  async function until<Answer>(what: string, ask: () => Promise<Answer | undefined>) {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (Date.now() > deadline) throw new Error(`waited until ${what}`);
      await sleep(100);
    }
  }

  async function nothingLeft(): Promise<void> {
    await until("no process of a job is left", async () =>
      processesOfJobs(cluster.directory).length === 0 ? true : undefined,
    );
  }

  test("whose workers cannot start ends soon, and its driver says why", async () => {
    const job = await submit({ module: "secnods.ts", driver: "calls.ts long" });
    const startedAt = Date.now();
    expect(await endOf(job)).toBe("FAILED 1:0");
    expect(Date.now() - startedAt).toBeLessThan(40_000);
    const said = errorsOf(job);
    expect(said).toContain("UnschedulableError: start workers: ");
    expect(said).toMatch(/step 0 of job \d+, where workers ran, has ended; n[12]-.*secnods\.ts/);
    await nothingLeft();
  });

  test("whose worker step is cancelled ends soon, and its driver says how they went", async () => {
    const job = await submit({ driver: "calls.ts long" });
    await until("the task runs", async () =>
      errorsOf(job).includes("a long task runs") ? true : undefined,
    );
    const ask = async (command: string, args: readonly string[]) =>
      (await cluster.run(command, args)).stdout;
    expect([...(await runningSteps(job, ask))]).toEqual(["0"]);
    const time = await askJobTime(job, ask);
    expect(time).toMatchObject({ job, limitMs: 300_000 });
    expect(time!.leftMs).toBeGreaterThan(200_000);
    await cluster.run("scancel", [`${job}.0`]);
    expect(await endOf(job)).toBe("FAILED 1:0");
    expect(errorsOf(job)).toMatch(/UnschedulableError: start workers: .*has ended; n[12]-\S+: /);
    await nothingLeft();
  });

  test("whose time limit strikes in the middle of 200 tasks saves every finished result", async () => {
    const job = await submit({ driver: "saves.ts", minutes: 1, margin: "40s" });
    expect(await endOf(job), errorsOf(job)).toBe("COMPLETED 0:0");
    const [counts, error] = outputOf(job).split("\n");
    const { saved, finished } = JSON.parse(counts!);
    expect(saved).toBe(finished);
    expect(saved).toBeGreaterThan(10);
    expect(saved).toBeLessThan(150);
    expect(error).toMatch(
      /^TimeLimitError: .* the time limit of 1 minute of Slurm job \d+ is near/,
    );
    expect(errorsOf(job)).not.toContain("drain timeout is over");
    await nothingLeft();
  });
});

/** The file is not there before the job begins. */
function read(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
