// Running Slurm's commands, with programs of the same names in place of Slurm.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BatchSystemError } from "../../../cluster/batch-system.ts";
import { runSlurm, type SlurmCommand } from "../../../cluster/slurm/commands.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "thence-commands-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Puts a program of this name on the path, and returns the environment that finds it. */
function withProgram(name: SlurmCommand, script: string): NodeJS.ProcessEnv {
  writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { ...process.env, PATH: `${folder}:/usr/bin:/bin` };
}

describe("a command of Slurm", () => {
  test("answers with its standard output, having read its input", async () => {
    const environment = withProgram("sbatch", 'echo "$@"; cat');
    const output = await runSlurm("sbatch", ["--parsable", "a b"], { environment, input: "text" });
    expect(output).toBe("--parsable a b\ntext");
  });

  test("that fails is an error with Slurm's own words", async () => {
    const environment = withProgram(
      "sbatch",
      'echo "sbatch: error: invalid partition specified: x" >&2\n' +
        'echo "sbatch: error: Batch job submission failed" >&2\nexit 1',
    );
    await expect(runSlurm("sbatch", [], { environment })).rejects.toThrow(
      new BatchSystemError(
        "sbatch: error: invalid partition specified: x; sbatch: error: Batch job submission failed",
      ),
    );
  });

  test("that is missing says where to run this", async () => {
    const environment = { PATH: "/nowhere" };
    await expect(runSlurm("scancel", ["1"], { environment })).rejects.toThrow(
      "on a login node: there is no scancel on the PATH",
    );
  });

  test("that hangs is ended, and says for how long it was waited", async () => {
    const environment = withProgram("squeue", "exec sleep 60");
    await expect(runSlurm("squeue", [], { environment, timeoutMs: 200 })).rejects.toThrow(
      "squeue did not answer within 0.2 s",
    );
  });

  test("that says nothing and does not read its input fails with its exit code", async () => {
    const environment = withProgram("scontrol", "exit 3");
    const input = "x".repeat(1_000_000);
    await expect(runSlurm("scontrol", ["ping"], { environment, input })).rejects.toThrow(
      "scontrol: Command failed",
    );
  });
});
