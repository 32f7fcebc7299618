// The three shells of the guide, as typed in a checkout: `npx thence …` on whatever Node there is.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const root = path.join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(path.join(tmpdir(), "thence-npx-"));
const schedulerFile = path.join(folder, "s.json");
const shells: ChildProcess[] = [];

afterAll(() => {
  for (const { pid, exitCode, signalCode } of shells) {
    // npx and what it started are a process group of their own.
    const isOver = exitCode !== null || signalCode !== null;
    if (pid !== undefined && !isOver) process.kill(-pid, "SIGKILL");
  }
  rmSync(folder, { recursive: true, force: true });
});

test(
  "scheduler, worker and submit by npx; SIGTERM ends each daemon with 0",
  { timeout: 90_000 },
  async () => {
    const scheduler = npx(["scheduler", "--port", "0"]);
    const worker = npx(["worker", "--threads", "1", "--module", "examples/guide/tasks.ts"]);
    const submit = ["thence", "submit", "--scheduler-file", schedulerFile, "add", "1", "10"];
    const { stdout } = await promisify(execFile)("npx", submit, { cwd: root, env: userEnv() });
    expect(stdout.trim()).toBe("11");
    expect(await codeAfter("SIGTERM", worker)).toBe(0);
    expect(await codeAfter("SIGTERM", scheduler)).toBe(0);
  },
);

/** Starts one of the daemons, as in a shell of its own. */
function npx([command = "", ...args]: readonly string[]): ChildProcess {
  const line = ["thence", command, "--scheduler-file", schedulerFile, ...args];
  const child = spawn("npx", line, { cwd: root, env: userEnv(), stdio: "ignore", detached: true });
  shells.push(child);
  return child;
}

async function codeAfter(signal: NodeJS.Signals, child: ChildProcess): Promise<number | null> {
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
  return child.exitCode;
}

/** The environment without what `npm test` put into it. */
function userEnv(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const PATH = folders.filter((entry) => !entry.includes("node_modules")).join(path.delimiter);
  return { ...Object.fromEntries(entries), PATH };
}
