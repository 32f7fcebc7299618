// The page for those who come from Celery is one program: it runs, and prints what is said beside it.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { thence } from "../processes.ts";
import { programOf, root } from "./code-blocks.ts";

// Node 22 has no `await using`.
const runs = Number(process.versions.node.split(".")[0]) >= 24;

test.runIf(runs)(
  "each line for those who come from Celery does what it says",
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "thence-celery-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
    const program = programOf("docs/migrating.md", "From Celery");
    for (const [file, text] of program) {
      writeFileSync(path.join(folder, file), text.replaceAll('"thence"', `"${root}/src/index.ts"`));
    }
    const schedulerFile = path.join(folder, "scheduler.json");
    const scheduler = thence(["scheduler", "--port", "0", "--scheduler-file", schedulerFile]);
    onTestFinished(() => void scheduler.end("SIGKILL"));
    await scheduler.wrote(/listening on/);
    const module = path.join(folder, "tasks.ts");
    const worker = thence([
      "worker",
      "--scheduler-file",
      schedulerFile,
      "--module",
      module,
      "--threads",
      "2",
    ]);
    onTestFinished(() => void worker.end("SIGKILL"));
    await worker.wrote(/joined the scheduler/);
    const env = { ...process.env, THENCE_SCHEDULER_FILE: schedulerFile };
    const main = path.join(folder, "main.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [main], {
      env,
      timeout: 60_000,
    });
    const said = [...program.get("main.ts")!.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)];
    expect(said.length).toBe(15);
    // The first program of the page prints the five sums.
    const sums = [11, 13, 15, 17, 19].map(String);
    expect(stdout.trimEnd().split("\n")).toEqual([...sums, ...said.map(([, text]) => text)]);
  },
);
