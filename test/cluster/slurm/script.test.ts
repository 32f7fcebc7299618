// The batch script of a worker job, as text, and what a shell makes of it.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sbatchOptions, workerScript, type WorkerScript } from "../../../cluster/slurm/script.ts";
import { timeLimitMinutes } from "../../../cluster/slurm/time-limit.ts";

const plain: WorkerScript = {
  jobName: "thence-worker",
  cpus: 8,
  output: "/home/ada/thence-x/%j.out",
  extra: [],
  setup: [],
  program: "/opt/thence/cli/bin.js",
  nodeDirectory: "/opt/node/bin",
  schedulerFile: "/home/ada/thence-x/scheduler.json",
  modules: ["./tasks.ts"],
  workerOptions: [],
};

test("the script of a worker job", () => {
  const script = workerScript({
    ...plain,
    memoryBytes: 4 * 2 ** 30,
    timeLimitMinutes: 60,
    partition: "short",
    account: "physics",
    interface: "ib0",
    extra: ["--gres=gpu:1"],
    setup: ["module load cuda"],
    workerOptions: ["--concurrency=4"],
  });
  expect(script).toBe(`#!/bin/bash
#SBATCH --job-name=thence-worker
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=4096M
#SBATCH --time=60
#SBATCH --partition=short
#SBATCH --account=physics
#SBATCH --output=/home/ada/thence-x/%j.out
#SBATCH --open-mode=append
#SBATCH --gres=gpu:1

# One worker of a cluster. Whoever submitted this job has removed the scheduler file when it is over.
[ -e /home/ada/thence-x/scheduler.json ] || { echo "not needed any more: its cluster has ended"; exit 0; }
export PATH=/opt/node/bin:"$PATH"
unset THENCE_ADDRESS THENCE_TOKEN THENCE_TOKEN_FILE
module load cuda
exec srun --ntasks=1 --cpus-per-task=8 --kill-on-bad-exit=0 --wait=0 \\
  /opt/thence/cli/bin.js worker --scheduler-file /home/ada/thence-x/scheduler.json --name "slurm-$SLURM_JOB_ID" --module ./tasks.ts --interface ib0 --lifetime 58m --concurrency=4
`);
});

test("what is not asked for is left to Slurm", () => {
  const options = sbatchOptions(plain).join(" ");
  expect(options).not.toMatch(/--(mem|time|partition|account)/);
  expect(workerScript(plain)).not.toContain("--lifetime");
});

test.each([
  [1, "50s"],
  [10, "9m"],
  [20, "18m"],
  [2_880, "47h58m"],
])("a worker of a job of %i minutes leaves after %s", (timeLimitMinutes, lifetime) => {
  const script = workerScript({ ...plain, timeLimitMinutes });
  expect(script).toContain(`--lifetime ${lifetime}`);
});

test("a line break is refused, for it would be another line of the script", () => {
  expect(() => workerScript({ ...plain, partition: "a\nb" })).toThrow(
    'write it without a line break: "--partition=a\\nb"',
  );
  expect(() => workerScript({ ...plain, modules: ["./a\n.ts"] })).toThrow("without a line break");
});

describe("in a shell", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "thence-script-"));
    writeFileSync(path.join(folder, "srun"), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (script: WorkerScript): string[] =>
    execFileSync("bash", ["-s"], {
      input: workerScript(script),
      env: { PATH: `${folder}:/usr/bin:/bin`, SLURM_JOB_ID: "12" },
      encoding: "utf8",
    }).split("\n");

  test("every word arrives as it was given, whatever is in it", () => {
    const odd = `it's "$HOME" \`id\` $(id) \\ * ; & # é`;
    const schedulerFile = path.join(folder, odd);
    writeFileSync(schedulerFile, "");
    const words = run({ ...plain, schedulerFile, modules: [odd], workerOptions: [odd] });
    expect(words).toContain("slurm-12");
    expect(words.filter((word) => word === odd)).toHaveLength(2);
    expect(words).toContain(schedulerFile);
  });

  test("a job that starts after its cluster has ended does nothing", () => {
    const words = run({ ...plain, schedulerFile: path.join(folder, "gone.json") });
    expect(words[0]).toBe("not needed any more: its cluster has ended");
  });
});

describe("a time limit", () => {
  test.each([
    ["1h30m", 90],
    ["90s", 2],
    ["30", 30],
    ["1:30", 2],
    ["1:30:00", 90],
    ["2-0", 2_880],
    ["1-12:30", 2_190],
    ["1-00:00:01", 1_441],
    [60_001, 2],
  ])("%s is %i minutes", (time, minutes) => {
    expect(timeLimitMinutes(time)).toBe(minutes);
  });

  test.each(["", "soon", "1:2:3:4", "-5", "0", "UNLIMITED", NaN])("%s is none", (time) => {
    expect(() => timeLimitMinutes(time)).toThrow(RangeError);
  });
});
