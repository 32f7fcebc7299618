// The benchmarks' own commands: they say what they can do, and what they were wrongly asked.

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = path.join(import.meta.dirname, "..", "..");

async function run(...args: string[]) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    return { code: 0, stdout, stderr: "" };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

test.each(["graphs", "growth"])(
  "bench:%s helps, and refuses what it does not know",
  async (name) => {
    const script = `benchmarks/${name}/main.ts`;
    const help = await run(script, "--help");
    expect(help).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`npm run bench:${name}`),
    });
    const wrongName = await run(script, "no-such-thing");
    expect(wrongName.code).toBe(2);
    expect(wrongName.stderr).toContain('There is nothing here called "no-such-thing"');
    const wrongCount = await run(script, "--repeat", "none");
    expect(wrongCount.code).toBe(2);
    expect(wrongCount.stderr).toContain('--repeat takes a whole number from 1, not "none"');
  },
);
