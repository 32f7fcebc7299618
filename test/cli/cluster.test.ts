// `thence cluster slurm` where there is no Slurm: the script it prints, and wrong usage.

import { afterAll, expect, test } from "vitest";
import { reap, thence, type End } from "../processes.ts";

afterAll(reap);

/** On a path without Slurm's commands. */
const cluster = (...args: readonly string[]): Promise<End> =>
  thence(["cluster", ...args], { env: { SLURM_CONF: "/nowhere" } }).ended;

test("--print shows the script of a worker job, and needs no Slurm", async () => {
  const options = ["--cpus-per-worker", "8", "--time", "1h", "--memory", "4GiB"];
  const extra = ["--", "--gres=gpu:1", "--comment=two words"];
  const module = ["--module", "./tasks.ts"];
  const { how, stdout } = await cluster("slurm", "--print", ...options, ...module, ...extra);
  expect(how).toBe(0);
  expect(stdout).toMatch(/^#!\/bin\/bash\n#SBATCH --job-name=thence-worker\n/);
  for (const line of [
    "#SBATCH --cpus-per-task=8",
    "#SBATCH --mem=4096M",
    "#SBATCH --time=60",
    "#SBATCH --gres=gpu:1",
    '#SBATCH "--comment=two words"',
  ]) {
    expect(stdout.split("\n")).toContain(line);
  }
  expect(stdout).toContain("--module ./tasks.ts --lifetime 58m");
});

test.each([
  [["slurm"], "--module"],
  [["slurm", "--module", "./tasks.ts", "--adapt", "3:2"], "Expected min:max"],
  [["slurm", "--module", "./tasks.ts", "--adapt", "0:2", "--workers", "1"], "cannot be used with"],
  [["slurm", "--module", "./tasks.ts", "--time", "soon"], "is not a time limit"],
  [["slurm", "--module", "./tasks.ts", "--interface", "ib77"], "there are: lo (127.0.0.1)"],
  [["pbs"], "unknown command"],
])("%j is wrong usage", async (args, words) => {
  const { how, stderr } = await cluster(...args);
  expect(how).toBe(2);
  expect(stderr).toContain(words);
});

test("the help has an example", async () => {
  const { how, stdout } = await cluster("slurm", "--help");
  expect(how).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}thence cluster slurm --workers 4/);
});
