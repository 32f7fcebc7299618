// The batch scripts of examples/slurm, as they are, on a real Slurm; the guide's own has a test file, and
// the one of the time limit runs for a minute.

import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runJob, startSlurm, whyNoSlurm, type SlurmCluster } from "./cluster.ts";

const root = path.join(import.meta.dirname, "..", "..");

describe.skipIf(whyNoSlurm() !== undefined)("the batch scripts", () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await startSlurm({ nodes: 4, gpusPerNode: 2 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  /** Runs a script in the checkout's folder, to its end; its output goes to `output`. */
  async function run(script: string, output: string): Promise<string> {
    const args = [`--output=${output}`, path.join("examples", "slurm", script)];
    const env = { THENCE_INTERFACE: "lo" };
    expect(await runJob(cluster, args, { cwd: root, env })).toBe(0);
    return existsSync(output) ? readFileSync(output, "utf8") : "";
  }

  test.concurrent("run.sbatch prints the guide's sums, and nothing else", async () => {
    const output = path.join(cluster.directory, "run.out");
    expect(await run("run.sbatch", output)).toBe("11\n13\n15\n17\n19\n");
  });

  test.concurrent("array.sbatch runs four members in one folder", async () => {
    const output = (member: string) => path.join(cluster.directory, `array-${member}.out`);
    await run("array.sbatch", output("%a"));
    for (const member of [1, 2, 3, 4]) {
      const sums = Array.from({ length: 10 }, (_, index) => 2 * (member + index));
      const text = readFileSync(output(String(member)), "utf8");
      expect(text).toBe(`member ${member}: ${sums.join(" ")}\n`);
      await rm(output(String(member)));
    }
  });

  test("gpu.sbatch gives each task a GPU of its own", async () => {
    const output = path.join(cluster.directory, "gpu.out");
    expect(await run("gpu.sbatch", output)).toBe("GPUs used: 0 1\n");
  });
});
