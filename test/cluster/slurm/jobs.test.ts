// What Slurm's commands print about jobs, read; and the environment in which jobs are submitted.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { endInWords, outsideOfJob, slurm } from "../../../cluster/slurm/jobs.ts";

let folder: string;
const before = process.env["PATH"];
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "thence-jobs-"));
  process.env["PATH"] = `${folder}:${before}`;
});
afterAll(() => {
  process.env["PATH"] = before;
  rmSync(folder, { recursive: true, force: true });
});

function program(name: string, script: string): void {
  writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(path.join(folder, name), 0o755);
}

test("the id of a job, on a site of several clusters too", async () => {
  program("sbatch", "echo '12;big'");
  expect(await slurm([]).submit("")).toBe("12");
});

test("an answer without an id is an error that has it", async () => {
  program("sbatch", "echo 'Welcome to our cluster!'");
  await expect(slurm([]).submit("")).rejects.toThrow("the id of the job: Welcome to our cluster!");
});

test("how jobs stand", async () => {
  program("squeue", "printf '1|PENDING|Priority\\n2|RUNNING|None\\n3|TIMEOUT|TimeLimit\\n'");
  expect([...(await slurm([]).jobs(["1", "2", "3", "4"])).values()]).toEqual([
    { id: "1", phase: "pending", state: "PENDING", reason: "Priority" },
    { id: "2", phase: "running", state: "RUNNING" },
    { id: "3", phase: "ended", state: "TIMEOUT", reason: "TimeLimit" },
  ]);
});

test("a job that Slurm has forgotten is missing, and is no error", async () => {
  program("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
  expect((await slurm([]).jobs(["1"])).size).toBe(0);
});

test.each([
  ["JobState=FAILED Reason=NonZeroExitCode ExitCode=2:0", "FAILED (NonZeroExitCode), exit code 2"],
  ["JobState=COMPLETED Reason=None ExitCode=0:0", "COMPLETED"],
  ["JobState=CANCELLED Reason=None ExitCode=0:15", "CANCELLED, signal 15"],
  ["JobState=TIMEOUT Reason=TimeLimit DerivedExitCode=1:0 ExitCode=0:0", "TIMEOUT (TimeLimit)"],
])("%s", (line, words) => {
  expect(endInWords(`JobId=12 JobName=x ${line} NumNodes=1`)).toBe(words);
});

test("a job inherits neither what Slurm said of another one nor a token", () => {
  const environment = {
    PATH: "/bin",
    SBATCH_ACCOUNT: "physics",
    SLURM_CONF: "/etc/slurm.conf",
    SLURM_JOB_ID: "1",
    SLURM_MEM_PER_CPU: "1400",
    SRUN_CPUS_PER_TASK: "2",
    THENCE_TOKEN: "secret",
  };
  expect(outsideOfJob(environment)).toEqual({
    PATH: "/bin",
    SBATCH_ACCOUNT: "physics",
    SLURM_CONF: "/etc/slurm.conf",
  });
});
