// `npm run demo`: runs the guide's job in one command, as a user would in four shells. Starts a
// scheduler and two workers, which find each other by the scheduler file, runs main.ts, and ends them.
// The five sums are printed last.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const guide = import.meta.dirname;
const command = path.join(guide, "..", "..", "cli", "bin.js");
const timeLimitMs = 120_000;

const folder = await mkdtemp(path.join(tmpdir(), "thence-demo-"));
const schedulerFile = path.join(folder, "scheduler.json");
const children: ChildProcess[] = [];

const giveUp = (why: string): void => {
  if (process.exitCode === undefined) console.error(`demo: ${why}`);
  process.exitCode = 1;
  for (const child of children) child.kill("SIGKILL");
};
const timer = setTimeout(() => giveUp(`not done after ${timeLimitMs / 1000} s`), timeLimitMs);
process.once("SIGINT", () => giveUp("interrupted"));
process.once("SIGTERM", () => giveUp("ended from outside"));

try {
  const where = ["--scheduler-file", schedulerFile];
  const tasks = path.join(guide, "tasks.ts");
  const daemons = [
    start([command, "scheduler", "--port", "0", ...where]),
    start([command, "worker", "--module", tasks, "--threads", "1", "--name", "one", ...where]),
    start([command, "worker", "--module", tasks, "--threads", "1", "--name", "two", ...where]),
  ];
  const early = (): void => giveUp("a daemon ended before its time");
  for (const daemon of daemons) daemon.once("exit", early);
  const driver = start([path.join(guide, "main.ts")]);
  let sums = "";
  driver.stdout?.setEncoding("utf8").on("data", (text: string) => (sums += text));
  const codes = [await ended(driver)];

  // The workers end first: a worker that loses its scheduler would log an error.
  for (const daemon of daemons.reverse()) {
    daemon.off("exit", early).kill("SIGTERM");
    codes.push(await ended(daemon));
  }
  if (codes.some((code) => code !== 0)) {
    console.error(`demo: driver, workers and scheduler ended with ${codes.join(", ")}`);
    process.exitCode = 1;
  }
  process.stdout.write(sums);
} finally {
  clearTimeout(timer);
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
}

/** Starts a program on the same Node; its logs are shown. */
function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, THENCE_SCHEDULER_FILE: schedulerFile },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (args[0] === command) child.stdout.pipe(process.stderr, { end: false });
  children.push(child);
  return child;
}

/** The exit code of a program, or the signal that ended it, after its output has been read. */
async function ended(child: ChildProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return child.exitCode ?? child.signalCode ?? 1;
}
